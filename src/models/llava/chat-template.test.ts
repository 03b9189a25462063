// Prompts and conversations as transformers encodes them (tools/parity/prompts.py): every id, and which are to be learnt.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { promptsWith } from '../../../test/support/models/sequences.ts';
import { loadTokenizer } from '../../formats/text/tokenizer.ts';
import type { Turn } from '../../tasks/task.ts';
import { chatTemplate, findChatTemplate } from './chat-template.ts';
import { createProcessor, type ProcessorOptions } from './processor.ts';
import type { TemplateName } from './prompts.ts';

interface Case {
  readonly template: string;
  readonly tokenizer: string;
  /** Jinja; null for one of LLaVA's own templates. */
  readonly source: string | null;
  readonly conversations: readonly {
    readonly hasImage: boolean;
    readonly turns: readonly Turn[];
    readonly promptIds: readonly number[];
    readonly trainingIds: readonly number[];
    readonly trained: string;
  }[];
}
interface Expected {
  readonly versions: { readonly transformers: string };
  readonly imageTokens: number;
  readonly cases: readonly Case[];
}

const fixtures = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));
const expected: Expected = JSON.parse(readFileSync(join(fixtures, 'prompts.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'coin-chat-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tokenizerOf = (name: string) => loadTokenizer(join(fixtures, 'tokenizer', name));

function processorOf(tokenizerName: string, template: ProcessorOptions['template'] | { source: string }) {
  const tokenizer = tokenizerOf(tokenizerName);
  const imageTokenId = tokenizer.tokenId('<image>') as number;
  const chosen =
    typeof template === 'object' && 'source' in template
      ? chatTemplate({ file: 'chat_template.jinja', source: template.source }, tokenizer)
      : template;
  return promptsWith(createProcessor({ tokenizer, imageTokenId, template: chosen }), expected.imageTokens);
}

describe.each(expected.cases)(
  '$template with the tokenizer $tokenizer',
  ({ template, tokenizer, source, conversations }) => {
    const imageTokenId = tokenizerOf(tokenizer).tokenId('<image>') as number;
    const processor = processorOf(tokenizer, source === null ? (template as TemplateName) : { source });

    it.each(conversations)(
      `gives transformers ${expected.versions.transformers}' ids, image: $hasImage, %#`,
      (conversation) => {
        const { turns, hasImage, promptIds, trainingIds, trained } = conversation;
        expect([...processor.idsOf(turns[0]?.question ?? '', hasImage)]).toEqual(promptIds);
        const tokens = processor.conversationOf(turns, hasImage);
        expect([...tokens.inputIds]).toEqual(trainingIds);
        expect([...tokens.trained].join('')).toBe(trained);
      },
    );

    it('asks with the tokens that training began with, whatever the texts', () => {
      const texts = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('<image>', '<|im_end|>', ' </s> <s>', '\n\n', ' [/INST] ', '{{ 1 }}', '$&'),
      );
      const turns = fc.array(fc.record({ question: texts, answer: texts }), { minLength: 1, maxLength: 3 });
      fc.assert(
        fc.property(turns, fc.boolean(), (turns, hasImage) => {
          const prompt = processor.idsOf(turns[0]?.question ?? '', hasImage);
          const { inputIds, trained } = processor.conversationOf(turns, hasImage);
          expect(inputIds.subarray(0, prompt.length)).toEqual(prompt);
          expect(trained.subarray(0, prompt.length).includes(1)).toBe(false);
          const ends = [...inputIds.keys()].filter(
            (i) => inputIds[i] === processor.endTokenId && trained[i] === 1,
          );
          expect(ends.length).toBe(turns.length);
          const images = inputIds.filter((id) => id === imageTokenId).length;
          expect(images).toBe(hasImage ? expected.imageTokens : 0);
        }),
        { numRuns: 30 },
      );
    });

    it('puts the image where the text says', () => {
      const { decode } = tokenizerOf(tokenizer);
      const ids = processor.idsOf('before <image> after', true, '<image>');
      expect(ids.filter((id) => id === imageTokenId)).toHaveLength(expected.imageTokens);
      expect(decode(ids.slice(0, ids.indexOf(imageTokenId)))).toMatch(/before $/);
      expect(decode(ids.slice(ids.lastIndexOf(imageTokenId) + 1))).toMatch(/^\s?\s?after/);
    });
  },
);

it('ends answers by itself where a template does not', () => {
  const source =
    "{% for m in messages %}{{ m['role'].upper() + ': ' }}{% for c in m['content'] %}{{ '<image>\n' if c['type'] == 'image' else c['text'] + ' ' }}{% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}";
  const { conversationOf, endTokenId } = processorOf('prepend', { source });
  const tokenizer = tokenizerOf('prepend');
  const turns = [
    { question: 'q', answer: 'a dog' },
    { question: 'r', answer: 'b' },
  ];
  const { inputIds, trained } = conversationOf(turns, true);
  expect(endTokenId).toBe(tokenizer.eosId);
  expect(tokenizer.decode(inputIds, { skipSpecial: false })).toBe(
    '<s> USER: <image><image><image> \nq ASSISTANT: a dog</s>  USER: r ASSISTANT: b</s>  ',
  );
  const learnt = [...inputIds].filter((_, i) => trained[i] === 1);
  expect(tokenizer.decode(learnt, { skipSpecial: false })).toMatch(/^a dog<\/s>.*b<\/s>$/);
});

it('learns after the prompt where a template sets role and answer apart otherwise', () => {
  // As llava-hf's for Qwen2: "assistant \nanswer" in a conversation, "assistant\n" at the end of a prompt.
  const source =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + ' ' }}{% for c in m.content | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}{% for c in m.content | selectattr('type', 'equalto', 'text') %}{% if m.role == 'assistant' %}{% generation %}{{ '\n' + c.text }}{% endgeneration %}{% else %}{{ '\n' + c.text }}{% endif %}{% endfor %}{{ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  const { conversationOf, idsOf, endTokenId } = processorOf('bytes', { source });
  const tokenizer = tokenizerOf('bytes');
  const turns = [
    { question: 'q', answer: 'a dog' },
    { question: 'r', answer: 'b' },
  ];
  const { inputIds, trained } = conversationOf(turns, true);
  expect(endTokenId).toBe(tokenizer.tokenId('<|im_end|>'));
  expect(tokenizer.decode(inputIds, { skipSpecial: false })).toBe(
    '<|im_start|>user <image><image><image>\nq<|im_end|><|im_start|>assistant\na dog<|im_end|>' +
      '<|im_start|>user \nr<|im_end|><|im_start|>assistant\nb<|im_end|>',
  );
  const prompt = idsOf('q', true);
  expect([...inputIds.subarray(0, prompt.length)]).toEqual([...prompt]);
  const learnt = [...inputIds].filter((_, i) => trained[i] === 1);
  expect(tokenizer.decode(learnt, { skipSpecial: false })).toBe('a dog<|im_end|>b<|im_end|>');
});

describe('a chat template', () => {
  const refusal = (source: string, tokenizer = 'bytes') => {
    try {
      processorOf(tokenizer, { source }).conversationOf([{ question: ' q ', answer: 'A\n' }], false);
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing was thrown';
  };

  it.each([
    ['{% for %}', /^chat_template\.jinja: the chat template cannot be read: /],
    [
      "{{ raise_exception('No roles here') }}",
      /^chat_template\.jinja: the chat template cannot be rendered: No roles here/,
    ],
    [
      'hello',
      /the chat template does not write the <image> of a question once, and each question and answer once/,
    ],
    [
      "{% for m in messages %}{{ m['content'] }}{{ m['content'] }}{% endfor %}",
      /does not write the <image> of a question once/,
    ],
    [
      "{% for m in messages %}{{ m['content'] | replace('A', 'B') }}{% endfor %}",
      /changes the texts of questions or answers, so that an answer cannot be told from the rest/,
    ],
    [
      "{% for m in messages %}{{ m['role'] + m['content'] }}{% endfor %}{% if add_generation_prompt %}now{% endif %}",
      /writes something else before an answer than in the prompt that asks for it/,
    ],
  ])('%s is refused', (source, message) => expect(refusal(source)).toMatch(message));

  it('is looked for as transformers does', () => {
    const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
    expect(findChatTemplate(folder)).toBeUndefined();
    write('tokenizer_config.json', {
      chat_template: [{ name: 'tool_use' }, { name: 'default', template: 'one' }],
    });
    expect(findChatTemplate(folder)?.source).toBe('one');
    write('tokenizer_config.json', { chat_template: [{ name: 'tool_use', template: 'one' }] });
    expect(() => findChatTemplate(folder)).toThrow(
      'tokenizer_config.json: chat_template: expected a template as text, or a list with one named "default"',
    );
    write('processor_config.json', { chat_template: null });
    write('chat_template.json', { chat_template: 'two' });
    expect(findChatTemplate(folder)).toEqual({ file: join(folder, 'chat_template.json'), source: 'two' });
    writeFileSync(join(folder, 'chat_template.jinja'), 'three');
    expect(findChatTemplate(folder)?.source).toBe('three');
  });
});

describe('the tokenizer bytes', () => {
  const { texts } = JSON.parse(readFileSync(join(fixtures, 'tokenizer/bytes/expected.json'), 'utf8')) as {
    readonly texts: readonly {
      readonly text: string;
      readonly ids: readonly number[];
      readonly decoded: string;
    }[];
  };
  const tokenizer = tokenizerOf('bytes');

  it.each(texts)('encodes and decodes as tokenizers does: $text', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });
});

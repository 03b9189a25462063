// Which template a model's prompts are written with: what is asked for, what its folder says, or what it was trained with.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readJsonObject } from '../../formats/records/json.ts';
import { openLlava } from './model.ts';

const nano = fileURLToPath(new URL('../../../assets/nano', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'coin-model-'));
afterAll(() => rmSync(root, { recursive: true }));

/** The embedded model with other files in its folder; undefined removes one. */
function folderWith(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(root, 'model-'));
  cpSync(nano, folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    if (content === undefined) rmSync(join(folder, name));
    else writeFileSync(join(folder, name), text);
  }
  return folder;
}

const roles =
  "{% for m in messages %}{% if m['role'] == 'user' %}USER: {{ m['content'] }} ASSISTANT:{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}";
const turns = [
  { question: 'What is in the image?', answer: 'A dog.' },
  { question: 'Where is it?', answer: 'At the left.' },
];

it('is the one that the folder names, and a chat template may write the same', () => {
  const named = openLlava(nano);
  const chat = openLlava(
    folderWith({ 'processor_config.json': { prompt_template: 'chat' }, 'chat_template.jinja': roles }),
  );
  expect([named.template, chat.template]).toEqual(['roles', 'chat']);
  for (const hasImage of [true, false]) {
    const image = hasImage ? { rows: 64 } : undefined;
    expect(chat.prompts.conversation(turns, { image })).toEqual(named.prompts.conversation(turns, { image }));
  }
});

it("is LLaVA-1.5's for a LLaMA whose folder says nothing, and the one asked for before all", () => {
  const silent = folderWith({ 'processor_config.json': undefined, 'chat_template.jinja': roles });
  expect(openLlava(silent).template).toBe('vicuna_v1');
  expect(openLlava(silent, { template: 'llava_llama_2' }).template).toBe('llava_llama_2');
  expect(openLlava(silent, { template: 'chat' }).template).toBe('chat');
});

describe('of a LLaMA', () => {
  const llama3 =
    "{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '\n' + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant\n' }}{% endif %}";
  const silent = { 'processor_config.json': undefined };
  const tokens = readFileSync(join(nano, 'tokenizer.json'), 'utf8').replaceAll(
    '<pad>',
    '<|start_header_id|>',
  );
  const files = {
    ...silent,
    'tokenizer.json': tokens,
    'tokenizer_config.json': { ...readJsonObject(join(nano, 'tokenizer_config.json')), pad_token: null },
  };

  it("is its chat template where that does not write Vicuna's roles", () => {
    expect(openLlava(folderWith({ ...files, 'chat_template.jinja': llama3 })).template).toBe('chat');
    expect(openLlava(folderWith({ ...silent, 'chat_template.jinja': roles })).template).toBe('vicuna_v1');
    expect(openLlava(folderWith(silent)).template).toBe('vicuna_v1');
  });

  it("of the third generation is never Vicuna's by default", () => {
    const folder = folderWith(files);
    expect(() => openLlava(folder)).toThrow('a LLaVA on Llama 3 without a chat template: nothing says how');
    expect(openLlava(folder, { template: 'vicuna_v1' }).template).toBe('vicuna_v1');
  });
});

it('must be there', () => {
  expect(() => openLlava(nano, { template: 'chat' })).toThrow(
    'this model has no chat template: expected chat_template.jinja, chat_template.json or chat_template in tokenizer_config.json\n' +
      "  hint: or name one of LLaVA's own: vicuna_v1, roles, llava_llama_2, plain",
  );
  const unknown = folderWith({ 'processor_config.json': { prompt_template: 'vicuna' } });
  expect(() => openLlava(unknown)).toThrow(
    'processor_config.json: prompt_template: expected vicuna_v1 or roles or llava_llama_2 or plain or chat, found "vicuna"',
  );
});

describe('a folder as transformers 5 saves it', () => {
  const older = readJsonObject(join(nano, 'preprocessor_config.json'));
  const processor = readJsonObject(join(nano, 'processor_config.json'));
  const saved = (imageProcessor: unknown) =>
    folderWith({
      'preprocessor_config.json': undefined,
      'processor_config.json': { ...processor, image_processor: imageProcessor },
    });

  it('has its image processor inside processor_config.json', () => {
    expect(openLlava(saved(older)).transform).toEqual(openLlava(nano).transform);
  });

  it('goes by that one where the older file is there, too', () => {
    const settings = { ...older, image_mean: [0.1, 0.2, 0.3] };
    const both = folderWith({ 'processor_config.json': { ...processor, image_processor: settings } });
    expect(openLlava(both).transform.normalize?.mean).toEqual([0.1, 0.2, 0.3]);
  });

  it('is refused by the place of the setting', () => {
    const place = 'processor_config.json: image_processor';
    expect(() => openLlava(saved({ ...older, do_flip: true }))).toThrow(`${place}.do_flip: this setting is`);
    expect(() => openLlava(saved({ ...older, crop_size: 90 }))).toThrow(
      'processor_config.json: images of 90×90',
    );
    expect(() => openLlava(saved('CLIP'))).toThrow(`${place}: expected an object`);
    expect(() => openLlava(folderWith({ 'preprocessor_config.json': undefined }))).toThrow(
      'expected preprocessor_config.json, or image_processor in processor_config.json, found neither',
    );
  });
});

it('ends an answer with what it was taught to end with', () => {
  const { endTokenIds, prompts, tokenizer } = openLlava(nano);
  const { inputIds, trained } = prompts.conversation(turns);
  const taught = inputIds.at(-1);
  expect(trained.at(-1)).toBe(1);
  expect(taught).toBe(tokenizer.eosId);
  expect(endTokenIds).toContain(taught);
});

// Chat templates of model folders, Jinja as transformers reads it, turned into segments: what of the text is a question's,
// what an answer's, and what are tokens of the template. A text of the data is never read as a token of the template.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { DataError } from '../../base/errors.ts';
import { isObject, readJsonObject, readText } from '../../formats/records/json.ts';
import type { Tokenizer } from '../../formats/text/tokenizer.ts';
import type { Turn } from '../../tasks/task.ts';
import { joined, type PromptTemplate, type Segment, type TemplateQuestion } from './prompts.ts';

export interface ChatTemplateSource {
  readonly file: string;
  readonly source: string;
}

/** The chat template of a model folder, looked for as transformers does; undefined when it has none. */
export function findChatTemplate(folder: string): ChatTemplateSource | undefined {
  const jinja = join(folder, 'chat_template.jinja');
  if (existsSync(jinja)) return { file: jinja, source: readText(jinja) };
  for (const name of ['chat_template.json', 'processor_config.json', 'tokenizer_config.json']) {
    const file = join(folder, name);
    if (!existsSync(file)) continue;
    const found = readJsonObject(file).chat_template;
    if (found === undefined || found === null) continue;
    const source = Array.isArray(found)
      ? found.find((entry) => isObject(entry) && entry.name === 'default')?.template
      : found;
    if (typeof source === 'string') return { file, source };
    throw new DataError({
      file,
      field: 'chat_template',
      message: 'expected a template as text, or a list with one named "default"',
    });
  }
  return undefined;
}

/** LLaVA's placeholder as chat templates spell it. */
const IMAGE = '<image>';

/** Stands for a text of the data while a template is rendered: in no template, and left alone by `trim` and its like. */
const mark = (kind: 'question' | 'after' | 'answer', turn: number) => `\u{f0000}${kind}${turn}\u{f0001}`;
const marks = /(\u{f0000}\w+\u{f0001})/u;

interface Conversation {
  readonly questions: readonly TemplateQuestion[];
  readonly answers: readonly string[];
}

interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string | readonly Readonly<Record<string, string>>[];
}

/** A template of a folder, as one that gives segments. Throws DataError naming the file when it cannot be read. */
export function chatTemplate({ file, source }: ChatTemplateSource, tokenizer: Tokenizer): PromptTemplate {
  const rendering = new Rendering(file, source, tokenizer);
  const sample = rendering.segments({ questions: [{ text: 'q', hasImage: true }], answers: ['a'] });
  const end = sample.find((segment) => segment.kind === 'end')?.token;
  return {
    begins: tokenizer.addsBegin && sample[0]?.kind !== 'begin',
    end,
    prompt: (question) => rendering.segments({ questions: [question], answers: [] }),
    conversation(turns: readonly Turn[], { hasImage }) {
      if (turns.length === 0) throw new Error('prompt: a conversation has no turns');
      const questions = turns.map(({ question }, turn) => ({
        text: question,
        hasImage: hasImage && turn === 0,
      }));
      return rendering.segments({ questions, answers: turns.map(({ answer }) => answer) });
    },
  };
}

class Rendering {
  readonly #template: Template;
  readonly #variables: Readonly<Record<string, string>>;
  /** Control tokens of the tokenizer, the longest first. */
  readonly #controls: RegExp;
  readonly #begin: string;
  readonly #endsWithin: RegExp;
  /** Whether the template takes a message's content as a list of parts; those made for texts alone take a string. */
  readonly #listed: boolean;

  constructor(
    readonly file: string,
    source: string,
    tokenizer: Tokenizer,
  ) {
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw this.#refused(`cannot be read: ${(error as Error).message}`);
    }
    const nameOf = (id: number | undefined) =>
      id === undefined ? '' : tokenizer.decode([id], { skipSpecial: false }).trim();
    this.#begin = nameOf(tokenizer.bosId);
    this.#variables = { bos_token: this.#begin, eos_token: nameOf(tokenizer.eosId) };
    const names = [...tokenizer.controlTokens, IMAGE].sort((a, b) => b.length - a.length).map(literal);
    this.#controls = new RegExp(`(${names.join('|')})`);
    this.#endsWithin = new RegExp(`^(\\s*)(${names.join('|')})`);
    this.#listed = [true, false].find((listed) => this.#takes(listed)) ?? this.#unusable();
  }

  /** What the template writes; without the last answer, the prompt that asks for it. */
  segments(conversation: Conversation): readonly Segment[] {
    const { written, texts } = this.#rendered(conversation);
    const segments: Segment[] = [];
    let position = 0;
    for (const turn of conversation.answers.keys()) {
      const place = written.indexOf(mark('answer', turn));
      const { prompt, separator } = this.#promptBefore(written.slice(0, place), conversation, turn);
      if (prompt.length < position) throw this.#otherPrompt();
      segments.push(...this.#split(prompt.slice(position), texts));
      position = place + mark('answer', turn).length;
      const [whole = '', space = '', token] = this.#endsWithin.exec(written.slice(position)) ?? [];
      const ends = token !== undefined && token !== IMAGE && token !== this.#begin;
      const answer = texts.get(mark('answer', turn)) ?? '';
      segments.push({ kind: 'answer', text: ends ? answer + space : answer, separator });
      segments.push(ends ? { kind: 'end', token } : { kind: 'end' });
      if (ends) position += whole.length;
    }
    return joined([...segments, ...this.#split(written.slice(position), texts)]);
  }

  /**
   * The prompt that asks for an answer, as it stands in the conversation `written` up to there, and the white space that
   * the conversation has after it. Some templates (llava-hf's for Qwen2) write other white space between role and answer
   * than between role and prompt's end: a model is asked by the prompt, so the prompt's is what it learns after.
   */
  #promptBefore(
    written: string,
    { questions, answers }: Conversation,
    turn: number,
  ): { readonly prompt: string; readonly separator: string } {
    const before = { questions: questions.slice(0, turn + 1), answers: answers.slice(0, turn) };
    const asked = this.#render(before, { marked: true });
    const separator = written.slice(asked.length);
    if (written.startsWith(asked) && separator.trim() === '') return { prompt: asked, separator };
    const question = this.#render(before, { marked: true, asks: false });
    const role = (text: string) => text.slice(question.length).replace(/\s/g, '');
    const alike =
      [written, asked].every((text) => text.startsWith(question)) && role(written) === role(asked);
    if (!alike) throw this.#otherPrompt();
    return { prompt: asked, separator: '' };
  }

  #otherPrompt(): DataError {
    return this.#refused('writes something else before an answer than in the prompt that asks for it');
  }

  /** A rendering with marks for the data's texts, and what those texts become: templates may trim them. */
  #rendered(conversation: Conversation): { written: string; texts: ReadonlyMap<string, string> } {
    const written = this.#render(conversation, { marked: true });
    const real = this.#render(conversation, { marked: false });
    const same = (text: string) => text;
    const trimmed = (text: string) => text.trim();
    for (const [forQuestions, forAnswers] of [
      [same, same],
      [trimmed, trimmed],
      [trimmed, same],
      [same, trimmed],
    ] as const) {
      const texts = new Map([
        ...conversation.questions.flatMap((question, turn) => {
          const [first = '', after = ''] = placed(question);
          return [
            [mark('question', turn), forQuestions(first)],
            [mark('after', turn), forQuestions(after)],
          ] as const;
        }),
        ...conversation.answers.map((answer, turn) => [mark('answer', turn), forAnswers(answer)] as const),
      ]);
      const filled = written.split(marks).map((part) => texts.get(part) ?? part);
      if (filled.join('') === real) return { written, texts };
    }
    throw this.#refused(
      'changes the texts of questions or answers, so that an answer cannot be told from the rest',
    );
  }

  /** Text between answers as segments: the data's texts as they are, the template's own with its control tokens. */
  #split(written: string, texts: ReadonlyMap<string, string>): readonly Segment[] {
    return written.split(marks).flatMap((part): readonly Segment[] => {
      const text = texts.get(part);
      if (text !== undefined) return [{ kind: 'text', text }];
      return part.split(this.#controls).map((piece, index): Segment => {
        if (index % 2 === 0) return { kind: 'text', text: piece };
        if (piece === IMAGE) return { kind: 'image' };
        return piece === this.#begin ? { kind: 'begin' } : { kind: 'control', token: piece };
      });
    });
  }

  #render(
    { questions, answers }: Conversation,
    {
      marked,
      listed = this.#listed,
      asks = answers.length < questions.length,
    }: { readonly marked: boolean; readonly listed?: boolean; readonly asks?: boolean },
  ): string {
    const messages = questions.flatMap((question, turn): Message[] => {
      const answer = answers[turn];
      return [
        { role: 'user', content: questionContent(question, { listed, ...(marked ? { turn } : {}) }) },
        ...(answer === undefined
          ? []
          : [
              {
                role: 'assistant',
                content: textContent(marked ? mark('answer', turn) : answer, listed),
              } as const,
            ]),
      ];
    });
    try {
      return this.#template.render({ ...this.#variables, messages, add_generation_prompt: asks });
    } catch (error) {
      throw this.#refused(`cannot be rendered: ${(error as Error).message}`);
    }
  }

  #takes(listed: boolean): boolean {
    const conversation = { questions: [{ text: 'q', hasImage: true }], answers: ['a'] };
    try {
      const written = this.#render(conversation, { marked: true, listed });
      const expected = [IMAGE, mark('question', 0), mark('answer', 0)];
      const places = expected.map((part) => written.indexOf(part));
      return places.every(
        (place, index) => place >= 0 && place === written.lastIndexOf(expected[index] ?? ''),
      );
    } catch (error) {
      if (error instanceof DataError && listed) return false;
      throw error;
    }
  }

  #unusable(): never {
    throw this.#refused(`does not write the ${IMAGE} of a question once, and each question and answer once`);
  }

  #refused(message: string): DataError {
    return new DataError({ file: this.file, message: `the chat template ${message}` });
  }
}

function textContent(text: string, listed: boolean): Message['content'] {
  return listed ? [{ type: 'text', text }] : text;
}

/** A question as a message; with `turn`, marks in place of its texts. */
function questionContent(
  question: TemplateQuestion,
  { listed, turn }: { readonly listed: boolean; readonly turn?: number },
): Message['content'] {
  const [first = '', after] = placed(question);
  const shown = (text: string, kind: 'question' | 'after') => (turn === undefined ? text : mark(kind, turn));
  const words = { type: 'text', text: shown(first, 'question') };
  const image = { type: 'image' };
  if (!question.hasImage) return textContent(words.text, listed);
  if (after === undefined) return listed ? [image, words] : `${IMAGE}\n${words.text}`;
  const rest = shown(after, 'after');
  return listed ? [words, image, { type: 'text', text: rest }] : `${words.text}${IMAGE}${rest}`;
}

/** The text before the image's marker and that after it; the whole text where it has none. */
function placed({ text, hasImage, imageMarker }: TemplateQuestion): readonly string[] {
  const parts = hasImage && imageMarker !== undefined ? text.split(imageMarker) : [];
  return parts.length === 2 ? parts : [text];
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

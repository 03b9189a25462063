// How LLaVA writes a conversation: the template's text around questions, answers and the image.
// Gives segments, not tokens; the processor encodes them. A prompt is always a conversation's beginning.
// Source: LLaVA-1.5's conversation templates `vicuna_v1`, `llava_llama_2` and `plain`. Chat templates of model folders are
// in chat-template.ts.

import type { Turn } from '../../tasks/task.ts';

export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  /** Stands for all placeholder tokens of the one image. */
  | { readonly kind: 'image' }
  /** Begin of sequence, of a tokenizer that has one; before everything it need not be written. */
  | { readonly kind: 'begin' }
  /** A token of the template, by its exact content. */
  | { readonly kind: 'control'; readonly token: string }
  /** What the model must learn to say, after a text that ends where a prompt does. */
  | { readonly kind: 'answer'; readonly text: string; readonly separator: string }
  /** The token that ends an answer, learnt with it: the template's own, or by default the end of sequence. */
  | { readonly kind: 'end'; readonly token?: string };

/** A question and where the image stands in it: before it, unless the text says otherwise. */
export interface TemplateQuestion {
  readonly text: string;
  readonly hasImage: boolean;
  /** The image stands where `text` has this, once. Without it, or where it does not occur, before the text. */
  readonly imageMarker?: string;
}

export interface PromptTemplate {
  /** A conversation for training, the image in its first question. */
  conversation(turns: readonly Turn[], options: { readonly hasImage: boolean }): readonly Segment[];
  /** The prompt that asks one question: what `conversation` writes before the first answer. */
  prompt(question: TemplateQuestion): readonly Segment[];
  /** Whether the begin of sequence stands before everything, where the tokenizer has one. */
  readonly begins: boolean;
  /** Content of the token that ends an answer; undefined for the tokenizer's end of sequence. */
  readonly end?: string;
}

interface NamedTemplate {
  /** What is written around a question. `first`: with the system's text. */
  question(inner: readonly Segment[], first: boolean): readonly Segment[];
  readonly separator: string;
  /** Written after an answer, and learnt with it. */
  readonly afterAnswer: string;
}

const text = (value: string): Segment => ({ kind: 'text', text: value });

const roles = (system: string): NamedTemplate => ({
  question: (inner, first) => [text(`${first ? system : ''}USER: `), ...inner, text(' ASSISTANT:')],
  separator: ' ',
  afterAnswer: '',
});

const llama2System =
  'You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist the user with a variety of tasks using natural language.';

const templates = {
  vicuna_v1: roles(
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions. ",
  ),
  /** `vicuna_v1` without its system sentence, for models with a small vocabulary. */
  roles: roles(''),
  llava_llama_2: {
    question: (inner, first) => [
      ...(first ? [] : [{ kind: 'begin' } as const]),
      text(`[INST] ${first ? `<<SYS>>\n${llama2System}\n<</SYS>>\n\n` : ''}`),
      ...inner,
      text(' [/INST]'),
    ],
    separator: ' ',
    afterAnswer: ' ',
  },
  // paper: a caption ends with a line break / here: with the end of sequence, so that generation stops.
  plain: {
    question: (inner) => inner.filter(({ kind }) => kind === 'image'),
    separator: ' ',
    afterAnswer: '',
  },
} as const satisfies Readonly<Record<string, NamedTemplate>>;

export type TemplateName = keyof typeof templates;
export const templateNames = Object.keys(templates) as readonly TemplateName[];

/** One of LLaVA's own templates. */
export function namedTemplate(name: TemplateName): PromptTemplate {
  const { question, separator, afterAnswer }: NamedTemplate = templates[name];
  const ask = (inner: TemplateQuestion, first: boolean) => joined(question(questionParts(inner), first));
  return {
    begins: true,
    prompt: (asked) => ask(asked, true),
    conversation(turns, { hasImage }) {
      if (turns.length === 0) throw new Error('prompt: a conversation has no turns');
      return turns.flatMap((turn, index): Segment[] => [
        ...ask({ text: turn.question, hasImage: hasImage && index === 0 }, index === 0),
        { kind: 'answer', text: `${turn.answer}${afterAnswer}`, separator },
        { kind: 'end' },
      ]);
    },
  };
}

/** A question's text with the image in its place; on a line of its own where the text does not say where. */
export function questionParts({ text: asked, hasImage, imageMarker }: TemplateQuestion): readonly Segment[] {
  if (!hasImage) return [text(asked)];
  const [before = '', ...after] = imageMarker === undefined ? [] : asked.split(imageMarker);
  if (after.length !== 1) return [{ kind: 'image' }, text(`\n${asked}`)];
  return [text(before), { kind: 'image' }, text(after[0] ?? '')];
}

/** Neighbouring texts as one: a tokenizer must see them so. */
export function joined(segments: readonly Segment[]): readonly Segment[] {
  const result: Segment[] = [];
  for (const segment of segments) {
    const last = result.at(-1);
    if (segment.kind !== 'text') result.push(segment);
    else if (last?.kind === 'text') result.splice(-1, 1, text(last.text + segment.text));
    else if (segment.text !== '') result.push(segment);
  }
  return result;
}

import { describe, expect, it } from 'vitest';
import { namedTemplate, questionParts, type Segment } from './prompts.ts';

const turns = [
  { question: 'q', answer: 'a' },
  { question: 'r', answer: 'b' },
];

function spelled(segments: readonly Segment[]): string {
  const spellings = { image: '<image>', begin: '<s>', end: '</s>' } as const;
  return segments
    .map((segment) => {
      if (segment.kind === 'control') return segment.token;
      if (segment.kind === 'answer') return segment.separator + segment.text;
      return segment.kind === 'text' ? segment.text : spellings[segment.kind];
    })
    .join('');
}

describe('conversations as LLaVA writes them', () => {
  it('vicuna_v1', () => {
    expect(spelled(namedTemplate('vicuna_v1').conversation(turns, { hasImage: true }))).toBe(
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions. USER: <image>\nq ASSISTANT: a</s>USER: r ASSISTANT: b</s>",
    );
    expect(namedTemplate('roles').prompt({ text: 'q', hasImage: false })).toEqual([
      { kind: 'text', text: 'USER: q ASSISTANT:' },
    ]);
  });

  it('llava_llama_2', () => {
    expect(spelled(namedTemplate('llava_llama_2').conversation(turns, { hasImage: true }))).toBe(
      '[INST] <<SYS>>\nYou are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist the user with a variety of tasks using natural language.\n<</SYS>>\n\n<image>\nq [/INST] a </s><s>[INST] r [/INST] b </s>',
    );
  });

  it('plain', () => {
    expect(spelled(namedTemplate('plain').conversation(turns.slice(0, 1), { hasImage: true }))).toBe(
      '<image> a</s>',
    );
  });
});

it.each([
  [{ text: 'q', hasImage: false }, 'q'],
  [{ text: 'q', hasImage: true }, '<image>\nq'],
  [{ text: 'what <image> is', hasImage: true }, '<image>\nwhat <image> is'],
  [{ text: 'what <image> is', hasImage: true, imageMarker: '<image>' }, 'what <image> is'],
  [{ text: 'what is <image>', hasImage: true, imageMarker: '<image>' }, 'what is <image>'],
  [{ text: 'what is', hasImage: true, imageMarker: '<image>' }, '<image>\nwhat is'],
])('%j', (question, expected) => {
  const parts = questionParts(question);
  expect(spelled(parts)).toBe(expected);
  expect(parts.filter(({ kind }) => kind === 'image')).toHaveLength(question.hasImage ? 1 : 0);
});

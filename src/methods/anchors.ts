// Task anchors: the mean picture and the mean text of every task, and how near a question is to each of them.
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { cosine, meanOf, unit } from './embeddings.ts';
import type { Embeddings, Question, TaskContext, Values } from './method.ts';

const kinds = ['image', 'text'] as const;

/** `anchor-image/<task>` and `anchor-text/<task>`: means of unit vectors over the task's own samples. */
export function anchorsOf({ examples, task, tools: { embeddings } }: TaskContext): [string, HostTensor][] {
  const own = examples.filter((example) => example.task === task);
  const pictures = own.flatMap(({ features }) =>
    features === undefined ? [] : [embeddings.image(features)],
  );
  const texts = own.map(({ sample }) => embeddings.text(sample.turns[0]?.question ?? ''));
  const size = embeddings.image(undefined).length;
  return [
    [`anchor-image/${task}`, float32(meanOf(pictures, size), [size])],
    [`anchor-text/${task}`, float32(meanOf(texts, texts[0]?.length ?? 0), [texts[0]?.length ?? 0])],
  ];
}

export interface Nearness {
  readonly image: readonly number[];
  readonly text: readonly number[];
}

/** Cosines of a question with each task's anchors; 0 to a picture where there is none. */
export function nearness(
  memory: Values,
  tasks: readonly string[],
  question: Question,
  embeddings: Embeddings,
): Nearness {
  const own = { image: embeddings.image(question.features), text: embeddings.text(question.text) };
  const [image, text] = kinds.map((kind) =>
    tasks.map((task) => cosine(own[kind], unit(memory.get(`anchor-${kind}/${task}`)?.data ?? []))),
  );
  return { image: image as number[], text: text as number[] };
}

/** softmax(scores / temperature). */
export function softmaxOf(scores: readonly number[], temperature: number): number[] {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp((score - largest) / temperature));
  const whole = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / whole);
}

/** Index of the first largest value. */
export function argmaxOf(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

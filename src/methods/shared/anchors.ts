// Task anchors: the mean image and the mean text of every task, and how near a question is to each of them.
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import type { Embeddings, Question, TaskContext, Values } from '../method.ts';
import { cosine, Mean, unit } from './embeddings.ts';

const kinds = ['image', 'text'] as const;
/** Examples whose images are held at once while a task's are averaged. */
const SHOWN_TOGETHER = 16;

/** `anchor-image/<task>` and `anchor-text/<task>`: means of unit vectors over the task's own samples. */
export async function anchorsOf({ examples, task, tools }: TaskContext): Promise<[string, HostTensor][]> {
  const { embeddings } = tools;
  const own = examples.filter((example) => example.task === task);
  const images = new Mean(own.filter(({ sample }) => sample.image !== undefined).length);
  const texts = new Mean(own.length);
  for await (const batch of tools.batches(own, SHOWN_TOGETHER)) {
    for (const { features, sample } of batch) {
      if (features !== undefined) images.add(embeddings.image(features));
      texts.add(embeddings.text(sample.turns[0]?.question ?? ''));
    }
  }
  const size = embeddings.image(undefined).length;
  const text = texts.of(0);
  return [
    [`anchor-image/${task}`, float32(images.of(size), [size])],
    [`anchor-text/${task}`, float32(text, [text.length])],
  ];
}

export interface Nearness {
  readonly image: readonly number[];
  readonly text: readonly number[];
}

/** Cosines of a question with each task's anchors; 0 to an image where there is none. */
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

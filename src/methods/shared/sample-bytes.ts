// What keeping samples to train on again takes: their images' files and their texts.
import { statSync } from 'node:fs';
import type { TrainSample } from '../../tasks/task.ts';

/** Bytes; an image that several samples show counts once. */
export function bytesOfSamples(samples: readonly TrainSample[]): number {
  const images = new Set(samples.flatMap(({ image }) => image ?? []));
  const texts = samples.reduce((total, { turns }) => total + Buffer.byteLength(JSON.stringify(turns)), 0);
  return [...images].reduce(
    (total, path) => total + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
    texts,
  );
}

// What keeping samples to train on again takes: their pictures' files and their texts.
import { statSync } from 'node:fs';
import type { TrainSample } from '../../tasks/task.ts';

/** Bytes; a picture that several samples show counts once. */
export function bytesOfSamples(samples: readonly TrainSample[]): number {
  const pictures = new Set(samples.flatMap(({ image }) => image ?? []));
  const texts = samples.reduce((total, { turns }) => total + Buffer.byteLength(JSON.stringify(turns)), 0);
  return [...pictures].reduce(
    (total, path) => total + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
    texts,
  );
}

// Conversations about one image packed side by side: the image's tokens once, then every turn as if it were the first
// one. A turn sees the image and itself, at the positions it would have alone, so nothing is given away by other turns.
import { type HostTensor, int32 } from '../tensor/dtype.ts';
import type { TokenizedSample } from './batches.ts';

/** Its positions are those that a token would have if its turn were alone. */
export interface PackedSample extends TokenizedSample {
  /** 0 for what all turns share, then the turn's number from 1. */
  readonly segments: Int32Array;
}

/** Packs single-turn conversations that begin alike and have positions on one axis. Throws when there is none. */
export function packTurns(turns: readonly TokenizedSample[]): PackedSample {
  const [first] = turns;
  if (first === undefined) throw new Error('packing: no turns');
  const shared = sharedLength(turns);
  const total = shared + turns.reduce((sum, { inputIds }) => sum + inputIds.length - shared, 0);
  const inputIds = new Int32Array(total);
  const trained = new Uint8Array(total);
  const segments = new Int32Array(total);
  const positions = new Int32Array(total);
  const imageRows = new Int32Array(total);
  inputIds.set(first.inputIds.subarray(0, shared));
  imageRows.set(first.imageRows.subarray(0, shared));
  positions.set(first.positions.subarray(0, shared));
  let start = shared;
  turns.forEach((turn, index) => {
    inputIds.set(turn.inputIds.subarray(shared), start);
    trained.set(turn.trained.subarray(shared), start);
    imageRows.set(turn.imageRows.subarray(shared), start);
    positions.set(turn.positions.subarray(shared), start);
    segments.fill(index + 1, start, start + turn.inputIds.length - shared);
    start += turn.inputIds.length - shared;
  });
  const nextPosition = Math.max(...turns.map((turn) => turn.nextPosition));
  return { inputIds, imageRows, trained, segments, positions, nextPosition };
}

/** What the packed loss is fed beside a training batch: `segments`, int32 [batch, tokens]. */
export function packedSegments(
  samples: readonly PackedSample[],
  tokens: number,
): { readonly segments: HostTensor } {
  const segments = new Int32Array(samples.length * tokens);
  samples.forEach((sample, row) => {
    segments.set(sample.segments, row * tokens);
  });
  return { segments: int32(segments, [samples.length, tokens]) };
}

/** Tokens with which all turns begin, short of the first answer: the trained tokens must each have one before them. */
function sharedLength(turns: readonly TokenizedSample[]): number {
  const [first, ...rest] = turns as [TokenizedSample, ...TokenizedSample[]];
  const limit = Math.min(...turns.map(({ trained }) => trained.indexOf(1) - 1));
  let length = 0;
  while (length < limit && rest.every(({ inputIds }) => inputIds[length] === first.inputIds[length]))
    length++;
  return length;
}

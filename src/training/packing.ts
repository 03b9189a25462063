// Conversations about one image packed side by side: the image's tokens once, then every turn as if it were the first
// one. A turn sees the image and itself, at the positions it would have alone, so nothing is given away by other turns.
import { type HostTensor, int32 } from '../tensor/dtype.ts';
import type { TokenizedSample } from './batches.ts';

export interface PackedSample extends TokenizedSample {
  /** 0 for what all turns share, then the turn's number from 1. */
  readonly segments: Int32Array;
  /** Where a token would stand if its turn were alone. */
  readonly positions: Int32Array;
}

/** Packs single-turn conversations that begin alike. Throws when there is none. */
export function packTurns(turns: readonly TokenizedSample[]): PackedSample {
  const [first] = turns;
  if (first === undefined) throw new Error('packing: no turns');
  const shared = sharedLength(turns);
  const total = shared + turns.reduce((sum, { inputIds }) => sum + inputIds.length - shared, 0);
  const inputIds = new Int32Array(total);
  const trained = new Uint8Array(total);
  const segments = new Int32Array(total);
  const positions = new Int32Array(total);
  inputIds.set(first.inputIds.subarray(0, shared));
  for (let i = 0; i < shared; i++) positions[i] = i;
  let start = shared;
  turns.forEach((turn, index) => {
    inputIds.set(turn.inputIds.subarray(shared), start);
    trained.set(turn.trained.subarray(shared), start);
    for (let i = shared; i < turn.inputIds.length; i++) {
      segments[start + i - shared] = index + 1;
      positions[start + i - shared] = i;
    }
    start += turn.inputIds.length - shared;
  });
  return { inputIds, trained, segments, positions };
}

/** What the packed loss is fed beside a training batch: int32 [batch, tokens] each. */
export function packedLayout(
  samples: readonly PackedSample[],
  tokens: number,
): { readonly segments: HostTensor; readonly positions: HostTensor } {
  const shape = [samples.length, tokens];
  const segments = new Int32Array(samples.length * tokens);
  const positions = new Int32Array(samples.length * tokens);
  samples.forEach((sample, row) => {
    segments.set(sample.segments, row * tokens);
    positions.set(sample.positions, row * tokens);
  });
  return { segments: int32(segments, shape), positions: int32(positions, shape) };
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

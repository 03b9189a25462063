// Tokens that a method puts in after the beginning of a sequence.
import { withWords } from '../../models/sequence.ts';
import type { Example } from '../method.ts';

/** An example with tokens put in that are not learnt. */
export function withInserted<
  Tokens extends Pick<Example, 'inputIds' | 'imageRows' | 'positions' | 'nextPosition' | 'trained'>,
>(example: Tokens, ids: readonly number[]): Tokens {
  const { trained } = example;
  return {
    ...withWords(example, ids),
    trained: Uint8Array.from([trained[0] ?? 0, ...ids.map(() => 0), ...trained.subarray(1)]),
  };
}

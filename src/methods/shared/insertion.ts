// Tokens that a method puts in after the beginning of a sequence.
import type { Example } from '../method.ts';

/** Ids with others after the first. */
export function idsWithInserted(inputIds: Int32Array, ids: readonly number[]): Int32Array {
  return ids.length === 0
    ? inputIds
    : Int32Array.from([...inputIds.subarray(0, 1), ...ids, ...inputIds.subarray(1)]);
}

/** An example with tokens put in that are not learnt. */
export function withInserted<Tokens extends Pick<Example, 'inputIds' | 'trained'>>(
  example: Tokens,
  ids: readonly number[],
): Tokens {
  const { inputIds, trained } = example;
  return {
    ...example,
    inputIds: idsWithInserted(inputIds, ids),
    trained: Uint8Array.from([trained[0] ?? 0, ...ids.map(() => 0), ...trained.subarray(1)]),
  };
}

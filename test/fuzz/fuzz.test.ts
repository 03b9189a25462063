// A few damaged files for every reader; `npm run fuzz` tries as many as there is time for.
import { beforeAll, expect, it } from 'vitest';
import { buildIfStale } from '../support/built.ts';

interface Fuzzed {
  readonly cases: number;
  readonly refused: number;
  readonly faults: readonly { readonly index: number; readonly file: string; readonly fault: string }[];
}

beforeAll(buildIfStale);

it('every reader accepts a damaged file, or refuses it in one short sentence', async () => {
  const { fuzzTarget }: { fuzzTarget: (name: string, options: object) => Promise<Fuzzed> } = await import(
    new URL('./fuzz.mjs', import.meta.url).href
  );
  const { cases, refused, faults } = await fuzzTarget('all', { seed: 1, cases: 600 });
  expect(faults).toEqual([]);
  expect(cases).toBe(600);
  // Damage that no reader notices would show nothing.
  expect(refused).toBeGreaterThan(200);
  expect(refused).toBeLessThan(600);
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sequenceOf } from '../../../test/support/models/sequences.ts';
import {
  type CachedShape,
  capacityFor,
  decodingRows,
  paddedTokens,
  prefixLength,
  readingRows,
} from './shapes.ts';

const sized = (layers: number, heads: number, headSize: number): CachedShape => ({
  layers,
  cache: { heads, headSize },
});

describe('shapes', () => {
  it('pad a prompt by less than a quarter, or to 8 tokens', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (tokens) => {
        const padded = paddedTokens(tokens);
        expect(padded).toBeGreaterThanOrEqual(tokens);
        expect(padded - tokens).toBeLessThan(Math.max(8, tokens / 4));
        expect(paddedTokens(padded)).toBe(padded);
      }),
    );
  });

  it('give a cache room for 32 tokens more, and at most about half of it unused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (length) => {
        const capacity = capacityFor(length);
        expect(capacity).toBeGreaterThanOrEqual(length + 32);
        expect(capacity).toBeLessThanOrEqual(Math.max(128, 1.5 * (length + 32)));
      }),
    );
  });

  it('decode in 32 rows, in fewer where a token’s caches are large', () => {
    expect(decodingRows(sized(12, 12, 64))).toBe(32);
    expect(decodingRows(sized(32, 32, 128))).toBe(8);
    expect(decodingRows(sized(64, 8, 128))).toBe(16);
    expect(decodingRows(sized(200, 100, 128))).toBe(1);
  });

  it('read about 256 tokens at once, at least one row and never more than decode', () => {
    const small = sized(12, 12, 64);
    expect([1, 8, 24, 66, 256, 600].map((tokens) => readingRows(small, tokens))).toEqual([
      32, 32, 10, 3, 1, 1,
    ]);
    expect(readingRows(sized(32, 32, 128), 8)).toBe(8);
  });

  it('begin a prompt with its image, or with a text that is worth keeping', () => {
    const image = 9;
    const ids = (...values: number[]) => sequenceOf(values, image);
    const text = Int32Array.from({ length: 20 }, (_, i) => i + 100);
    expect(prefixLength(ids(1, 2, image, image, 3, 4))).toBe(4);
    expect(prefixLength(ids(1, image, image))).toBe(0);
    expect(prefixLength(ids(...text, 1))).toBe(0);
    expect(prefixLength(ids(...text, 1), text)).toBe(20);
    expect(prefixLength(ids(...text), text)).toBe(19);
    expect(prefixLength(ids(...text.slice(0, 15), 1, 2), text)).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { evaluate } from '../../test/support/plain.ts';
import { float32, int32 } from '../tensor/dtype.ts';
import { grad } from '../tensor/grad.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input, sum } from '../tensor/ops.ts';
import { floats } from '../tensor/program.ts';
import { DropoutSites } from './dropout.ts';

const [rows, columns] = [100, 100];
const ones = float32(new Float32Array(rows * columns).fill(1), [rows, columns]);
const x = input('x', 'float32', ['rows', columns]);

async function masks(probability: number, keys: readonly number[]): Promise<Float32Array[][]> {
  const sites = new DropoutSites(probability, input('key', 'int32', []));
  const outputs = { first: sites.apply(x), second: sites.apply(x) };
  const results: Float32Array[][] = [];
  for (const key of keys) {
    const result = await evaluate(outputs, { x: ones, key: int32([key], []) });
    results.push([floats(result.first), floats(result.second)]);
  }
  return results;
}

const share = (mask: Float32Array, other: Float32Array): number =>
  mask.filter((value, i) => value === 0 && other[i] === 0).length / mask.length;

describe('dropout', () => {
  it('draws the same masks from the same key', async () => {
    const [a, b] = await masks(0.3, [12, 12]);
    expect(a).toEqual(b);
  });

  it.each([0.05, 0.3, 0.9])('zeroes a share of %s and scales the rest', async (probability) => {
    const all = (await masks(probability, [1, 2])).flat();
    for (const mask of all) {
      // Five standard deviations of a binomial share of 10,000.
      const bound = 5 * Math.sqrt((probability * (1 - probability)) / mask.length);
      expect(Math.abs(share(mask, mask) - probability)).toBeLessThan(bound);
      expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / (1 - probability))]));
    }
  });

  it('draws independent masks for another key and for another site', async () => {
    const [[a, b], [c]] = (await masks(0.3, [1, 2])) as [Float32Array[], Float32Array[]];
    const bound = 5 * Math.sqrt((0.09 * 0.91) / ones.data.length);
    expect(Math.abs(share(a as Float32Array, b as Float32Array) - 0.09)).toBeLessThan(bound);
    expect(Math.abs(share(a as Float32Array, c as Float32Array) - 0.09)).toBeLessThan(bound);
  });

  it('passes gradients through the mask that it applied', async () => {
    const y = new DropoutSites(0.5, input('key', 'int32', [])).apply(x);
    const [dx] = grad(sum(y), [x]);
    const result = await evaluate({ y, dx: dx as Tensor }, { x: ones, key: int32([3], []) });
    expect(result.dx).toEqual(result.y);
  });

  it('is switched off without a key or with probability 0', () => {
    const key = input('key', 'int32', []);
    expect(new DropoutSites(0.5, undefined).apply(x)).toBe(x);
    expect(new DropoutSites(0, key).apply(x)).toBe(x);
    expect(new DropoutSites(0.5, undefined).active).toBe(false);
    expect(new DropoutSites(0.5, key).active).toBe(true);
  });
});

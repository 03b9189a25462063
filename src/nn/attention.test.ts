import { describe, expect, it } from 'vitest';
import { relativeDifference } from '../../test/support/parity.ts';
import { dot, evaluate, normal, rowsOf, softmaxOf } from '../../test/support/plain.ts';
import { type HostTensor, int32 } from '../tensor/dtype.ts';
import { constant, input } from '../tensor/ops.ts';
import { floats } from '../tensor/program.ts';
import {
  attention,
  cachedAttention,
  causalMask,
  MASKED,
  mergeHeads,
  repeatHeads,
  rotaryFrequencies,
  rotate,
  rotation,
  splitHeads,
} from './attention.ts';

const [heads, size] = [2, 4];

describe('attention', () => {
  const shape = [2, heads, 'tokens', size] as const;
  const qkv = {
    q: input('q', 'float32', shape),
    k: input('k', 'float32', shape),
    v: input('v', 'float32', shape),
  };
  const feeds = Object.fromEntries(['q', 'k', 'v'].map((name) => [name, normal(name, [2, heads, 5, size])]));

  /** One query over the first `visible` keys of its head. */
  function plain(row: number, visible: number): number[] {
    const [q, k, v] = ['q', 'k', 'v'].map((name) => rowsOf(feeds[name] as HostTensor)) as [
      number[][],
      number[][],
      number[][],
    ];
    const first = row - (row % 5);
    const seen = Array.from({ length: visible }, (_, i) => first + i);
    const weights = softmaxOf(seen.map((key) => dot(q[row] as number[], k[key] as number[]) / 2));
    return Array.from({ length: size }, (_, i) =>
      dot(
        weights,
        seen.map((key) => v[key]?.[i] as number),
      ),
    );
  }

  it('is softmax(q·kᵀ/√size)·v', async () => {
    const result = await evaluate({ y: attention(qkv.q, qkv.k, qkv.v) }, feeds);
    const expected = Array.from({ length: 20 }, (_, row) => plain(row, 5)).flat();
    expect(relativeDifference(floats(result.y), expected)).toBeLessThan(1e-5);
  });

  it('sees under the causal mask what came before and itself', async () => {
    const result = await evaluate({ y: attention(qkv.q, qkv.k, qkv.v, causalMask('tokens')) }, feeds);
    const expected = Array.from({ length: 20 }, (_, row) => plain(row, (row % 5) + 1)).flat();
    expect(relativeDifference(floats(result.y), expected)).toBeLessThan(1e-5);
  });

  it('has a finite result where everything is masked', async () => {
    const y = attention(qkv.q, qkv.k, qkv.v, constant(MASKED));
    const result = await evaluate({ y }, feeds);
    expect(floats(result.y).every(Number.isFinite)).toBe(true);
  });
});

describe('cachedAttention', () => {
  const kvHeads = heads / 2;
  const cache = (name: string, tokens: string) => ({
    k: input(`${name} k`, 'float32', ['batch', kvHeads, tokens, size]),
    v: input(`${name} v`, 'float32', ['batch', kvHeads, tokens, size]),
  });
  const y = cachedAttention(
    input('q', 'float32', ['batch', heads, 'tokens', size]),
    { ...cache('past', 'past'), length: input('length', 'int32', ['batch']) },
    cache('added', 'tokens'),
  );

  it.each([1, 4])('of %s tokens after right-padded caches ≡ causal attention in one row', async (count) => {
    const lengths = [6, 0, 5];
    const past = { k: normal('pk', [3, kvHeads, 6, size]), v: normal('pv', [3, kvHeads, 6, size]) };
    const added = { k: normal('ak', [3, kvHeads, count, size]), v: normal('av', [3, kvHeads, count, size]) };
    const q = normal('q', [3, heads, count, size]);
    const feeds = { 'past k': past.k, 'past v': past.v, 'added k': added.k, 'added v': added.v };
    const cached = await evaluate({ y }, { q, length: int32(lengths, [3]), ...feeds });
    for (const [row, length] of lengths.entries()) {
      for (let head = 0; head < heads; head++) {
        const shared = Math.floor(head / (heads / kvHeads));
        const seen = (part: 'k' | 'v') => [
          ...rowsOf(past[part])
            .slice((row * kvHeads + shared) * 6)
            .slice(0, length),
          ...rowsOf(added[part])
            .slice((row * kvHeads + shared) * count)
            .slice(0, count),
        ];
        for (let token = 0; token < count; token++) {
          const place = (row * heads + head) * count + token;
          const visible = length + token + 1;
          const scores = seen('k')
            .slice(0, visible)
            .map((key) => dot(rowsOf(q)[place] as number[], key) / 2);
          const weights = softmaxOf(scores);
          const wanted = Array.from({ length: size }, (_, i) =>
            dot(
              weights,
              seen('v')
                .slice(0, visible)
                .map((value) => value[i] as number),
            ),
          );
          expect(relativeDifference(rowsOf(cached.y)[place] as number[], wanted)).toBeLessThan(1e-5);
        }
      }
    }
  });
});

describe('heads', () => {
  it('repeats each key-value head for a group of query heads that stand side by side', async () => {
    const x = input('x', 'float32', ['batch', 2, 'tokens', 3]);
    const values = normal('x', [2, 2, 2, 3]);
    const { y } = await evaluate({ y: repeatHeads(x, 6) }, { x: values });
    expect(y.shape).toEqual([2, 6, 2, 3]);
    const blocks = (tensor: HostTensor) => {
      const rows = rowsOf(tensor);
      return Array.from({ length: rows.length / 2 }, (_, i) => rows.slice(2 * i, 2 * i + 2));
    };
    const [a, b, c, d] = blocks(values);
    expect(blocks(y)).toEqual([a, a, a, b, b, b, c, c, c, d, d, d]);
    expect(repeatHeads(x, 2)).toBe(x);
  });

  it('merges what it split', async () => {
    const x = input('x', 'float32', ['batch', 'tokens', 12]);
    const values = normal('x', [2, 3, 12]);
    const split = splitHeads(x, 4);
    const result = await evaluate({ split, merged: mergeHeads(split) }, { x: values });
    expect(result.split.shape).toEqual([2, 4, 3, 3]);
    expect(result.merged).toEqual(values);
    // Token 1 of row 0, head 2: entries 6…8 of its vector.
    expect(rowsOf(result.split)[2 * 3 + 1]).toEqual(rowsOf(values)[1]?.slice(6, 9));
  });
});

describe('rotary positions', () => {
  const options = rotaryFrequencies({ size: 8, theta: 10000 });
  const x = input('x', 'float32', ['batch', 2, 'tokens', 8]);
  const shared = rotate(x, rotation(input('shared positions', 'int32', ['tokens']), options));
  const own = rotate(x, rotation(input('own positions', 'int32', ['batch', 'tokens']), options));
  const values = normal('x', [2, 2, 3, 8]);

  it('turns pairs (i, i + size/2) by position·θ^(−2i/size)', async () => {
    const { y } = await evaluate({ y: shared }, { x: values, 'shared positions': int32([0, 7, 100], [3]) });
    const expected = rowsOf(values).map((row, index) => {
      const position = [0, 7, 100][index % 3] as number;
      return row.map((value, i) => {
        const angle = position * 10000 ** ((-2 * (i % 4)) / 8);
        const other = row[(i + 4) % 8] as number;
        return value * Math.cos(angle) + (i < 4 ? -1 : 1) * other * Math.sin(angle);
      });
    });
    expect(relativeDifference(floats(y), expected.flat())).toBeLessThan(1e-5);
  });

  it('gives the same whether rows share positions or have their own', async () => {
    const positions = [3, 4, 5];
    const result = await evaluate(
      { shared, own },
      {
        x: values,
        'shared positions': int32(positions, [3]),
        'own positions': int32([...positions, ...positions], [2, 3]),
      },
    );
    expect(result.own).toEqual(result.shared);
    const moved = await evaluate({ own }, { x: values, 'own positions': int32([3, 4, 5, 6, 7, 8], [2, 3]) });
    expect(floats(moved.own).subarray(0, 48)).toEqual(floats(result.shared).subarray(0, 48));
    expect(floats(moved.own).subarray(48)).not.toEqual(floats(result.shared).subarray(48));
  });
});

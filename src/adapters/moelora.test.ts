import { describe, expect, it } from 'vitest';
import { maxAbsolute, relativeDifference } from '../../test/support/parity.ts';
import { dot, evaluate, normal, rowsOf, softmaxOf, times } from '../../test/support/plain.ts';
import { type HostTensor, int32 } from '../tensor/dtype.ts';
import { grad } from '../tensor/grad.ts';
import { isMadeBy, type Tensor, topologicalOrder } from '../tensor/graph.ts';
import { input, matmul, mul, sum } from '../tensor/ops.ts';
import { floats } from '../tensor/program.ts';
import { randomUniformAt } from '../tensor/random-hash.ts';
import type { AdapterSpec } from './adapter.ts';
import { MoeLoraAdapter } from './moelora.ts';

const layer = 'model.language_model.layers.3.mlp.down_proj';
const [batch, tokens, inputs, outputs, rank, alpha, experts] = [2, 3, 10, 7, 12, 18, 4];
const size = rank / experts;

function traced(changes: Partial<AdapterSpec> = {}, dropoutKey?: Tensor) {
  const spec: AdapterSpec = { kind: 'moelora', rank, alpha, dropout: 0, experts, ...changes };
  const adapter = new MoeLoraAdapter(spec, new Set([layer]), dropoutKey);
  const x = input('x', 'float32', ['batch', 'tokens', inputs]);
  const base = matmul(x, input('W0', 'float32', [outputs, inputs]), { transposeB: true });
  const y = adapter.adapt(layer, x, base);
  const parameter = (part: string) => adapter.parameters.get(`${layer}.${part}.weight`)?.tensor as Tensor;
  return { adapter, x, base, y, parameter };
}

const feeds: Readonly<Record<string, HostTensor>> = {
  x: normal('x', [batch, tokens, inputs]),
  W0: normal('W0', [outputs, inputs]),
  [`${layer}.lora_A.weight`]: normal('A', [rank, inputs]),
  [`${layer}.lora_B.weight`]: normal('B', [outputs, rank]),
  [`${layer}.lora_router.weight`]: normal('router', [experts, inputs]),
};
const zeroB = { ...feeds, [`${layer}.lora_B.weight`]: normal('B', [outputs, rank], 0) };

/** y = W₀x + (α/r)·Σ_e g_e·B_e·A_e·(mask_e ⊙ x), an expert after another. */
function byLoopOverExperts(maskOf: (expert: number, row: number, column: number) => number): Float64Array {
  const part = (name: string) => rowsOf(feeds[name] as HostTensor);
  const a = part(`${layer}.lora_A.weight`);
  const b = part(`${layer}.lora_B.weight`);
  const result = part('x').map((x, row) => {
    const gates = softmaxOf(times(part(`${layer}.lora_router.weight`), x));
    const y = times(part('W0'), x);
    for (let e = 0; e < experts; e++) {
      const dropped = x.map((value, column) => value * maskOf(e, row, column));
      const inner = times(a.slice(e * size, (e + 1) * size), dropped);
      y.forEach((_, o) => {
        const columns = (b[o] as number[]).slice(e * size, (e + 1) * size);
        y[o] = (y[o] as number) + (alpha / rank) * (gates[e] as number) * dot(columns, inner);
      });
    }
    return y;
  });
  return Float64Array.from(result.flat());
}

const matrixProducts = (y: Tensor): number =>
  topologicalOrder([y]).filter((tensor) => isMadeBy(tensor, 'matmul')).length;

describe('MoELoRA', () => {
  it('as one product gated per rank block ≡ a loop over experts', async () => {
    const { y } = traced();
    // W₀, the router, A and B, however many experts.
    expect(matrixProducts(y)).toBe(4);
    expect(matrixProducts(traced({ experts: 12 }).y)).toBe(4);
    const result = await evaluate({ y }, feeds);
    expect(result.y.shape).toEqual([batch, tokens, outputs]);
    expect(
      relativeDifference(
        floats(result.y),
        byLoopOverExperts(() => 1),
      ),
    ).toBeLessThan(1e-5);
  });

  it('≡ a loop over experts under dropout, with a mask for each expert', async () => {
    const probability = 0.4;
    const { y } = traced({ dropout: probability }, input('key', 'int32', []));
    expect(matrixProducts(y)).toBe(4);
    for (const key of [1, -77]) {
      const mask = (expert: number, row: number, column: number) => {
        const position = (expert * batch * tokens + row) * inputs + column;
        return randomUniformAt(key, 0, position) < probability ? 0 : 1 / (1 - probability);
      };
      const result = await evaluate({ y }, { ...feeds, key: int32([key], []) });
      expect(relativeDifference(floats(result.y), byLoopOverExperts(mask))).toBeLessThan(1e-5);
    }
  });

  it('drops nothing in evaluation', async () => {
    const { y } = traced({ dropout: 0.4 });
    const result = await evaluate({ y }, feeds);
    expect(
      relativeDifference(
        floats(result.y),
        byLoopOverExperts(() => 1),
      ),
    ).toBeLessThan(1e-5);
  });

  it('mixes with gates that add up to 1 for every token', async () => {
    const [gates] = topologicalOrder([traced().y]).filter((tensor) => isMadeBy(tensor, 'softmax'));
    const result = await evaluate({ gates: gates as Tensor }, feeds);
    expect(result.gates.shape).toEqual([batch, tokens, experts]);
    for (const row of rowsOf(result.gates)) {
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect(Math.min(...row)).toBeGreaterThan(0);
    }
  });

  it('changes no bit of W₀x while B is zero', async () => {
    const { y, base } = traced();
    const result = await evaluate({ y, base }, zeroB);
    expect(floats(result.y)).toEqual(floats(result.base));
  });

  it('teaches the router once B is not zero', async () => {
    const { y, parameter } = traced();
    const loss = sum(mul(y, input('w', 'float32', ['batch', 'tokens', outputs])));
    const names = ['lora_A', 'lora_B', 'lora_router'] as const;
    const gradients = grad(loss, names.map(parameter));
    const named = Object.fromEntries(names.map((name, i) => [name, gradients[i] as Tensor]));
    const largest = async (values: typeof feeds) => {
      const result = await evaluate(named, { ...values, w: normal('w', [batch, tokens, outputs]) });
      return names.map((name) => maxAbsolute(floats(result[name])));
    };
    const [a0, b0, router0] = await largest(zeroB);
    expect([a0, router0]).toEqual([0, 0]);
    expect(b0).toBeGreaterThan(0.1);
    for (const gradient of await largest(feeds)) expect(gradient).toBeGreaterThan(0.1);
  });

  it('begins with A ~ N(0, 0.01²), B = 0 and a uniform router, from the seed alone', () => {
    const { adapter } = traced();
    const wide = new MoeLoraAdapter(
      { kind: 'moelora', rank: 64, alpha: 1, dropout: 0, experts: 8 },
      new Set([layer]),
    );
    const x = input('x', 'float32', ['rows', 256]);
    wide.adapt(layer, x, x);
    const initial = (part: string, seed: number, of = wide) =>
      of.parameters.get(`${layer}.${part}.weight`)?.initialise(seed) as Float32Array;
    const a = initial('lora_A', 3);
    const deviation = Math.sqrt(a.reduce((total, value) => total + value * value, 0) / a.length);
    expect(deviation).toBeGreaterThan(0.0098);
    expect(deviation).toBeLessThan(0.0102);
    expect(maxAbsolute(initial('lora_B', 3))).toBe(0);
    const router = maxAbsolute(initial('lora_router', 3));
    expect(router).toBeGreaterThan(0.9 / 16);
    expect(router).toBeLessThanOrEqual(1 / 16);
    expect(initial('lora_A', 3)).toEqual(a);
    expect(initial('lora_A', 4)).not.toEqual(a);
    expect([...adapter.parameters].map(([name, { shape }]) => [name.split('.').at(-2), shape])).toEqual([
      ['lora_A', [rank, inputs]],
      ['lora_B', [outputs, rank]],
      ['lora_router', [experts, inputs]],
    ]);
  });

  it.each([5, 0, undefined])('refuses %s experts for rank 12', (count) => {
    const spec = { kind: 'moelora', rank, alpha, dropout: 0 } as const;
    expect(
      () => new MoeLoraAdapter(count === undefined ? spec : { ...spec, experts: count }, new Set()),
    ).toThrow('do not divide rank 12');
  });
});

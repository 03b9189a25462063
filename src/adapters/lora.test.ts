import { describe, expect, it } from 'vitest';
import { maxAbsolute, relativeDifference } from '../../test/support/parity.ts';
import { evaluate, normal, rowsOf, times } from '../../test/support/plain.ts';
import { float32, type HostTensor, int32 } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input, matmul } from '../tensor/ops.ts';
import { floats } from '../tensor/program.ts';
import { randomUniformAt } from '../tensor/random-hash.ts';
import { LoraAdapter } from './lora.ts';

const layer = 'model.language_model.layers.0.self_attn.v_proj';
const [rows, inputs, outputs, rank, alpha] = [5, 16, 6, 4, 10];

function traced(dropout = 0, dropoutKey?: Tensor) {
  const adapter = new LoraAdapter({ kind: 'lora', rank, alpha, dropout }, new Set([layer]), dropoutKey);
  const x = input('x', 'float32', ['rows', inputs]);
  const base = matmul(x, input('W0', 'float32', [outputs, inputs]), { transposeB: true });
  return { adapter, x, base, y: adapter.adapt(layer, x, base) };
}

const feeds: Readonly<Record<string, HostTensor>> = {
  x: normal('x', [rows, inputs]),
  W0: normal('W0', [outputs, inputs]),
  [`${layer}.lora_A.weight`]: normal('A', [rank, inputs]),
  [`${layer}.lora_B.weight`]: normal('B', [outputs, rank]),
};

/** y = W₀x + (α/r)·B·A·(mask ⊙ x). */
function plain(maskOf: (position: number) => number): Float64Array {
  const part = (name: string) => rowsOf(feeds[name] as HostTensor);
  const result = part('x').map((x, row) => {
    const dropped = x.map((value, column) => value * maskOf(row * inputs + column));
    const update = times(part(`${layer}.lora_B.weight`), times(part(`${layer}.lora_A.weight`), dropped));
    return times(part('W0'), x).map((value, o) => value + (alpha / rank) * (update[o] as number));
  });
  return Float64Array.from(result.flat());
}

describe('LoRA', () => {
  it('adds (α/r)·B·A·x', async () => {
    const result = await evaluate({ y: traced(0.3).y }, feeds);
    expect(
      relativeDifference(
        floats(result.y),
        plain(() => 1),
      ),
    ).toBeLessThan(1e-5);
  });

  it('drops its own input and not that of W₀', async () => {
    const { y } = traced(0.3, input('key', 'int32', []));
    const result = await evaluate({ y }, { ...feeds, key: int32([99], []) });
    const mask = (position: number) => (randomUniformAt(99, 0, position) < 0.3 ? 0 : 1 / 0.7);
    expect(relativeDifference(floats(result.y), plain(mask))).toBeLessThan(1e-5);
  });

  it('changes no bit of W₀x while B is zero', async () => {
    const { y, base } = traced();
    const zero = { ...feeds, [`${layer}.lora_B.weight`]: float32(new Float32Array(24), [outputs, rank]) };
    const result = await evaluate({ y, base }, zero);
    expect(floats(result.y)).toEqual(floats(result.base));
  });

  it('begins with A uniform in ±1/√inputs and B zero', () => {
    const { adapter } = traced();
    const [a, b] = [...adapter.parameters.values()].map((parameter) => parameter.initialise(1));
    expect(maxAbsolute(a as Float32Array)).toBeGreaterThan(0.8 / 4);
    expect(maxAbsolute(a as Float32Array)).toBeLessThanOrEqual(1 / 4);
    expect(maxAbsolute(b as Float32Array)).toBe(0);
  });

  it.each([
    'lm_head',
    'model.multi_modal_projector.linear_1',
    'model.vision_tower.encoder.layers.0.self_attn.v_proj',
    'model.language_model.layers.0.input_layernorm',
    'language_model.layers.0.self_attn.v_proj',
  ])('leaves %s as it is', (name) => {
    const { adapter, x, base } = traced();
    const before = adapter.parameters.size;
    expect(adapter.adapt(name, x, base)).toBe(base);
    expect(adapter.parameters.size).toBe(before);
  });

  it('shares its parameters where a layer is traced twice', () => {
    const { adapter, x, base } = traced();
    adapter.adapt(layer, x, base);
    expect(adapter.parameters.size).toBe(2);
  });
});

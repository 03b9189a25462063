import { describe, expect, it } from 'vitest';
import type { StoredAdapter } from '../../adapters/peft.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import { normalArray } from '../../tensor/random.ts';
import type { Method } from '../define.ts';
import { methodNames, methods } from '../index.ts';
import { blend, hasStageLora, stageLora } from './blend.ts';
import { largestDifference, product } from './matrices.ts';

const layers = [
  'model.language_model.layers.0.self_attn.q_proj',
  'model.language_model.layers.1.mlp.up_proj',
];
const [INPUTS, OUTPUTS] = [6, 5];

function lora(seed: number, rank: number, alpha: number): StoredAdapter {
  const tensor = (name: string, shape: readonly [number, number]) =>
    [name, float32(normalArray(shape[0] * shape[1], { seed, purpose: name }), shape)] as const;
  return {
    spec: { kind: 'lora', rank, alpha, dropout: 0 },
    values: new Map(
      layers.flatMap((layer) => [
        tensor(`${layer}.lora_A.weight`, [rank, INPUTS]),
        tensor(`${layer}.lora_B.weight`, [OUTPUTS, rank]),
      ]),
    ),
  };
}

/** α/r·B·A */
function update({ spec, values }: StoredAdapter, layer: string): Float64Array {
  const [b, a] = ['B', 'A'].map((part) => values.get(`${layer}.lora_${part}.weight`) as HostTensor);
  return product(b as HostTensor, a as HostTensor, spec.alpha / spec.rank);
}

const projector = (value: number) => new Map([['linear_1.bias', float32([value, 2 * value], [2])]]);

describe('a weighted sum of stages', () => {
  const [first, second] = [lora(1, 2, 8), lora(2, 3, 3)];

  it('is the weighted sum of their updates, of joined ranks', () => {
    const { adapter } = blend([
      { weight: 0.25, lora: first, projector: projector(1) },
      { weight: 0.75, lora: second, projector: projector(3) },
    ]);
    expect(adapter.spec).toMatchObject({ kind: 'lora', rank: 5, alpha: 5 });
    for (const layer of layers) {
      const other = update(second, layer);
      const wanted = update(first, layer).map((value, i) => 0.25 * value + 0.75 * (other[i] as number));
      expect(largestDifference(update(adapter, layer), wanted)).toBeLessThan(1e-5);
    }
  });

  it('is not the sum of factors', () => {
    const same = lora(3, 2, 8);
    const { adapter } = blend([
      { weight: 0.5, lora: first, projector: projector(1) },
      { weight: 0.5, lora: same, projector: projector(1) },
    ]);
    const [layer = ''] = layers;
    const mean = (part: string) => {
      const [one, other] = [first, same].map(
        ({ values }) => values.get(`${layer}.lora_${part}.weight`)?.data,
      );
      return (one as Float32Array).map((value, i) => (value + (other?.[i] as number)) / 2);
    };
    const ofFactors = product(float32(mean('B'), [OUTPUTS, 2]), float32(mean('A'), [2, INPUTS]), 4);
    expect(largestDifference(update(adapter, layer), ofFactors)).toBeGreaterThan(0.1);
  });

  it('shrinks with the base model, which adds nothing, and moves the projector in a line', () => {
    const { adapter, projector: moved } = blend([
      { weight: 0.75, projector: projector(1) },
      { weight: 0.25, lora: first, projector: projector(5) },
    ]);
    const [layer = ''] = layers;
    const wanted = update(first, layer).map((value) => value / 4);
    expect(largestDifference(update(adapter, layer), wanted)).toBeLessThan(1e-5);
    expect([...(moved.get('linear_1.bias')?.data ?? [])]).toEqual([2, 4]);
  });

  it('of one stage is that stage, and a stage of weight 0 adds nothing', () => {
    const [layer = ''] = layers;
    const alone = blend([{ weight: 1, lora: first, projector: projector(7) }]);
    expect(largestDifference(update(alone.adapter, layer), update(first, layer))).toBeLessThan(1e-6);
    const both = blend([
      { weight: 1, lora: first, projector: projector(7) },
      { weight: 0, lora: second, projector: projector(1) },
    ]);
    expect(update(both.adapter, layer)).toEqual(update(alone.adapter, layer));
    expect(both.projector).toEqual(alone.projector);
  });
});

describe('a stage as one LoRA', () => {
  const settings = { adapter: { rank: 4, alpha: 8, dropout: 0, experts: 2 }, own: {} };

  it('is declared by methods with one adapter, or with merged ones', () => {
    const mixable = methodNames.filter((name) => hasStageLora((methods[name] as Method).open(settings)));
    const expected = [
      'lora',
      'joint',
      'replay',
      'ewc',
      'lwf',
      'olora',
      'merge-then-new',
      'reglora',
      'keeplora',
    ];
    expect([...mixable].sort()).toEqual([...expected].sort());
    for (const name of ['moelora', 'clmoe', 'hide'] as const) {
      const state = { trained: new Map(), memory: { tensors: new Map(), notes: {} } };
      expect(stageLora(methods[name].open(settings), state)).toBeUndefined();
    }
  });
});

import { describe, expect, it } from 'vitest';
import { inputProvider, relativeDifference } from '../../../../test/support/parity.ts';
import { evaluate, normal } from '../../../../test/support/plain.ts';
import { attention, causalMask, repeatHeads } from '../../../nn/attention.ts';
import { Scope } from '../../../nn/scope.ts';
import { float32, type HostTensor, int32 } from '../../../tensor/dtype.ts';
import type { Tensor } from '../../../tensor/graph.ts';
import { input } from '../../../tensor/ops.ts';
import { floats } from '../../../tensor/program.ts';
import { llamaDecoder } from './network.ts';
import { plainRotary } from './rotary.ts';

const config = {
  vocabularySize: 1,
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headSize: 6,
  maxPositions: 64,
  epsilon: 1e-5,
  rotary: plainRotary(10000),
  biases: { queryKeyValue: false, attentionOutput: false, mlp: false },
  family: 'llama' as const,
  windows: [],
  tiedEmbeddings: false,
};

const made = new Map<string, Tensor>();
const y = llamaDecoder(
  new Scope(inputProvider(made), 'decoder'),
  config,
  input('x', 'float32', ['batch', 'tokens', 16]),
  input('positions', 'int32', ['tokens']),
  (_, q, k, v) => attention(q, repeatHeads(k, 4), repeatHeads(v, 4), causalMask('tokens')),
);
const weights = Object.fromEntries(
  [...made].map(([name, { shape }]) => [name, normal(name, shape as number[], 0.4)]),
);

async function decode(x: HostTensor, positions: readonly number[]): Promise<Float32Array> {
  const result = await evaluate({ y }, { ...weights, x, positions: int32(positions, [positions.length]) });
  return floats(result.y);
}

describe('llamaDecoder', () => {
  const x = normal('x', [2, 5, 16]);
  const positions = [0, 1, 2, 3, 4];

  it('asks for the published weights, by name and shape', () => {
    expect([...made].map(([name, { shape }]) => [name, shape])).toEqual([
      ...[0, 1].flatMap((layer) =>
        (
          [
            ['input_layernorm', [16]],
            ['self_attn.q_proj', [24, 16]],
            ['self_attn.k_proj', [12, 16]],
            ['self_attn.v_proj', [12, 16]],
            ['self_attn.o_proj', [16, 24]],
            ['post_attention_layernorm', [16]],
            ['mlp.gate_proj', [24, 16]],
            ['mlp.up_proj', [24, 16]],
            ['mlp.down_proj', [16, 24]],
          ] as const
        ).map(([name, shape]) => [`decoder.layers.${layer}.${name}.weight`, shape]),
      ),
      ['decoder.norm.weight', [16]],
    ]);
  });

  it('does not look ahead: a later token changes no bit before it', async () => {
    const changed = Float32Array.from(x.data, (value, i) => (Math.floor(i / 16) % 5 >= 3 ? -value : value));
    const [before, after] = [
      await decode(x, positions),
      await decode(float32(changed, [2, 5, 16]), positions),
    ];
    for (const row of [0, 1]) {
      const kept = (values: Float32Array) => values.slice(row * 80, row * 80 + 48);
      expect(kept(after)).toEqual(kept(before));
      expect(after.slice(row * 80 + 48, row * 80 + 80)).not.toEqual(
        before.slice(row * 80 + 48, row * 80 + 80),
      );
    }
  });

  it('sees distances and not places: all positions may move by the same', async () => {
    const here = await decode(x, positions);
    const there = await decode(
      x,
      positions.map((position) => position + 30),
    );
    expect(relativeDifference(there, here)).toBeLessThan(1e-4);
    const stretched = await decode(
      x,
      positions.map((position) => position * 3),
    );
    expect(relativeDifference(stretched, here)).toBeGreaterThan(1e-2);
  });
});

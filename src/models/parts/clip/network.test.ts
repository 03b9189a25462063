import { describe, expect, it } from 'vitest';
import { inputProvider, relativeDifference } from '../../../../test/support/parity.ts';
import { evaluate, normal } from '../../../../test/support/plain.ts';
import { Scope } from '../../../nn/scope.ts';
import { float32, type HostTensor } from '../../../tensor/dtype.ts';
import type { Tensor } from '../../../tensor/graph.ts';
import { input } from '../../../tensor/ops.ts';
import { floats } from '../../../tensor/program.ts';
import { clipVision } from './network.ts';

const config = {
  family: 'clip',
  hiddenSize: 8,
  intermediateSize: 12,
  layers: 3,
  heads: 2,
  imageSize: 6,
  patchSize: 2,
  activation: 'quick_gelu',
  epsilon: 1e-5,
} as const;

function traced(layers?: number) {
  const made = new Map<string, Tensor>();
  const pixels = input('pixels', 'float32', ['images', 3, 6, 6]);
  return { made, states: clipVision(new Scope(inputProvider(made)), config, pixels, layers) };
}

describe('clipVision', () => {
  it('gives the state after the embeddings and after every layer', () => {
    const { states } = traced();
    expect(states).toHaveLength(4);
    for (const { shape } of states) expect(shape).toEqual(['images', 10, 8]);
  });

  it('needs no weights of layers that it does not compute', () => {
    const { states, made } = traced(2);
    expect(states).toHaveLength(3);
    const layers = [...made.keys()].flatMap((name) => /encoder\.layers\.(\d+)\./.exec(name)?.[1] ?? []);
    expect([...new Set(layers)]).toEqual(['0', '1']);
  });

  it('embeds patches as a convolution with stride = kernel, class token first', async () => {
    const { states, made } = traced(0);
    const feeds: Record<string, HostTensor> = { pixels: normal('pixels', [2, 3, 6, 6]) };
    for (const [name, { shape }] of made) feeds[name] = normal(name, shape as number[]);
    // A norm that only standardises.
    feeds['pre_layrnorm.weight'] = float32(new Float32Array(8).fill(1), [8]);
    feeds['pre_layrnorm.bias'] = float32(new Float32Array(8), [8]);
    const { state } = await evaluate({ state: states[0] as Tensor }, feeds);
    const at = (name: string, index: number) => feeds[name]?.data[index] as number;

    const expected: number[] = [];
    for (let image = 0; image < 2; image++) {
      for (let token = 0; token < 10; token++) {
        const [row, column] = [Math.floor((token - 1) / 3), (token - 1) % 3];
        const sums = Array.from({ length: 8 }, (_, unit) => {
          let total = at('embeddings.position_embedding.weight', token * 8 + unit);
          if (token === 0) return total + at('embeddings.class_embedding', unit);
          for (let channel = 0; channel < 3; channel++)
            for (let dy = 0; dy < 2; dy++)
              for (let dx = 0; dx < 2; dx++) {
                const pixel = ((image * 3 + channel) * 6 + row * 2 + dy) * 6 + column * 2 + dx;
                const kernel = ((unit * 3 + channel) * 2 + dy) * 2 + dx;
                total += at('pixels', pixel) * at('embeddings.patch_embedding.weight', kernel);
              }
          return total;
        });
        const mean = sums.reduce((a, b) => a + b) / 8;
        const variance = sums.reduce((a, b) => a + (b - mean) ** 2, 0) / 8;
        expected.push(...sums.map((value) => (value - mean) / Math.sqrt(variance + config.epsilon)));
      }
    }
    expect(relativeDifference(floats(state), expected)).toBeLessThan(1e-5);
  });
});

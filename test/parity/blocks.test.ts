// Blocks of the models against PyTorch and transformers: forward passes, gradients of the input and of every weight, and
// learning rates. The whole model is in llava.test.ts.
import { beforeAll, describe, expect, it } from 'vitest';
import { MoeLoraAdapter } from '../../src/adapters/moelora.ts';
import { clipEncoderLayer } from '../../src/models/parts/clip/network.ts';
import { llamaDecoderLayer } from '../../src/models/parts/llama/network.ts';
import { plainRotary } from '../../src/models/parts/llama/rotary.ts';
import { attention, causalMask, repeatHeads, rotaryFrequencies, rotation } from '../../src/nn/attention.ts';
import { learningRateFactor, type ScheduleName } from '../../src/nn/schedule.ts';
import { Scope } from '../../src/nn/scope.ts';
import type { HostTensor } from '../../src/tensor/dtype.ts';
import { float32 } from '../../src/tensor/dtype.ts';
import { grad } from '../../src/tensor/grad.ts';
import { isMadeBy, type Tensor, topologicalOrder } from '../../src/tensor/graph.ts';
import { input, iota, matmul, mul, sum } from '../../src/tensor/ops.ts';
import { floats, Program } from '../../src/tensor/program.ts';
import { decoderLinears } from '../support/models/sequences.ts';
import {
  expectParity,
  inputProvider,
  maxAbsolute,
  readFixture,
  readFixtureJson,
  type TensorTable,
} from '../support/parity.ts';

/** Computes a block's output and the gradients of sum(output · loss_weights) for the given inputs. */
async function runBlock(
  output: Tensor,
  withRespectTo: ReadonlyMap<string, Tensor>,
  feeds: Readonly<Record<string, HostTensor>>,
  more: Readonly<Record<string, Tensor>> = {},
): Promise<Record<string, HostTensor>> {
  const weights = input('loss_weights', 'float32', output.shape);
  const gradients = grad(sum(mul(output, weights)), [...withRespectTo.values()]);
  const named = [...withRespectTo.keys()].map((name, i) => [`gradients.${name}`, gradients[i]] as const);
  const program = await Program.compile({ output, ...more, ...Object.fromEntries(named) } as Record<
    string,
    Tensor
  >);
  const result = await program.runOnHost(feeds);
  await program.dispose();
  return result;
}

const fedParameters = (inputs: TensorTable): Record<string, HostTensor> =>
  Object.fromEntries(
    inputs.namesAfter('parameters.').map((name) => [name, inputs.get(`parameters.${name}`)]),
  );

describe('LLaMA block', () => {
  const { inputs, expected } = readFixture('llama-block');
  const config = {
    vocabularySize: 1,
    hiddenSize: 32,
    intermediateSize: 64,
    layers: 1,
    heads: 4,
    kvHeads: 2,
    headSize: 8,
    maxPositions: 64,
    epsilon: 1e-5,
    rotary: plainRotary(10000),
    biases: { queryKeyValue: false, attentionOutput: false, mlp: false },
    family: 'llama' as const,
    windows: [],
    tiedEmbeddings: false,
  };
  const made = new Map<string, Tensor>();
  const x = input('hidden_states', 'float32', ['batch', 'tokens', 32]);
  const turn = rotation(iota('tokens'), rotaryFrequencies({ size: 8, theta: 10000 }));
  const output = llamaDecoderLayer(new Scope(inputProvider(made)), config, x, turn, (q, k, v) =>
    attention(q, repeatHeads(k, 4), repeatHeads(v, 4), causalMask('tokens')),
  );
  let result: Record<string, HostTensor>;

  beforeAll(async () => {
    const feeds = {
      hidden_states: inputs.get('hidden_states'),
      loss_weights: inputs.get('loss_weights'),
      ...fedParameters(inputs),
    };
    result = await runBlock(output, new Map([['hidden_states', x], ...made]), feeds, {
      cosine: turn.cos,
      sine: turn.sin,
    });
  });

  it('gives the layer’s output at every real position', () => {
    const mask = inputs.get('attention_mask').data;
    const ours = floats(result.output).map((value, i) => value * (mask[Math.floor(i / 32)] as number));
    expectParity('output', float32(ours, [2, 7, 32]), expected.get('output'));
  });

  it('turns by the same angles', () => {
    for (const [ours, theirs] of [
      ['cosine', 'rotary_cosine'],
      ['sine', 'rotary_sine'],
    ] as const) {
      const half = floats(result[ours]);
      // transformers stores each angle twice, once per half.
      const whole = Float32Array.from(
        { length: 56 },
        (_, i) => half[Math.floor(i / 8) * 4 + (i % 4)] as number,
      );
      expectParity(theirs, float32(whole, [7, 8]), expected.get(theirs));
    }
  });

  const names = expected.namesAfter('gradients.');
  it('has a fixture for every gradient', () => {
    expect([...made.keys(), 'hidden_states'].sort()).toEqual([...names].sort());
  });
  it.each(names)('gradient of %s', (name) => {
    expectParity(name, result[`gradients.${name}`], expected.get(`gradients.${name}`));
  });
});

describe('CLIP block', () => {
  const { inputs, expected } = readFixture('clip-block');
  const config = {
    hiddenSize: 32,
    intermediateSize: 64,
    layers: 1,
    heads: 4,
    imageSize: 24,
    patchSize: 8,
    activation: 'quick_gelu',
    epsilon: 1e-5,
  } as const;
  const made = new Map<string, Tensor>();
  const x = input('hidden_states', 'float32', ['images', 'tokens', 32]);
  const output = clipEncoderLayer(new Scope(inputProvider(made)), config, x);
  let result: Record<string, HostTensor>;

  beforeAll(async () => {
    const feeds = {
      hidden_states: inputs.get('hidden_states'),
      loss_weights: inputs.get('loss_weights'),
      ...fedParameters(inputs),
    };
    result = await runBlock(output, new Map([['hidden_states', x], ...made]), feeds);
  });

  it('gives the layer’s output', () => {
    expectParity('output', result.output, expected.get('output'));
  });

  const vanishing = 'self_attn.k_proj.bias';
  const names = expected.namesAfter('gradients.');
  it('has a fixture for every gradient', () => {
    expect([...made.keys(), 'hidden_states'].sort()).toEqual([...names].sort());
  });
  it.each(names.filter((name) => name !== vanishing))('gradient of %s', (name) => {
    expectParity(name, result[`gradients.${name}`], expected.get(`gradients.${name}`));
  });
  it(`gradient of ${vanishing} vanishes: softmax does not see a shift of all scores`, () => {
    const scale = maxAbsolute(floats(result['gradients.self_attn.q_proj.bias']));
    expect(maxAbsolute(floats(result[`gradients.${vanishing}`]))).toBeLessThan(1e-5 * scale);
  });
});

describe('MoELoRA layer', () => {
  const { inputs, expected } = readFixture('moelora-tiny');
  const [experts, rank, inner, outer] = [4, 8, 12, 10];
  const layer = 'model.language_model.layers.0.self_attn.q_proj';
  const adapter = new MoeLoraAdapter(
    { kind: 'moelora', rank, alpha: 16, dropout: 0, experts },
    decoderLinears,
  );
  const x = input('input', 'float32', ['batch', 'tokens', inner]);
  const base = input('base.weight', 'float32', [outer, inner]);
  const output = adapter.adapt(layer, x, matmul(x, base, { transposeB: true }));
  let result: Record<string, HostTensor>;

  /** The fixture keeps a matrix per expert: A's are stacked by rows, B's side by side. */
  const stackedA = (table: TensorTable, prefix: string) =>
    float32(
      Float32Array.from(
        Array.from({ length: experts }, (_, e) => [
          ...floats(table.get(`${prefix}lora_A.${e}.weight`)),
        ]).flat(),
      ),
      [rank, inner],
    );
  const stackedB = (table: TensorTable, prefix: string) => {
    const size = rank / experts;
    const parts = Array.from({ length: experts }, (_, e) => floats(table.get(`${prefix}lora_B.${e}.weight`)));
    const value = (row: number, column: number) =>
      parts[Math.floor(column / size)]?.[row * size + (column % size)] as number;
    return float32(
      Float32Array.from({ length: outer * rank }, (_, i) => value(Math.floor(i / rank), i % rank)),
      [outer, rank],
    );
  };

  beforeAll(async () => {
    const parameter = (name: string) => adapter.parameters.get(`${layer}.${name}.weight`)?.tensor as Tensor;
    const gates = topologicalOrder([output]).filter((tensor) => isMadeBy(tensor, 'softmax'));
    expect(gates).toHaveLength(1);
    result = await runBlock(
      output,
      new Map([
        ['input', x],
        ['base.weight', base],
        ['lora_A', parameter('lora_A')],
        ['lora_B', parameter('lora_B')],
        ['router.weight', parameter('lora_router')],
      ]),
      {
        input: inputs.get('input'),
        loss_weights: inputs.get('loss_weights'),
        'base.weight': inputs.get('parameters.base.weight'),
        [`${layer}.lora_A.weight`]: stackedA(inputs, 'parameters.'),
        [`${layer}.lora_B.weight`]: stackedB(inputs, 'parameters.'),
        [`${layer}.lora_router.weight`]: inputs.get('parameters.router.weight'),
      },
      { gate: gates[0] as Tensor },
    );
  });

  it.each(['gate', 'output', 'gradients.input', 'gradients.base.weight', 'gradients.router.weight'])(
    '%s',
    (name) => {
      expectParity(name, result[name], expected.get(name));
    },
  );
  it('gradients of A and B, all experts', () => {
    expectParity('A', result['gradients.lora_A'], stackedA(expected, 'gradients.'));
    expectParity('B', result['gradients.lora_B'], stackedB(expected, 'gradients.'));
  });
});

describe('learning rates', () => {
  const fixture = readFixtureJson('schedule.json') as {
    readonly steps: number;
    readonly warmup_steps: number;
    readonly peak_learning_rate: number;
    readonly cosine: readonly number[];
    readonly linear: readonly number[];
  };
  it.each(['cosine', 'linear'] as const)('%s', (name: ScheduleName & ('cosine' | 'linear')) => {
    const schedule = { name, steps: fixture.steps, warmupSteps: fixture.warmup_steps };
    expect(fixture[name]).toHaveLength(fixture.steps);
    fixture[name].forEach((rate, step) => {
      expect(fixture.peak_learning_rate * learningRateFactor(schedule, step)).toBeCloseTo(rate, 12);
    });
  });
});

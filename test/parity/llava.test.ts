// A whole small LLaVA with LoRA against transformers and PEFT: features, logits, loss, gradients, ten AdamW steps, greedy
// generation with a cache.
import { beforeAll, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/adapters/index.ts';
import { canonicalName } from '../../src/models/llava/weights.ts';
import type { HostTensor } from '../../src/tensor/dtype.ts';
import { grad } from '../../src/tensor/grad.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import { floats, Program } from '../../src/tensor/program.ts';
import { Learner, type Parameter } from '../../src/training/learner.ts';
import {
  batchFeeds,
  fixture,
  projectorNames,
  shape,
  traceLlava,
  weights,
  withoutPadding,
} from '../support/llava-tiny.ts';
import { expectParity, fixturePath, readFixtureJson, TensorTable } from '../support/parity.ts';

const { expected } = fixture;
const saved = new TensorTable(fixturePath('llava-tiny', 'adapter', 'adapter_model.safetensors'));
const meta = readFixtureJson('llava-tiny', 'meta.json') as {
  readonly loss: number;
  readonly lora: { readonly r: number; readonly lora_alpha: number };
  readonly training: {
    readonly betas: readonly [number, number];
    readonly epsilon: number;
    readonly weight_decay: number;
    readonly lora_learning_rate: number;
    readonly projector_learning_rate: number;
    readonly clip_norm: number;
    readonly steps: number;
    readonly losses: readonly number[];
    readonly gradient_norms: readonly number[];
  };
};

const spec = { kind: 'lora', rank: meta.lora.r, alpha: meta.lora.lora_alpha, dropout: 0 } as const;

/** The name of a trained tensor in the fixture's files. */
const fixtureName = (name: string) =>
  name.includes('.lora_') ? `base_model.model.${name}` : name.replace(/^model\./, '');

/** A model with adapter and fed projector, and its trainable tensors with the fixture's initial values. */
function traceTrainable() {
  const adapter = createAdapter(spec, shape.adaptable);
  const model = traceLlava(adapter, new Set(projectorNames));
  const adapted = [...adapter.parameters.values()].map(
    ({ name, tensor }): Parameter => ({
      name,
      tensor,
      values: floats(saved.get(fixtureName(name))),
      group: 'lora',
    }),
  );
  const projector = projectorNames.map((name): Parameter => {
    const { data, shape } = weights.values(name);
    return { name, tensor: model.provider(name, shape), values: data, group: 'projector' };
  });
  return { model, parameters: [...adapted, ...projector] };
}

/** The rows of all images, one after another, as the fixture has them: by image. */
function asFixture(projected: HostTensor | undefined): HostTensor | undefined {
  const { shape } = expected.get('projected_features');
  return projected && { ...projected, shape };
}

describe('LLaVA', () => {
  const { model, parameters } = traceTrainable();
  const initial = Object.fromEntries(
    parameters.map(({ name, tensor, values }): [string, HostTensor] => [
      name,
      { dtype: 'float32', shape: tensor.shape as number[], data: values },
    ]),
  );
  let result: Record<string, HostTensor>;

  beforeAll(async () => {
    const gradients = grad(
      model.loss,
      parameters.map(({ tensor }) => tensor),
    );
    const { features, projected, logits, loss } = model;
    const program = await Program.compile({
      features,
      projected,
      logits,
      loss,
      ...Object.fromEntries(parameters.map(({ name }, i) => [`gradient ${name}`, gradients[i] as Tensor])),
    });
    result = await program.runOnHost({ ...batchFeeds(), ...initial });
    await program.dispose();
  });

  it('reads the fixture’s names to canonical ones', () => {
    expect(parameters.map(({ name }) => name).filter((name) => !name.includes('.lora_'))).toEqual(
      projectorNames,
    );
    for (const name of projectorNames) expect(canonicalName(fixtureName(name))).toBe(name);
    expect(parameters.map(({ name }) => fixtureName(name)).sort()).toEqual(
      expected.namesAfter('gradients.').sort(),
    );
  });

  it('vision features and projected features', () => {
    expectParity('vision features', result.features, expected.get('vision_features'));
    expectParity('projected features', asFixture(result.projected), expected.get('projected_features'));
  });

  it('logits without an adapter', async () => {
    const { logits } = traceLlava();
    const program = await Program.compile({ logits });
    const base = await program.runOnHost(batchFeeds());
    await program.dispose();
    expectParity('base logits', withoutPadding(base.logits as HostTensor), expected.get('base_logits'));
  });

  it('logits with the adapter', () => {
    expectParity('logits', withoutPadding(result.logits as HostTensor), expected.get('logits'));
  });

  it('loss over the answer tokens', () => {
    expect(Math.abs((floats(result.loss)[0] as number) / meta.loss - 1)).toBeLessThan(1e-5);
  });

  it.each(parameters.map(({ name }) => name))('gradient of %s', (name) => {
    expectParity(name, result[`gradient ${name}`], expected.get(`gradients.${fixtureName(name)}`));
  });
});

describe('ten AdamW steps', () => {
  const { betas, epsilon, weight_decay, clip_norm, steps, losses, gradient_norms, ...rates } = meta.training;
  const learningRates = { lora: rates.lora_learning_rate, projector: rates.projector_learning_rate };

  /** Trains on the fixture's batch, given to the learner in parts. */
  async function train(parts: readonly Record<string, HostTensor>[]) {
    const { model, parameters } = traceTrainable();
    const learner = await Learner.compile({
      loss: model.loss,
      parameters,
      optimizer: {
        beta1: betas[0],
        beta2: betas[1],
        epsilon,
        weightDecay: weight_decay,
        clipNorm: clip_norm,
      },
    });
    const seen: { losses: number[]; norms: number[] } = { losses: [], norms: [] };
    for (let step = 0; step < steps; step++) {
      let loss = 0;
      for (const feeds of parts) loss += await learner.accumulate(feeds);
      seen.losses.push(loss);
      seen.norms.push(await learner.apply(learningRates));
    }
    const state = await learner.state();
    await learner.dispose();
    return { ...seen, state };
  }

  it.each([
    ['one batch', [batchFeeds()]],
    ['two accumulated halves', [batchFeeds(0, 1), batchFeeds(1, 2)]],
  ])('with %s a step', async (_, parts) => {
    const { losses: ours, norms, state } = await train(parts);
    expect(state.step).toBe(steps);
    ours.forEach((loss, step) => {
      expect(Math.abs(loss / (losses[step] as number) - 1), `loss of step ${step}`).toBeLessThan(1e-4);
      expect(
        Math.abs((norms[step] as number) / (gradient_norms[step] as number) - 1),
        `gradient norm of step ${step}`,
      ).toBeLessThan(1e-4);
    });
    const names = Object.keys(state.parameters);
    expect(names.map(fixtureName).sort()).toEqual(expected.namesAfter('trained.').sort());
    for (const name of names) {
      expectParity(name, state.parameters[name], expected.get(`trained.${fixtureName(name)}`));
    }
  });
});

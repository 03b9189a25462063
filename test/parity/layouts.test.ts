// A small LLaVA in every layout that is read, against transformers and PEFT: logits, greedy answers with and without
// images, LoRA's gradients and ten AdamW steps. COIN_PARITY_LAYOUTS names another folder of such fixtures, made just
// before (tools/parity/live.mjs).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Adapter, createAdapter } from '../../src/adapters/index.ts';
import { Generator, type Prompt } from '../../src/evaluation/generation/generator.ts';
import type { ModelOutline } from '../../src/models/family.ts';
import { checkWeights } from '../../src/models/llava/inventory.ts';
import { outlineOf } from '../../src/models/llava/model.ts';
import { imageFeatures } from '../../src/models/llava/network.ts';
import { openSources } from '../../src/models/llava/sources.ts';
import { LlavaWeights } from '../../src/models/llava/weights.ts';
import { Scope, type WeightProvider } from '../../src/nn/scope.ts';
import { float32, type HostTensor } from '../../src/tensor/dtype.ts';
import { grad } from '../../src/tensor/grad.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import { input } from '../../src/tensor/ops.ts';
import { floats, Program } from '../../src/tensor/program.ts';
import { batchOptions, promptBatch, trainingBatch } from '../../src/training/batches.ts';
import { Learner, type Parameter } from '../../src/training/learner.ts';
import { instructionLoss, sequenceInputs } from '../../src/training/loss.ts';
import { sequenceOf } from '../support/models/sequences.ts';
import { expectParity, fixturePath, TensorTable } from '../support/parity.ts';

interface Meta {
  readonly versions: { readonly transformers: string };
  readonly folder: string;
  readonly image_features: number;
  readonly prompts: readonly {
    readonly ids: readonly number[];
    readonly image: number | null;
    readonly answer: readonly number[];
  }[];
  readonly lora: { readonly r: number; readonly lora_alpha: number };
  readonly training: {
    readonly prompt: number;
    readonly answer_tokens: number;
    readonly betas: readonly [number, number];
    readonly epsilon: number;
    readonly weight_decay: number;
    readonly clip_norm: number;
    readonly lora_learning_rate: number;
    readonly projector_learning_rate: number;
    readonly losses: readonly number[];
    readonly gradient_norms: readonly number[];
  };
  readonly max_new_tokens: number;
}

const IMAGE_MARK = -1;
/** `image_token_index` of every layout; the original's files do not name it. */
const IMAGE_TOKEN = 47;
const STEPS_TOLERANCE = 1e-3;
const root = process.env.COIN_PARITY_LAYOUTS ?? fixturePath('layouts');
const layouts = readdirSync(root);

it('covers every layout', () => {
  expect(layouts).toEqual(readdirSync(fixturePath('layouts')));
  expect(layouts).toHaveLength(8);
});

it('has models that say what stands for an image', () => {
  const answers = readdirSync(fixturePath('layouts')).flatMap((layout): readonly (readonly number[])[] =>
    JSON.parse(readFileSync(fixturePath(join('layouts', layout, 'meta.json')), 'utf8')).prompts.map(
      ({ answer }: Meta['prompts'][number]) => answer,
    ),
  );
  const said = answers.filter((answer) => answer.includes(IMAGE_TOKEN));
  expect(said.length).toBeGreaterThanOrEqual(5);
});

describe.each(layouts)('layout %s', (layout) => {
  const meta: Meta = JSON.parse(readFileSync(join(root, layout, 'meta.json'), 'utf8'));
  const expected = new TensorTable(join(root, layout, 'expected.safetensors'));
  const { config, checkpoint } = openSources(join(root, layout, meta.folder));
  const weights = new LlavaWeights(checkpoint);
  const { padTokenId, endTokenIds } = config;
  const model = { ...outlineOf(config, weights), padTokenId, endTokenIds };
  let prompts: readonly Prompt[];

  beforeAll(async () => {
    const pixels = expected.get('pixels');
    const features = imageFeatures(
      new Scope(weights.provider()),
      config,
      input('pixels', 'float32', pixels.shape),
    );
    const program = await Program.compile({ features });
    const values = floats((await program.run({ pixels })).features);
    await program.dispose();
    const size = values.length / (pixels.shape[0] as number);
    prompts = meta.prompts.map(({ ids, image }) => ({
      ...sequenceOf(
        ids.flatMap((id) => (id === IMAGE_MARK ? Array(config.imageTokens).fill(config.imageTokenId) : [id])),
        image === null ? undefined : config.imageTokenId,
      ),
      ...(image === null ? {} : { features: values.slice(image * size, (image + 1) * size) }),
    }));
  });

  it('has the weights that its configuration asks for, and as many features', () => {
    expect(() => checkWeights(config, weights)).not.toThrow();
    expect(config.imageTokens).toBe(meta.image_features);
  });

  it.each([
    ['copied', 1e9],
    ['mapped', 0],
  ])(
    `gives the logits of transformers ${meta.versions.transformers}, weights %s`,
    async (_, mapWeightsOver) => {
      const program = await Program.compile({ logits: traceLogits(model) }, { mapWeightsOver });
      const names = expected.namesAfter('logits.');
      expect(names).toHaveLength(4);
      for (const name of names) {
        const { tokens: _, ...batch } = promptBatch([prompts[Number(name)] as Prompt], batchOptions(model));
        const { logits } = await program.runOnHost({ ...batch });
        const { shape, data } = logits as HostTensor;
        const theirs = expected.get(`logits.${name}`);
        expectParity(`logits of prompt ${name}`, float32(data as Float32Array, shape.slice(1)), theirs);
      }
      await program.dispose();
    },
  );

  it('answers 50 prompts with the same tokens', async () => {
    expect(meta.prompts.filter(({ image }) => image !== null)).toHaveLength(25);
    const generator = await Generator.compile({ model, weights: weights.provider(), slots: 8 });
    const answers = await generator.generate(prompts, {}, meta.max_new_tokens);
    await generator.dispose();
    expect(answers).toEqual(meta.prompts.map(({ answer }) => answer));
  });

  describe('training', () => {
    const { training, lora } = meta;
    const spec = { kind: 'lora', rank: lora.r, alpha: lora.lora_alpha, dropout: 0 } as const;
    const adapter = createAdapter(spec, model.shape.adaptable);
    const { loss, parameters } = traceTraining(adapter);
    let feeds: Record<string, HostTensor>;

    /** The loss, and what trains with its values before: all that the fixture has values for. */
    function traceTraining(lora: Adapter): {
      readonly loss: Tensor;
      readonly parameters: readonly Parameter[];
    } {
      const names = expected.namesAfter('initial.');
      const provider = weights.provider(new Set(names));
      const made = new Map<string, Tensor>();
      const recorded: WeightProvider = (name, shape) => {
        const tensor = provider(name, shape);
        made.set(name, tensor);
        return tensor;
      };
      const traced = instructionLoss(new Scope(recorded, '', lora), model);
      for (const { name, tensor } of lora.parameters.values()) made.set(name, tensor);
      return {
        loss: traced,
        parameters: names.map((name) => ({
          name,
          tensor: made.get(name) as Tensor,
          values: floats(expected.get(`initial.${name}`)),
          group: name.includes('.lora_') ? 'lora' : 'projector',
        })),
      };
    }

    beforeAll(() => {
      const prompt = prompts[training.prompt] as Prompt;
      const { length } = prompt.inputIds;
      const trained = Uint8Array.from({ length }, (_, i) => (i < length - training.answer_tokens ? 0 : 1));
      const options = { ...batchOptions(model), totalAnswers: training.answer_tokens };
      feeds = { ...trainingBatch([{ ...prompt, trained }], options) };
    });

    it('trains every part of the adapter and the projector', () => {
      const names = [...adapter.parameters.values()].map(({ name }) => name);
      expect(names).toHaveLength(2 * 7 * 2);
      expect(parameters.map(({ name }) => name).sort()).toEqual([...names, ...projector()].sort());
    });

    it('gives PEFT’s gradients', async () => {
      const gradients = grad(
        loss,
        parameters.map(({ tensor }) => tensor),
      );
      const program = await Program.compile({
        loss,
        ...Object.fromEntries(parameters.map(({ name }, i) => [`gradient ${name}`, gradients[i] as Tensor])),
      });
      const initial = parameters.map(({ name }) => [name, expected.get(`initial.${name}`)] as const);
      const result = await program.runOnHost({ ...feeds, ...Object.fromEntries(initial) });
      await program.dispose();
      for (const { name } of parameters)
        expectParity(name, result[`gradient ${name}`], expected.get(`gradients.${name}`));
    });

    it('stays with PyTorch for ten steps of AdamW', async () => {
      const { betas, epsilon, weight_decay: weightDecay, clip_norm: clipNorm, losses } = training;
      const learner = await Learner.compile({
        loss,
        parameters,
        optimizer: { beta1: betas[0], beta2: betas[1], epsilon, weightDecay, clipNorm },
      });
      expect(losses).toHaveLength(10);
      for (const [step, theirs] of losses.entries()) {
        const ours = await learner.accumulate(feeds);
        expect(Math.abs(ours / theirs - 1), `loss of step ${step}`).toBeLessThan(1e-4);
        await learner.apply({
          lora: training.lora_learning_rate,
          projector: training.projector_learning_rate,
        });
      }
      const state = await learner.state();
      await learner.dispose();
      for (const { name } of parameters)
        expectParity(name, state.parameters[name], expected.get(`trained.${name}`), STEPS_TOLERANCE);
    });
  });
});

const projector = () =>
  ['linear_1', 'linear_2'].flatMap((layer) =>
    ['weight', 'bias'].map((part) => `model.multi_modal_projector.${layer}.${part}`),
  );

/** Logits [1, tokens, vocabulary] of a `PromptBatch`. */
function traceLogits(model: ModelOutline): Tensor {
  const scope = new Scope(model.weights.provider());
  const { embeddings, positions } = sequenceInputs(scope, model);
  return model.network.logits(scope, model.network.decode(scope, embeddings, { positions }));
}

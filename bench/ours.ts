// Our side of the benchmark: the product's own classes behind the lines of the protocol. Where those classes change, this
// file changes with them, and no other of this folder.
import { dirname, join } from 'node:path';
import type { BaseWeights } from '../src/config/schema.ts';
import { baseWeightRewrites } from '../src/engine/base-weights.ts';
import { Generator } from '../src/evaluation/generation/generator.ts';
import { type BuiltInMethod, methods, type OpenMethod } from '../src/methods/index.ts';
import type { Example, StageState } from '../src/methods/method.ts';
import { ImageEncoder } from '../src/models/image-encoder.ts';
import { type LlavaModel, openLlava } from '../src/models/llava/model.ts';
import { ownAlongside } from '../src/models/model-adapter.ts';
import { sequenceInOrder } from '../src/models/sequence.ts';
import { float32 } from '../src/tensor/dtype.ts';
import type { ProgramOptions, Value } from '../src/tensor/program.ts';
import { StageTrainer } from '../src/training/stage.ts';
import { peakLine } from './peak.ts';
import type { Line, Round } from './protocol.ts';
import { sideBySide } from './side-by-side.ts';
import { supplies } from './steps.ts';
import { countTokens, plan, type Workload } from './workload.ts';

const TASK = 'GQA';

/** Does a line's work once. Setting up for it is not part of `seconds`. */
export type Job = () => Promise<Round>;

/** Compiles what a line needs; operators have as many threads as there are cores, or as many as given. */
export async function prepareLine(line: Line, workload: Workload, threads?: number): Promise<Job> {
  const { method = 'lora', baseWeights = 'float32', engines = 1 } = line.options ?? {};
  if (threads === undefined && engines !== 1) return sideBySide(line, workload, Number(engines));
  const model = openLlava(workload.model);
  const open = methods[method as BuiltInMethod].open({ adapter: workload.adapter, own: {} });
  const folder = join(dirname(workload.images[0] ?? '.'), 'weight-cache');
  const rewrites = await baseWeightRewrites(model, baseWeights as BaseWeights, folder);
  const program = { rewrites, threads };
  switch (line.kind) {
    case 'train':
      return training(model, workload, open, program);
    case 'evaluate':
      return evaluation(model, workload, open, program);
    case 'encode':
      return encoding(model, workload);
    case 'peak':
      return peakLine();
  }
}

/** One pass over the samples, features at hand: the image's features are cached, and known before a round. */
async function training(
  model: LlavaModel,
  workload: Workload,
  open: OpenMethod,
  program: ProgramOptions,
): Promise<Job> {
  const trainer = await StageTrainer.compile({ model, open, settings: workload.training, program });
  const features = await featuresOf(model, workload.images);
  const examples = workload.train.map(
    ({ inputIds, imageAt, trained = [], image }, index): Example => ({
      sample: { id: String(index), image: workload.images[image], turns: [] },
      task: TASK,
      ...sequenceInOrder(Int32Array.from(inputIds), imageAt),
      trained: Uint8Array.from(trained),
    }),
  );
  const featuresByImage = new Map(workload.images.map((image, i) => [image, features[i] as Float32Array]));
  const tokens = countTokens(workload.train);
  let previous: StageState | undefined;
  return async () => {
    const started = performance.now();
    const losses: number[] = [];
    const { state } = await trainer.train({
      examples,
      ...plan,
      task: TASK,
      tasks: [TASK],
      ...supplies,
      fetchFeatures: async (images) => images.map((image) => featuresByImage.get(image) as Float32Array),
      ...(previous === undefined ? {} : { previous }),
      onStep: ({ loss }) => losses.push(loss),
    });
    const seconds = (performance.now() - started) / 1000;
    previous = state;
    return { seconds, samples: examples.length, tokens, loss: mean(losses) };
  };
}

/** Every question once, as a run evaluates; features as in training. */
async function evaluation(
  model: LlavaModel,
  workload: Workload,
  open: OpenMethod,
  program: ProgramOptions,
): Promise<Job> {
  const { slots, maxNewTokens } = workload;
  const adapter = open.graph({ use: 'inference', model: model.shape });
  const generator = await Generator.compile({ model, adapter, slots, program });
  const parameters: Record<string, Value> = Object.fromEntries([
    ...[...adapter.parameters.values()].map((p) => [p.name, float32(p.initialise(0), p.shape)] as const),
    ...ownAlongside(model),
  ]);
  const features = await featuresOf(model, workload.images);
  const prompts = workload.test.map(({ inputIds, imageAt, image }) => ({
    ...sequenceInOrder(Int32Array.from(inputIds), imageAt),
    features: features[image] as Float32Array,
    image: workload.images[image] as string,
  }));
  return async () => {
    const started = performance.now();
    // The generator keeps what it read for as long as it is given the same object: a round must read anew.
    const answers = await generator.generate(prompts, { ...parameters }, maxNewTokens);
    const seconds = (performance.now() - started) / 1000;
    const tokens = countTokens(workload.test) + answers.flat().length;
    return { seconds, samples: prompts.length, tokens, answers };
  };
}

/** Every image that is trained on, once: decoded, transformed and run through the tower; nothing is cached before. */
async function encoding(model: LlavaModel, workload: Workload): Promise<Job> {
  const images = [...new Set(workload.train.map(({ image }) => workload.images[image] as string))];
  return async () => {
    const encoder = await ImageEncoder.open({ model });
    const started = performance.now();
    await encoder.encode(images);
    const seconds = (performance.now() - started) / 1000;
    await encoder.dispose();
    const samples = images.length;
    return { seconds, samples, tokens: samples * model.config.imageTokens };
  };
}

const knownFeatures = new Map<string, Promise<Float32Array[]>>();

/** Features of all images by index; encoded once in a process, whichever lines need them. */
function featuresOf(model: LlavaModel, images: readonly string[]): Promise<Float32Array[]> {
  const key = [model.folder, ...images].join('\n');
  const known = knownFeatures.get(key) ?? encodeAll(model, images);
  knownFeatures.set(key, known);
  return known;
}

async function encodeAll(model: LlavaModel, images: readonly string[]): Promise<Float32Array[]> {
  const encoder = await ImageEncoder.open({ model });
  const features = await encoder.encode(images);
  await encoder.dispose();
  return features;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

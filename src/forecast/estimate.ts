// What a run will take, before anything runs: steps, tokens, arithmetic, memory and disk, out of the data, the model's
// headers and the traced graphs. Nothing is computed with the model; times come from a probe (`probe.ts`).

import type { Catalogue } from '../config/catalogue.ts';
import { openMethod } from '../config/open-method.ts';
import { planRun, type Step } from '../config/plan.ts';
import { questionsOf, trainSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import type { Method } from '../methods/define.ts';
import type { ModelSketch } from '../models/family.ts';
import { layoutsOf } from '../models/layouts.ts';
import { Scope } from '../nn/scope.ts';
import type { TaskName } from '../tasks/index.ts';
import type { Task, TaskSource } from '../tasks/task.ts';
import { productFlops } from '../tensor/flops.ts';
import { peakActivationBytes } from '../tensor/memory.ts';
import { input } from '../tensor/ops.ts';
import { planSteps } from '../training/batching.ts';
import { traceTraining } from '../training/traced.ts';
import { type FeatureStorage, featureStorage, largestStage, meanRows, spread } from './feature-storage.ts';
import { weightBytes } from './inspection.ts';
import { buildProgram } from './programs.ts';

/** Floating-point operations of matrix products: 2·rows·inner·columns each. */
type Flops = number;

export interface StepEstimate {
  readonly step: Step;
  readonly samples: number;
  /** Optimiser steps; 0 for an evaluation. */
  readonly steps: number;
  /** Without padding: of prompts and answers. */
  readonly tokens: number;
  readonly flops: Flops;
}

export interface RunEstimate {
  readonly parameters: number;
  readonly steps: readonly StepEstimate[];
  /** Trainable numbers by method. */
  readonly trainable: Readonly<Record<string, number>>;
  /** Bytes. */
  readonly memory: {
    readonly weights: number;
    /** Parameters, summed gradients and AdamW's two moments of the largest method. */
    readonly training: number;
    /** Values of the largest batch that are alive at once, forward and backward. */
    readonly activations: number;
    /** Patch features of images: what is kept of the largest training set's at most. */
    readonly features: number;
    /** All of these in one engine, by the size of a batch: the configured one, then halves of it down to 1. */
    readonly byBatchSize: readonly { readonly batchSize: number; readonly bytes: number }[];
  };
  /** Where the patch features of a stage's images are kept. */
  readonly features: FeatureStorage;
  /** Bytes that the run will write. */
  readonly disk: { readonly adapters: number; readonly checkpoint: number; readonly predictions: number };
}

const bytesPerNumber = 4;
/** Ids, keys and quotes of a line of a prediction file. */
const lineBytes = 70;

interface TaskShape {
  readonly train: { readonly samples: number; readonly tokens: number; readonly answers: number };
  readonly test: {
    readonly samples: number;
    readonly tokens: number;
    readonly answers: number;
    readonly bytes: number;
  };
  /** Share of samples with an image. */
  readonly trainImages: number;
  readonly testImages: number;
  /** Rows of features of an image. */
  readonly imageRows: number;
}

export async function estimateRun(
  config: RunConfig,
  catalogue: Catalogue,
  model: ModelSketch,
  source: TaskSource,
): Promise<RunEstimate> {
  const shapes = new Map<TaskName, TaskShape>();
  for (const task of config.tasks)
    shapes.set(task, await shapeOf(config, model, source, catalogue.tasks.get(task)));
  const shape = (task: TaskName) => shapes.get(task) as TaskShape;
  const vision = productFlops(Object.values(buildProgram('vision', model, config)))(new Map([['images', 1]]));
  const parameters = [...model.computed.values()].reduce(
    (total, dims) => total + dims.reduce((a, b) => a * b, 1),
    0,
  );
  const features = featureStorage(
    config,
    model.shape,
    largestStage(config, catalogue, (task) => {
      const { train, trainImages, imageRows } = shape(task);
      return train.samples * trainImages * imageRows;
    }),
  );
  const training = new Map(
    config.methods.map((method) => [method, trainingOf(config, model, catalogue.methods.get(method))]),
  );

  const steps = planRun(config, catalogue).map((step): StepEstimate => {
    if (step.kind === 'evaluate') {
      const { samples, tokens, answers } = shape(step.task).test;
      const all = samples * (tokens + answers);
      const flops = samples * (shape(step.task).testImages * vision) + all * decoderFlops(model);
      return { step, samples, steps: 0, tokens: all, flops };
    }
    const { batchSize, taskBatchSizes, accumulation, epochs } = config.training;
    const size = taskBatchSizes[step.task] ?? batchSize;
    const own = step.tasks.map(shape);
    const samples = own.reduce((total, { train }) => total + train.samples, 0);
    const mean = (of: (task: TaskShape) => number) =>
      own.reduce((total, task) => total + of(task) * task.train.samples, 0) / samples;
    const planned = planSteps({
      lengths: new Array<number>(samples).fill(1),
      epochs,
      batchSize: size,
      accumulation,
      seed: 0,
      stage: 1,
    });
    const tokens = mean(({ train }) => train.tokens);
    const batch = Math.min(size, samples);
    const images = mean(({ trainImages }) => trainImages);
    const perBatch = training.get(step.method)?.flops({
      batch,
      tokens: Math.round(tokens),
      answers: Math.round(batch * mean(({ train }) => train.answers)),
      rows: Math.max(1, Math.round(batch * images * mean(({ imageRows }) => imageRows))),
    });
    const encoded = (features.isKept ? 1 : epochs) * samples * images;
    const flops = (epochs * samples * (perBatch ?? 0)) / batch + encoded * vision;
    return {
      step,
      samples: samples * epochs,
      steps: planned.length,
      tokens: samples * epochs * tokens,
      flops,
    };
  });

  const largest = Math.max(0, ...[...training.values()].map(({ trainable }) => trainable));
  const trained = steps.filter(({ step }) => step.kind === 'train');
  /** The activations of the task whose batches are largest, where none has more than `most` samples. */
  const activations = (most: number) =>
    Math.max(
      0,
      ...[...training.values()].flatMap(({ bytes }) =>
        config.tasks.map((task) => {
          const batch = Math.min(most, config.training.taskBatchSizes[task] ?? config.training.batchSize);
          const { imageRows, train } = shape(task);
          return bytes({
            batch,
            tokens: Math.round(train.tokens),
            answers: Math.round(batch * train.answers),
            rows: Math.max(1, Math.round(batch * imageRows)),
          });
        }),
      ),
    );
  const fixed = {
    weights: weightBytes(model.matrices, model.computed, config.baseWeights, { training: true }),
    training: largest * bytesPerNumber * 4,
    features: Math.min(features.memory, features.stage),
  };
  const always = fixed.weights + fixed.training + fixed.features;
  const byBatchSize = halvesOf(largestBatch(config)).map((batchSize) => ({
    batchSize,
    bytes: always + activations(batchSize),
  }));
  const perSample = ({ step, samples }: StepEstimate) =>
    step.kind === 'train' ? 0 : samples * (lineBytes + shape(step.task).test.bytes);
  return {
    parameters,
    steps,
    trainable: Object.fromEntries([...training].map(([method, { trainable }]) => [method, trainable])),
    memory: { ...fixed, activations: (byBatchSize[0]?.bytes ?? always) - always, byBatchSize },
    features,
    disk: {
      adapters: trained.reduce(
        (total, { step }) =>
          total + (step.kind === 'train' ? (training.get(step.method)?.trainable ?? 0) * bytesPerNumber : 0),
        0,
      ),
      checkpoint: largest * bytesPerNumber * 3,
      predictions: steps.reduce((total, step) => total + perSample(step), 0),
    },
  };
}

interface BatchSizes {
  readonly batch: number;
  readonly tokens: number;
  readonly answers: number;
  /** Rows of images' features. */
  readonly rows: number;
}

/** The traced training of a method: what trains, and the cost of a batch. Nothing for one that does not train. */
function trainingOf(config: RunConfig, model: ModelSketch, method: Method) {
  if (!method.stream.trains) return { trainable: 0, flops: () => 0, bytes: () => 0 };
  const open = openMethod(config, method);
  const { trained } = traceTraining({ model, open });
  const program = Object.values(buildProgram('train', model, config, method));
  const flops = productFlops(program);
  const peak = peakActivationBytes(program);
  const map = (sizes: BatchSizes) => new SizesByName(Object.entries(sizes));
  return {
    trainable: [...trained.values()].reduce(
      (total, { shape }) => total + (shape as number[]).reduce((a, b) => a * b, 1),
      0,
    ),
    flops: (sizes: BatchSizes) => flops(map(sizes)),
    bytes: (sizes: BatchSizes) => peak(map(sizes)),
  };
}

/** A method may name dimensions of its own; they are small. */
class SizesByName extends Map<string, number> {
  override get(name: string): number | undefined {
    return super.get(name) ?? (/^[A-Za-z]\w*$/.test(name) ? 1 : undefined);
  }
}

/** The size of the largest batch of any task. */
export function largestBatch({ training, tasks }: Pick<RunConfig, 'training' | 'tasks'>): number {
  return Math.max(...tasks.map((task) => training.taskBatchSizes[task] ?? training.batchSize));
}

/** The size itself, then half of it, rounded down, and so on to 1. */
function halvesOf(size: number): readonly number[] {
  return size <= 1 ? [1] : [size, ...halvesOf(Math.floor(size / 2))];
}

/**
 * Operations of a token through the decoder and the head, without the products of attention, which are small beside
 * them.
 */
function decoderFlops({ network, shape }: ModelSketch): Flops {
  let numbers = 0;
  const root = new Scope((name, dims) => {
    if (dims.length === 2) numbers += (dims[0] ?? 0) * (dims[1] ?? 0);
    return input(name, 'float32', dims);
  });
  const embeddings = input('embeddings', 'float32', ['batch', 'tokens', shape.hiddenSize]);
  const positions = input('positions', 'int32', [shape.positionAxes, 'batch', 'tokens']);
  network.logits(root, network.decode(root, embeddings, { positions }));
  return 2 * numbers;
}

async function shapeOf(
  config: RunConfig,
  model: ModelSketch,
  source: TaskSource,
  task: Task,
): Promise<TaskShape> {
  const { prompts, tokenizer } = model;
  const train = trainSamples(config, source, task);
  const test = questionsOf(config, source, task);
  const [someTrain, someTest] = [spread(train), spread(test)];
  const [trainLayouts, testLayouts] = [await layoutsOf(model, someTrain), await layoutsOf(model, someTest)];
  const trained = someTrain.map(({ turns }, i) => {
    const { inputIds, trained: marks } = prompts.conversation(turns, {
      image: trainLayouts[i],
      task: task.name,
    });
    const most = config.training.maxTokens;
    return {
      tokens: Math.min(most, inputIds.length),
      answers: marks.slice(0, most).reduce((total, mark) => total + mark, 0),
    };
  });
  const asked = someTest.map(({ text, answer }, i) => ({
    tokens: prompts.ask(text, { image: testLayouts[i], task: task.name }).inputIds.length,
    // A right answer and its end.
    answers: tokenizer.encode(answer, { first: false }).length + 1,
    bytes: Buffer.byteLength(text) + Buffer.byteLength(answer),
  }));
  const share = (layouts: readonly unknown[]) =>
    layouts.filter((layout) => layout !== undefined).length / Math.max(1, layouts.length);
  return {
    train: {
      samples: train.length,
      tokens: meanOf(trained, 'tokens'),
      answers: meanOf(trained, 'answers'),
    },
    test: {
      samples: test.length,
      tokens: meanOf(asked, 'tokens'),
      answers: meanOf(asked, 'answers'),
      bytes: meanOf(asked, 'bytes'),
    },
    trainImages: share(trainLayouts),
    testImages: share(testLayouts),
    imageRows: await meanRows(
      model,
      train.flatMap(({ image }) => image ?? []),
    ),
  };
}

function meanOf<Key extends string>(rows: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return rows.reduce((total, row) => total + row[key], 0) / Math.max(1, rows.length);
}

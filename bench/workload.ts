// What both sides work on: samples as token ids, images as files and as pixel values, batches, settings. Written once
// per shape to a folder; a worker of either side reads it from there.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic, writeJsonAtomic } from '../src/formats/files/files.ts';
import { readImage } from '../src/formats/images/image.ts';
import { serializeSafetensors } from '../src/formats/weights/safetensors.ts';
import { openLlava } from '../src/models/llava/model.ts';
import { transformImage } from '../src/models/parts/clip/processor.ts';
import { buildNanoData } from '../src/nano/world/build.ts';
import { tasks } from '../src/tasks/index.ts';
import { RandomStream } from '../src/tensor/random.ts';
import { planSteps } from '../src/training/batching.ts';
import type { TrainingSettings } from '../src/training/course.ts';
import type { Shape } from './shapes.ts';

export interface WorkloadSample {
  readonly inputIds: readonly number[];
  /** Where its image's rows stand. */
  readonly imageAt: { readonly at: number; readonly rows: number };
  /** 1 where the token is to be learnt; training samples only. */
  readonly trained?: readonly number[];
  /** Index of its image. */
  readonly image: number;
}

export interface Workload {
  /** The model, in the llava-hf layout. */
  readonly model: string;
  readonly train: readonly WorkloadSample[];
  readonly test: readonly WorkloadSample[];
  /** How many of `test`, from the first on, the peer answers. */
  readonly peerQuestions: number;
  /** Image files by index. */
  readonly images: readonly string[];
  /** Safetensors file: `pixels`, float32 [images, 3, height, width]. */
  readonly pixels: string;
  /** Batches of training samples: `bucketed` as we train, `random` as the reference does. */
  readonly batches: {
    readonly bucketed: readonly (readonly number[])[];
    readonly random: readonly (readonly number[])[];
  };
  readonly adapter: Shape['adapter'];
  readonly training: TrainingSettings;
  readonly maxNewTokens: number;
  readonly slots: number;
}

/** Seed and stage that our trainer plans its batches with. */
export const plan = { seed: 0, stage: 1 };

const WORKLOAD_FILE = 'workload.json';

/** The folder of the data that all shapes share, built if it is not there. */
export async function prepareData(folder: string, counts: { train: number; test: number }): Promise<string> {
  const root = join(folder, `data-${counts.train}-${counts.test}`);
  await buildNanoData({ folder: root, trainPerTask: counts.train, testPerTask: counts.test });
  return root;
}

/** Writes the workload of a model; returns its file. Training is GQA's, questions are Grounding's. */
export async function writeWorkload(options: {
  readonly folder: string;
  readonly model: string;
  readonly data: string;
  readonly shape: Shape;
}): Promise<string> {
  const { folder, model: modelFolder, data, shape } = options;
  mkdirSync(folder, { recursive: true });
  const model = openLlava(modelFolder);
  const source = { root: data, instructionType: 'Original' };
  const trainSamples = tasks.GQA.loadTrain(source).slice(0, shape.trainSamples);
  const testSamples = tasks.Grounding.loadTest(source).slice(0, shape.testSamples);
  const images = [...new Set([...trainSamples, ...testSamples].map(({ image }) => image as string))];
  const indexOf = new Map(images.map((path, index) => [path, index]));
  const layout = { rows: model.config.imageTokens };
  const train = trainSamples.map(({ turns, image }): WorkloadSample => {
    const { inputIds, imageRows, trained } = model.prompts.conversation(turns, { image: layout });
    return {
      inputIds: [...inputIds],
      imageAt: placeOf(imageRows),
      trained: [...trained],
      image: indexOf.get(image as string) as number,
    };
  });
  const test = testSamples.map(({ text, image }): WorkloadSample => {
    const { inputIds, imageRows } = model.prompts.ask(text, { image: layout });
    return {
      inputIds: [...inputIds],
      imageAt: placeOf(imageRows),
      image: indexOf.get(image as string) as number,
    };
  });
  const training = trainingSettings(shape.batchSize);
  const lengths = train.map(({ inputIds }) => inputIds.length);
  const order = new RandomStream(plan.seed, 'random batches').shuffle(lengths.map((_, index) => index));
  const pixels = join(folder, 'pixels.safetensors');
  writeFileAtomic(pixels, await pixelValues(images, model.transform, model.config.vision.imageSize));
  const workload: Workload = {
    model: modelFolder,
    train,
    test,
    peerQuestions: shape.peerTestSamples,
    images,
    pixels,
    batches: {
      bucketed: planSteps({ ...training, ...plan, lengths }).flatMap(({ batches }) => batches),
      random: Array.from({ length: Math.ceil(order.length / shape.batchSize) }, (_, i) =>
        order.slice(i * shape.batchSize, (i + 1) * shape.batchSize),
      ),
    },
    adapter: shape.adapter,
    training,
    maxNewTokens: shape.maxNewTokens,
    slots: shape.slots,
  };
  const file = join(folder, WORKLOAD_FILE);
  writeJsonAtomic(file, workload);
  return file;
}

export function readWorkload(file: string): Workload {
  return JSON.parse(readFileSync(file, 'utf8')) as Workload;
}

/** Tokens of samples without padding. */
export function countTokens(samples: readonly WorkloadSample[]): number {
  return samples.reduce((total, { inputIds }) => total + inputIds.length, 0);
}

/** The share of positions that are padding when these batches are padded to their longest sample. */
export function paddingShare(
  batches: readonly (readonly number[])[],
  samples: readonly WorkloadSample[],
): number {
  const lengthOf = (index: number) => samples[index]?.inputIds.length ?? 0;
  const positions = batches.reduce(
    (total, batch) => total + batch.length * Math.max(...batch.map(lengthOf)),
    0,
  );
  return 1 - countTokens(samples) / positions;
}

async function pixelValues(
  images: readonly string[],
  transform: Parameters<typeof transformImage>[1],
  side: number,
): Promise<Uint8Array> {
  const size = 3 * side * side;
  const data = new Float32Array(images.length * size);
  for (const [i, path] of images.entries()) {
    data.set(transformImage(await readImage(path), transform, { aspect: 'pad' }).data, i * size);
  }
  return serializeSafetensors({ pixels: { dtype: 'F32', shape: [images.length, 3, side, side], data } });
}

/** The reference's settings, at a small constant rate: rounds repeat the same samples, and must not diverge. */
export function trainingSettings(batchSize: number): TrainingSettings {
  return {
    epochs: 1,
    batchSize,
    accumulation: 1,
    learningRate: 1e-5,
    projectorLearningRate: 1e-5,
    weightDecay: 0,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    schedule: 'constant',
    warmupRatio: 0,
    clipNorm: 1,
    checkpointEverySteps: 0,
  };
}

/** The rows of an image stand together. */
function placeOf(imageRows: Int32Array): WorkloadSample['imageAt'] {
  const rows = imageRows.filter((row) => row >= 0).length;
  return { at: imageRows.indexOf(0), rows };
}

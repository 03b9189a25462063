// `npm run bench:cold -- [MODEL]`: what is paid once (programs built, weights rounded, images encoded), what it costs when
// it is found again, and after how much work it has paid for itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BaseWeights } from '../src/config/schema.ts';
import { baseWeightRewrites } from '../src/engine/base-weights.ts';
import { methods } from '../src/methods/index.ts';
import type { Example } from '../src/methods/method.ts';
import { ImageEncoder } from '../src/models/image-encoder.ts';
import { type LlavaModel, openLlava } from '../src/models/llava/model.ts';
import { sequenceInOrder } from '../src/models/sequence.ts';
import { StageTrainer } from '../src/training/stage.ts';
import { shapes } from './shapes.ts';
import { trainOn } from './steps.ts';
import { prepareData, readWorkload, type Workload, writeWorkload } from './workload.ts';

const types = ['float32', 'int8', 'int4'] as const satisfies readonly BaseWeights[];
/** From .cache/bench/bench. */
const repository = fileURLToPath(new URL('../../../', import.meta.url));

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    steps: { type: 'string', default: '5' },
    batch: { type: 'string', default: '2' },
  },
});
if (values.help === true) {
  console.log(`usage: npm run bench:cold -- [MODEL_FOLDER] [options]
  --steps NUMBER        (default 5)
  --batch NUMBER        (default 2)`);
  process.exit();
}
const folder = mkdtempSync(join(tmpdir(), 'coin-cold-'));
try {
  await main(positionals[0] ?? join(repository, 'assets/nano'));
} finally {
  rmSync(folder, { recursive: true });
}

async function main(modelFolder: string): Promise<void> {
  const data = await prepareData(folder, { train: 32, test: 1 });
  const batchSize = Number(values.batch);
  const shape = { ...shapes.small, trainSamples: 32, batchSize };
  const workload = readWorkload(await writeWorkload({ folder, model: modelFolder, data, shape }));
  const model = openLlava(modelFolder);
  await trainings(model, workload);
  await images(model, workload);
}

/** Programs and rounded weights: a step in each type, and what comes before the first. */
async function trainings(model: LlavaModel, workload: Workload): Promise<void> {
  let plain: number | undefined;
  for (const type of types) {
    const round = () => baseWeightRewrites(model, type, join(folder, 'weights'));
    const cold = await timed(round);
    const warm = await timed(round);
    const compiled = await timed(() =>
      StageTrainer.compile({
        model,
        open: methods.lora.open({ adapter: workload.adapter, own: {} }),
        settings: workload.training,
        program: { rewrites: warm.result },
      }),
    );
    const { first, median } = await steps(compiled.result, model, workload);
    await compiled.result.dispose();
    plain ??= median;
    const gain = plain - median;
    const paid = gain > 0 ? `, paid for after ${Math.ceil(cold.seconds / gain)} steps` : '';
    console.log(
      `${type.padEnd(8)} weights ${format(cold.seconds)} cold, ${format(warm.seconds)} warm; programs ${format(compiled.seconds)}; step ${format(first)} the first, ${format(median)} then${type === 'float32' ? '' : paid}`,
    );
  }
}

async function steps(trainer: StageTrainer, model: LlavaModel, workload: Workload) {
  const { imageTokens, vision } = model.config;
  const features = new Float32Array(imageTokens * vision.hiddenSize).fill(0.1);
  const one = workload.train.slice(0, workload.training.batchSize).map(
    ({ inputIds, imageAt, trained = [], image }, index): Example => ({
      sample: { id: String(index), image: workload.images[image], turns: [] },
      task: 'GQA',
      ...sequenceInOrder(Int32Array.from(inputIds), imageAt),
      trained: Uint8Array.from(trained),
    }),
  );
  const examples = Array.from({ length: Number(values.steps) + 1 }, () => one).flat();
  const times: number[] = [];
  await trainOn(trainer, examples, features, ({ seconds }) => times.push(seconds));
  const [first = Number.NaN, ...later] = times;
  return { first, median: later.sort((a, b) => a - b)[later.length >> 1] ?? Number.NaN };
}

/** Features of images: through the tower, and from the cache on disk. */
async function images(model: LlavaModel, { images }: Workload): Promise<void> {
  const disk = { folder: join(folder, 'features'), maxBytes: 1e10 };
  const encode = async () => {
    const encoder = await ImageEncoder.open({ model, disk });
    const { seconds } = await timed(() => encoder.encode(images));
    const { computed } = encoder.counts;
    await encoder.dispose();
    return { seconds: seconds / images.length, computed };
  };
  const [cold, warm] = [await encode(), await encode()];
  console.log(
    `images ${format(cold.seconds)} each through the tower (${cold.computed} of ${images.length}), ${format(warm.seconds)} each from disk (${warm.computed} computed)`,
  );
}

async function timed<T>(
  run: () => T | Promise<T>,
): Promise<{ readonly result: T; readonly seconds: number }> {
  const started = performance.now();
  const result = await run();
  return { result, seconds: (performance.now() - started) / 1000 };
}

function format(seconds: number): string {
  return seconds < 1 ? `${(1000 * seconds).toFixed(1)} ms` : `${seconds.toFixed(2)} s`;
}

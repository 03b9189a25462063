// `npm run bench:step -- MODEL`: LoRA steps of one sample on a large model: how long each takes and what memory it needs.
// The image's features are random numbers: the tower runs once an image, before training, and is not measured here.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../src/base/errors.ts';
import type { BaseWeights } from '../src/config/schema.ts';
import { baseWeightRewrites } from '../src/engine/base-weights.ts';
import { methods } from '../src/methods/index.ts';
import type { Example } from '../src/methods/method.ts';
import { openLlava } from '../src/models/llava/model.ts';
import { sequenceInOrder } from '../src/models/sequence.ts';
import { normalArray, RandomStream } from '../src/tensor/random.ts';
import { StageTrainer } from '../src/training/stage.ts';
import { trainOn } from './steps.ts';
import { trainingSettings } from './workload.ts';

const usage = `usage: npm run bench:step -- MODEL_FOLDER [options]
  --base-weights TYPE   float32, int8 or int4 (default int4)
  --tokens NUMBER       of the sample, image tokens included (default 650)
  --answer NUMBER       of its last tokens that are answer (default 10)
  --rank NUMBER         (default 128)
  --steps NUMBER        (default 3)
  --keep                keep activations instead of recomputing layers
  --weight-cache FOLDER where rounded weights are kept (default .cache/weight-cache)`;

try {
  await main();
} catch (error) {
  if (!(error instanceof UserError) && !(error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      'base-weights': { type: 'string', default: 'int4' },
      tokens: { type: 'string', default: '650' },
      answer: { type: 'string', default: '10' },
      rank: { type: 'string', default: '128' },
      steps: { type: 'string', default: '3' },
      keep: { type: 'boolean', default: false },
      'weight-cache': { type: 'string', default: join('.cache', 'weight-cache') },
    },
  });
  if (values.help === true) {
    console.log(usage);
    return;
  }
  const [folder] = positionals;
  if (folder === undefined) throw new UserError(usage);
  const rank = Number(values.rank);
  const model = await timed('open', () => openLlava(folder));
  const rewrites = await timed(`${values['base-weights']} weights`, () =>
    baseWeightRewrites(model, values['base-weights'] as BaseWeights, values['weight-cache']),
  );
  const adapter = { rank, alpha: 2 * rank, dropout: 0, experts: 1 };
  const trainer = await timed('compile', () =>
    StageTrainer.compile({
      model,
      open: methods.lora.open({ adapter, own: {} }),
      settings: { ...trainingSettings(1), recompute: !values.keep },
      program: { rewrites },
    }),
  );
  const one = example(model.config, Number(values.tokens), Number(values.answer));
  const { imageTokens, vision } = model.config;
  const features = normalArray(imageTokens * vision.hiddenSize, { seed: 0, purpose: 'features of a step' });
  const examples = Array.from({ length: Number(values.steps) }, () => one);
  await trainOn(trainer, examples, features, ({ step, loss, seconds }) =>
    report(`step ${step}`, seconds, `loss ${loss.toFixed(4)}`),
  );
  console.log(`trainable parameters ${trainer.trainableParameters.toLocaleString('en')}`);
  await trainer.dispose();
}

/** An image's tokens among random words. */
function example(
  { text, imageTokenId, imageTokens }: ReturnType<typeof openLlava>['config'],
  tokens: number,
  answer: number,
): Example {
  const words = new RandomStream(0, 'words of a step');
  const before = Math.min(30, tokens - imageTokens - answer);
  if (before < 0) throw new UserError(`a sample has at least ${imageTokens + answer} tokens`);
  const inputIds = Int32Array.from({ length: tokens }, (_, place) =>
    place >= before && place < before + imageTokens
      ? imageTokenId
      : 10 + words.integer(text.vocabularySize >> 1),
  );
  return {
    sample: { id: '0', image: 'an image', turns: [] },
    task: 'GQA',
    ...sequenceInOrder(inputIds, { at: before, rows: imageTokens }),
    trained: new Uint8Array(tokens).fill(1, tokens - answer),
  };
}

async function timed<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await run();
  report(name, (performance.now() - started) / 1000);
  return result;
}

function report(name: string, seconds: number, more = ''): void {
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const now = gibibytes(process.memoryUsage().rss);
  const peak = gibibytes(process.resourceUsage().maxRSS * 1024);
  console.log(
    `${name.padEnd(14)} ${seconds.toFixed(1).padStart(8)} s   resident ${now}, peak ${peak}   ${more}`,
  );
}

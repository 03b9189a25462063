// `npm run bench`: how fast the embedded model trains and answers here, beside this machine's own matrix-product peak.
// Rounds are interleaved and medians are printed. Build first; the script measures what is in dist/.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildNanoData } from '../dist/benchmarks/nano/build.js';
import { Generator } from '../dist/evaluation/generator.js';
import { methods } from '../dist/methods/index.js';
import { ImageEncoder } from '../dist/models/llava/image-encoder.js';
import { openLlava } from '../dist/models/llava/model.js';
import { loadConfig } from '../dist/runs/config.js';
import { settingsOf } from '../dist/runs/config-schema.js';
import { tasks } from '../dist/tasks/index.js';
import { float32 } from '../dist/tensor/dtype.js';
import { input, matmul } from '../dist/tensor/ops.js';
import { Program } from '../dist/tensor/program.js';
import { StageTrainer } from '../dist/training/stage.js';
import { projectorNames } from '../dist/training/traced.js';

const ROUNDS = 5;
const SAMPLES = 96;
const config = loadConfig('nano', {});
const model = openLlava(resolve(fileURLToPath(import.meta.url), '../../assets/nano'));
const data = mkdtempSync(join(tmpdir(), 'coin-bench-'));

try {
  await buildNanoData({ folder: data, trainPerTask: SAMPLES, testPerTask: 40 });
  const source = { root: data, instructionType: 'Original' };
  const encoder = await ImageEncoder.open({
    config: model.config,
    weights: model.weights,
    transform: model.transform,
  });
  const train = await tokenize(encoder, tasks.GQA.loadTrain(source));
  const prompts = await promptsOf(encoder, tasks.Grounding.loadTest(source).slice(0, 40));

  const jobs = { 'matrix product': await matrixProduct() };
  for (const method of [methods.lora, methods.moelora]) {
    jobs[`train ${method.label}`] = await training(method, train);
    jobs[`answer ${method.label}`] = await answering(method, prompts);
  }
  const results = Object.fromEntries(Object.keys(jobs).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, job] of Object.entries(jobs)) {
      const started = performance.now();
      const work = await job();
      const seconds = (performance.now() - started) / 1000;
      // The first round warms up.
      if (round > 0) results[name].push({ ...work, seconds });
    }
  }
  print(results);
} finally {
  rmSync(data, { recursive: true, force: true });
}

function print(results) {
  const rate = (name, unit) => results[name].map((result) => result[unit] / result.seconds);
  const peak = median(rate('matrix product', 'operations'));
  console.log(
    `matrix product 1024³ float32   ${(peak / 1e9).toFixed(0)} GFLOP/s${spread(rate('matrix product', 'operations'))}`,
  );
  for (const name of Object.keys(results)) {
    if (name === 'matrix product') continue;
    const tokens = rate(name, 'tokens');
    const operations = median(rate(name, 'operations'));
    const share = ((100 * operations) / peak).toFixed(0);
    console.log(
      `${name.padEnd(18)} ${median(tokens).toFixed(0).padStart(7)} tokens/s${spread(tokens)}  ${(operations / 1e9).toFixed(0)} GFLOP/s, ${share} % of the peak`,
    );
  }
  console.log(
    `peak memory ${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GiB, medians of ${ROUNDS} interleaved rounds (spread: lowest to highest)`,
  );
}

/** Operations of the decoder's products per token; attention and the head are left out, so the share is a lower bound. */
function operationsPerToken() {
  const { layers, hiddenSize, intermediateSize, heads, kvHeads, headSize } = model.config.text;
  const attention = 2 * hiddenSize * heads * headSize + 2 * hiddenSize * kvHeads * headSize;
  return 2 * layers * (attention + 3 * hiddenSize * intermediateSize);
}

async function matrixProduct() {
  const n = 1024;
  const program = await Program.compile({
    y: matmul(input('a', 'float32', [n, n]), input('b', 'float32', [n, n])),
  });
  const feeds = {
    a: float32(new Float32Array(n * n).fill(0.5), [n, n]),
    b: float32(new Float32Array(n * n).fill(0.25), [n, n]),
  };
  return async () => {
    for (let i = 0; i < 20; i++) await program.run(feeds);
    return { operations: 20 * 2 * n ** 3 };
  };
}

async function training(method, samples) {
  const trainer = await StageTrainer.compile({
    config: model.config,
    weights: model.weights,
    open: method.open(settingsOf(config, method.name)),
    settings: config.training,
  });
  const tokens = samples.reduce((total, { inputIds }) => total + inputIds.length, 0);
  return async () => {
    await trainer.train({ examples: samples, seed: 0, stage: 1, task: 'GQA', tasks: ['GQA'] });
    // Forward and the gradient of the activations; frozen weights have no gradient of their own.
    return { tokens, operations: tokens * 2 * operationsPerToken() };
  };
}

async function answering(method, prompts) {
  const adapter = method
    .open(settingsOf(config, method.name))
    .graph({ use: 'inference', model: model.config });
  const { slots } = config.evaluation;
  const generator = await Generator.compile({
    config: model.config,
    weights: model.weights.provider(new Set(projectorNames)),
    adapter,
    slots,
  });
  const projector = projectorNames.map((name) => [name, model.weights.values(name)]);
  const parameters = Object.fromEntries([
    ...[...adapter.parameters.values()].map((p) => [p.name, float32(p.initialise(0), p.shape)]),
    ...projector.map(([name, { data, shape }]) => [name, float32(data, shape)]),
  ]);
  return async () => {
    let tokens = 0;
    for (let start = 0; start < prompts.length; start += slots) {
      const part = prompts.slice(start, start + slots);
      const answers = await generator.generate(part, parameters, 32);
      tokens += part.reduce((total, { inputIds }) => total + inputIds.length, 0) + answers.flat().length;
    }
    return { tokens, operations: tokens * operationsPerToken() };
  };
}

async function tokenize(encoder, samples) {
  const features = await encoder.encode(samples.map(({ image }) => image));
  return samples.map(({ turns }, i) => ({
    ...model.processor.processTraining(turns, { hasImage: true }),
    features: features[i],
  }));
}

async function promptsOf(encoder, samples) {
  const features = await encoder.encode(samples.map(({ image }) => image));
  return samples.map(({ text }, i) => ({
    inputIds: model.processor.processPrompt(text, { hasImage: true }),
    features: features[i],
  }));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function spread(values) {
  const mid = median(values);
  return ` (${(Math.min(...values) / mid).toFixed(2)}–${(Math.max(...values) / mid).toFixed(2)})`;
}

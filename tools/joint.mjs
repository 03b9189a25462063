// Joint training, the upper bound: all tasks' samples shuffled together, one adapter, then every task evaluated.
// Usage: npm run build && node tools/joint.mjs [lora|moelora] [config]. Prints percent per task, strict scoring.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../dist/runs/config.js';
import { openEngine } from '../dist/runs/engine.js';
import { readPredictions } from '../dist/runs/predictions.js';
import { testSamples, trainSamples } from '../dist/runs/samples.js';
import { locateModel, prepareData } from '../dist/runs/sources.js';
import { tasks } from '../dist/tasks/index.js';

const [method = 'lora', name = 'nano'] = process.argv.slice(2);
const config = loadConfig(name);
const source = await prepareData(config, config.output);
const folder = mkdtempSync(join(tmpdir(), 'coin-joint-'));
const signal = new AbortController().signal;
const engine = await openEngine({ config, modelFolder: locateModel(config) });
try {
  const samples = config.tasks.flatMap((task) => trainSamples(config, source, task));
  const adapterFolder = join(folder, 'adapter');
  mkdirSync(adapterFolder);
  const common = { method, config, signal };
  const checkpointFolder = join(folder, 'checkpoint');
  await engine.trainStage({ ...common, stage: 1, task: config.tasks[0], samples, adapterFolder, checkpointFolder, onProgress: () => {} });
  for (const task of config.tasks) {
    const test = testSamples(config, source, task);
    const predictionFile = join(folder, `${task}.jsonl`);
    await engine.evaluate({ ...common, task, samples: test, adapterFolder, predictionFile, onProgress: () => {} });
    const { accuracy } = tasks[task].score('strict', test, readPredictions(predictionFile));
    console.log(`${task.padEnd(10)} ${accuracy.toFixed(2).padStart(6)}`);
  }
} finally {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
}

// A run engine that computes nothing: adapters and answers are hashes of what they would be computed from. It keeps
// checkpoints after every step and writes answers one by one, so that it can be stopped anywhere.
// Plain JavaScript, because it also runs in processes that are started to be killed.
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const hash = (...parts) => createHash('sha256').update(parts.join('\n')).digest('hex');

export class FakeEngine {
  /**
   * `onBatch` is told of every batch after it is done and may return a promise, throw or abort.
   * Another `machine` trains other adapters.
   */
  constructor({ onBatch = () => {}, machine = '' } = {}) {
    this.onBatch = onBatch;
    this.machine = machine;
    this.closed = false;
  }

  async trainStage(request) {
    const { config, tasks, method, stage, task, signal, checkpointFolder, previousAdapter } = request;
    const samples = tasks.flatMap((name) => request.samplesOf(name));
    const steps = Math.ceil((samples.length * config.training.epochs) / config.training.batchSize);
    const checkpoint = join(checkpointFolder, 'state.json');
    let [step, state] = [0, previousAdapter ? readFileSync(join(previousAdapter, 'weights'), 'utf8') : ''];
    if (existsSync(checkpoint)) ({ step, state } = JSON.parse(readFileSync(checkpoint, 'utf8')));
    while (step < steps) {
      state = hash(this.machine, state, method, task, step, config.seed);
      step++;
      if (!existsSync(checkpointFolder)) mkdirSync(checkpointFolder);
      writeFileSync(`${checkpoint}.new`, JSON.stringify({ step, state }));
      renameSync(`${checkpoint}.new`, checkpoint);
      request.onProgress({ step, steps, loss: 1 / step, samplesPerSecond: 100 });
      await this.onBatch(`${method}/${stage}-${task} step ${step}`);
      signal.throwIfAborted();
    }
    writeFileSync(join(request.adapterFolder, 'weights'), state);
    mkdirSync(join(request.adapterFolder, 'projector'));
    writeFileSync(join(request.adapterFolder, 'projector', 'weights'), hash('projector', state));
    return { seconds: 1, steps, finalLoss: 1 / steps, trainableParameters: 1000 };
  }

  async evaluate(request) {
    const { trained, samples, signal, predictionFile } = request;
    const adapterFolder = trained?.adapterFolder;
    const state = adapterFolder ? readFileSync(join(adapterFolder, 'weights'), 'utf8') : 'zero-shot';
    for (const [index, sample] of samples.entries()) {
      const knows = Number.parseInt(hash(state, sample.id).slice(0, 4), 16) % 3 > 0;
      const answer = { question_id: sample.id, prompt: sample.text, text: knows ? sample.answer : 'unknown' };
      appendFileSync(predictionFile, `${JSON.stringify(answer)}\n`);
      request.onProgress({ done: index + 1, total: samples.length, samplesPerSecond: 50 });
      await this.onBatch(`${state} sample ${request.task} ${sample.id}`);
      signal.throwIfAborted();
    }
    return { seconds: 0.5 };
  }

  async close() {
    this.closed = true;
  }
}

// The promise in miniature: a toy model is tuned on two tasks by two methods, every seen task is evaluated after every
// stage, and the whole matrix comes out; stopped anywhere and run again, the bytes are the same.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAdapter, readProjector } from '../../src/adapters/peft.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { listFiles, sha256OfFile } from '../../src/formats/files/files.ts';
import { openLlava } from '../../src/models/llava/model.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { computeResults } from '../../src/report/compute.ts';
import { executeRun, type RunObserver } from '../../src/runs/execute.ts';
import { RunInterrupted } from '../../src/runs/interrupted.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { toyConfig } from '../support/toy-config.ts';
import { writeToyModel } from '../support/toy-model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-tiny-'));
const [model, data] = [join(root, 'model'), join(root, 'data')];
const overrides = {
  model,
  benchmark: data,
  tasks: ['ImageNet', 'GQA'],
  testSamples: 4,
  trainSamples: 8,
  'adapter.rank': 4,
  'adapter.alpha': 8,
  'adapter.experts': 2,
  'adapter.dropout': 0.1,
  'training.batchSize': 2,
  'training.learningRate': 0.01,
  'training.checkpointEverySteps': 1,
  'evaluation.slots': 3,
  'evaluation.maxNewTokens': 4,
};

function configOf(output: string, more: Readonly<Record<string, unknown>> = {}) {
  return toyConfig({ ...overrides, output, ...more });
}

async function run(
  output: string,
  options: { observer?: RunObserver; signal?: AbortSignal; more?: Record<string, unknown> } = {},
) {
  const config = configOf(output, options.more);
  const source = { root: data, instructionType: 'Original' };
  return executeRun({
    config,
    folder: config.output,
    source,
    prepare: (folder) => recordProvenance(folder, { source, tasks: config.tasks, modelFolder: model }),
    openEngine: () => openEngine({ config, modelFolder: model }),
    observer: options.observer,
    signal: options.signal,
  });
}

/** Hashes of the adapters and predictions of a run. */
function outcome(folder: string): Record<string, string> {
  const files = listFiles(folder).filter((file) => /adapter|predictions|zero-shot/.test(file));
  return Object.fromEntries(files.map((file) => [file, sha256OfFile(join(folder, file))]));
}

beforeAll(async () => {
  await writeToyModel(model);
  await buildNanoData({ folder: data, trainPerTask: 8, testPerTask: 4 });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a run of two stages', () => {
  const whole = join(root, 'whole');

  it('ends with the whole matrix of both methods', async () => {
    expect(await run(whole)).toBeGreaterThan(0);
    const results = await computeResults(whole);
    for (const method of ['lora', 'moelora']) {
      const { matrix } = results.modes.strict.methods[method]!;
      expect(matrix.tasks).toEqual(['ImageNet', 'GQA']);
      expect(matrix.rows.map(({ after, scores }) => [after, Object.keys(scores)])).toEqual([
        ['ImageNet', ['ImageNet']],
        ['GQA', ['ImageNet', 'GQA']],
      ]);
    }
  });

  it('does nothing when it is run again', async () => {
    const before = outcome(whole);
    expect(await run(whole)).toBe(0);
    expect(outcome(whole)).toEqual(before);
  });

  it('trains adapter and projector, and carries both from stage to stage', async () => {
    // The second stage takes one step, the first of a warm-up, at a rate of zero: it ends where it begins.
    const folder = join(root, 'carried');
    const more = { methods: ['lora'], 'training.taskBatchSizes': { GQA: 8 }, 'training.warmupRatio': 0.25 };
    await run(folder, { more });
    const { shape, weights: base } = openLlava(model);
    const expected = shape.alongside;
    const read = (stage: string) => {
      const adapter = join(folder, 'lora', stage, 'adapter');
      return { adapter: readAdapter(adapter).values, projector: readProjector(adapter, expected) };
    };
    const [first, second] = [read('1-ImageNet'), read('2-GQA')];
    for (const [name, { data }] of first.projector) expect(data, name).not.toEqual(base.values(name).data);
    for (const [name, { data }] of first.adapter) {
      if (name.endsWith('lora_B.weight')) expect(Math.max(...data.map(Math.abs)), name).toBeGreaterThan(0);
    }
    expect(second).toEqual(first);
  });

  it('gives the same bytes when it is stopped in the middle of a stage', async () => {
    const folder = join(root, 'stopped');
    const stop = new AbortController();
    const observer: RunObserver = {
      stepProgress: (step, { done }) => {
        if (step.kind === 'train' && step.stage === 2 && done === 2) stop.abort();
      },
    };
    await expect(run(folder, { observer, signal: stop.signal })).rejects.toThrow(RunInterrupted);
    const checkpoints = listFiles(folder).filter((file) => file.endsWith('state.safetensors'));
    expect(checkpoints).toHaveLength(1);
    const resumedAt: number[] = [];
    await run(folder, {
      observer: {
        stepProgress: (step, { done, unit }) =>
          void (step.kind === 'train' && unit === 'steps' && resumedAt.push(done)),
      },
    });
    expect(resumedAt[0]).toBe(3);
    expect(outcome(folder)).toEqual(outcome(whole));
  });

  it('answers the same whatever the number of slots holds beside a sample', async () => {
    const answers = (folder: string) => readFileSync(join(folder, 'zero-shot', 'GQA.jsonl'), 'utf8');
    const folder = join(root, 'slots');
    await run(folder, { more: { methods: ['lora'], 'evaluation.slots': 4, testSamples: 4 } });
    expect(answers(folder)).toBe(answers(whole));
  });
});

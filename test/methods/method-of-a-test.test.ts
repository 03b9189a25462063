// What a new method costs: one file. Here it is handed in from outside, in a catalogue of its own; configuration, plan, trainer, checkpoints, evaluation and results know it without a change.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import { builtIn, type Catalogue } from '../../src/config/catalogue.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { largestAbsolute } from '../../src/methods/shared/matrices.ts';
import { readStage } from '../../src/methods/shared/stage-files.ts';
import { openLlava } from '../../src/models/llava/model.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { computeResults } from '../../src/report/compute.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { method } from '../support/shrinking-method.ts';
import { toyConfig } from '../support/toy-config.ts';
import { writeToyModel } from '../support/toy-model.ts';

const catalogue: Catalogue = { ...builtIn, methods: builtIn.methods.with([method]) };

const root = mkdtempSync(join(tmpdir(), 'coin-one-file-'));
const [model, data, output] = [join(root, 'model'), join(root, 'data'), join(root, 'run')];
beforeAll(async () => {
  await writeToyModel(model);
  await buildNanoData({ folder: data, trainPerTask: 6, testPerTask: 2 });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function configOf(more: Readonly<Record<string, unknown>> = {}) {
  const settings = {
    model,
    benchmark: data,
    output,
    methods: ['shrinking'],
    tasks: ['ImageNet', 'GQA'],
    trainSamples: 6,
    testSamples: 2,
    'adapter.rank': 2,
    'training.batchSize': 2,
    'evaluation.maxNewTokens': 2,
    ...more,
  };
  return toyConfig(settings, catalogue);
}

it('runs a method that only a test knows, with its settings, hooks and memory', async () => {
  const config = configOf({ 'methodSettings.shrinking.bound': 0.01 });
  const source = { root: data, instructionType: 'Original' };
  await executeRun({
    config,
    catalogue,
    folder: output,
    source,
    prepare: (folder) => recordProvenance(folder, { source, tasks: config.tasks, modelFolder: model }),
    openEngine: () => openEngine({ config, catalogue, modelFolder: model }),
  });
  const { modes, methods } = await computeResults(output, { catalogue });
  expect(methods.map(({ label }) => label)).toEqual(['Shrinking']);
  expect(modes.strict.methods.shrinking?.matrix.rows).toHaveLength(2);

  const { shape } = openLlava(model);
  const state = readStage(join(output, 'shrinking/2-GQA/adapter'), {
    method,
    open: method.open({ adapter: config.adapter, own: {} }),
    model: shape,
  });
  const largest = Math.max(
    ...[...state.trained].map(([name, { data: values }]) =>
      name.includes('lora_') ? largestAbsolute(values) : 0,
    ),
  );
  expect(largest).toBeCloseTo(0.01, 7);
  expect(state.memory.notes).toEqual({ finished: ['ImageNet', 'GQA'] });
  const journal = readFileSync(join(output, 'journal.jsonl'), 'utf8');
  expect(journal).toContain('"bound":0.01');
});

it('refuses its settings like those of any other', () => {
  const message = (more: Readonly<Record<string, unknown>>) => {
    try {
      configOf(more);
      return '';
    } catch (error) {
      return error instanceof UserError ? error.message : String(error);
    }
  };
  expect(message({ 'methodSettings.shrinking.bound': -1 })).toContain('methodSettings.shrinking.bound');
  expect(message({ 'methodSettings.shrinking.bond': 1 })).toContain('did you mean bound?');
  expect(message({ 'adapter.rank': 3 })).toContain('shrinks even ranks only');
});

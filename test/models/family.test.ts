// What a family of models costs: its own files and one row of the list. Here the family is in support/models and the row is
// put in from outside; training, evaluation, resuming, estimate and inspection know it without a change.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readAdapter } from '../../src/adapters/peft.ts';
import { builtIn } from '../../src/config/catalogue.ts';
import { testSamples } from '../../src/config/samples.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { estimateRun } from '../../src/forecast/estimate.ts';
import { inspectModel } from '../../src/forecast/inspection.ts';
import { methodSizes } from '../../src/forecast/sizes.ts';
import { listFiles, sha256OfFile } from '../../src/formats/files/files.ts';
import { families, familyOf, locateModel, openModel, outlineModel } from '../../src/models/index.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { computeResults } from '../../src/report/compute.ts';
import { executeRun, type RunObserver } from '../../src/runs/execute.ts';
import { RunInterrupted } from '../../src/runs/interrupted.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { toyLayout, writeToyFamilyModel } from '../support/models/toy-family.ts';
import { toyConfig } from '../support/toy-config.ts';

vi.mock('../../src/models/index.ts', async (original) => {
  const list = await original<typeof import('../../src/models/index.ts')>();
  const { toyFamily } = await import('../support/models/toy-family.ts');
  return { ...list, families: [...list.families, toyFamily] };
});

const root = mkdtempSync(join(tmpdir(), 'coin-family-'));
const [model, data] = [join(root, 'model'), join(root, 'data')];
const source = { root: data, instructionType: 'Original' };
beforeAll(async () => {
  writeToyFamilyModel(model);
  await buildNanoData({ folder: data, trainPerTask: 6, testPerTask: 4 });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function configOf(output: string, more: Readonly<Record<string, unknown>> = {}) {
  return toyConfig({
    model,
    benchmark: data,
    output,
    tasks: ['ImageNet', 'GQA'],
    methods: ['lora', 'moelora'],
    trainSamples: 6,
    testSamples: 4,
    'adapter.rank': 4,
    'adapter.alpha': 8,
    'adapter.experts': 2,
    'training.batchSize': 3,
    'training.learningRate': 0.01,
    'training.checkpointEverySteps': 1,
    'evaluation.maxNewTokens': 4,
    ...more,
  });
}

function run(
  output: string,
  options: { observer?: RunObserver; signal?: AbortSignal; more?: Record<string, unknown> } = {},
) {
  const { observer, signal } = options;
  const config = configOf(output, options.more);
  return executeRun({
    config,
    folder: config.output,
    source,
    prepare: (folder) => recordProvenance(folder, { source, tasks: config.tasks, modelFolder: model }),
    openEngine: () => openEngine({ config, modelFolder: model }),
    observer,
    signal,
  });
}

function outcome(folder: string): Record<string, string> {
  const files = listFiles(folder).filter((file) => /adapter|predictions|zero-shot/.test(file));
  return Object.fromEntries(files.map((file) => [file, sha256OfFile(join(folder, file))]));
}

it('is found by what its folder says', () => {
  expect(locateModel(model, families)).toBe(model);
  expect(familyOf(model, families).label).toBe('Toy');
});

it('has images of unequal rows', async () => {
  const files = testSamples(configOf('unused'), source, builtIn.tasks.get('GQA')).flatMap(
    ({ image }) => image ?? [],
  );
  const layouts = await Promise.all(files.map(toyLayout));
  expect(new Set(layouts.map(({ rows }) => rows)).size).toBeGreaterThan(1);
});

it('trains and is evaluated by two methods, and ends with the same bytes when it was stopped', async () => {
  const whole = join(root, 'whole');
  expect(await run(whole)).toBeGreaterThan(0);
  const { modes } = await computeResults(whole);
  for (const method of ['lora', 'moelora']) expect(modes.strict.methods[method]?.matrix.rows).toHaveLength(2);

  const stopped = join(root, 'stopped');
  const stop = new AbortController();
  const observer: RunObserver = {
    stepProgress: (step, { done }) => {
      if (step.kind === 'train' && step.stage === 2 && done === 1) stop.abort();
    },
  };
  await expect(run(stopped, { observer, signal: stop.signal })).rejects.toThrow(RunInterrupted);
  await run(stopped, {});
  expect(outcome(stopped)).toEqual(outcome(whole));
  // The bits of an answer do not depend on its neighbours.
  const slots = join(root, 'slots');
  await run(slots, { more: { methods: ['lora'], 'evaluation.slots': 1 } });
  const answers = (folder: string) =>
    readFileSync(join(folder, 'lora', '2-GQA', 'predictions', 'GQA.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .sort();
  expect(answers(slots)).toEqual(answers(whole));
});

it('saves its adapters under its own names, and nothing that did not train alongside', () => {
  const folder = join(root, 'whole', 'lora', '2-GQA', 'adapter');
  expect([...listFiles(folder)].sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  const { shape } = outlineModel(model, families);
  const { spec, values } = readAdapter(folder, { targets: shape });
  expect(spec.layers).toBeUndefined();
  expect(values.size).toBe(2 * shape.adaptable.size);
  expect([...values.keys()][0]).toMatch(/^transformer\.h\.0\./);
});

it('is estimated, sized and inspected', async () => {
  const config = configOf(join(root, 'planned'));
  const opened = openModel(model, { families });
  const estimate = await estimateRun(config, builtIn, opened, source);
  const numbers = [...opened.computed.values()].map((dims) => dims.reduce((a, b) => a * b, 1));
  expect(estimate.parameters).toBe(numbers.reduce((a, b) => a + b, 0));
  expect(estimate.features.stage).toBeGreaterThan(0);
  const lora =
    4 * [...opened.shape.adaptable.values()].reduce((sum, { inputs, outputs }) => sum + inputs + outputs, 0);
  expect(estimate.trainable.lora).toBe(lora);
  expect(methodSizes(config, builtIn, opened).methods.map(({ method }) => method)).toEqual([
    'lora',
    'moelora',
  ]);
  const inspection = inspectModel(model, familyOf(model, families), { rank: 4, batches: [1] });
  expect(inspection.parts.map(({ name }) => name)).toEqual(['bands', 'decoder']);
  expect(inspection.targets).toEqual({ modules: ['c_attn', 'c_proj', 'w1', 'w2'], layers: 8 });
  expect(inspection.memory).toHaveLength(6);
});

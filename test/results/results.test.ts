// Results are what the predictions on disk say, and nothing else.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { computeResults, metricsAgree, metricsOf, metricsText } from '../../src/report/compute.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { runFiles } from '../../src/runs/run-folder.ts';
import { readPredictions } from '../../src/tasks/predictions.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { testCount, tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

let top: string;
let source: TaskSource;
let folder: string;
let modelFolder: string;

async function execute(stopAfter = Number.POSITIVE_INFINITY) {
  const controller = new AbortController();
  let finished = 0;
  await executeRun({
    config: tinyConfig(folder, source),
    folder,
    source,
    prepare: (run) => recordProvenance(run, { source, tasks: tinyTasks, modelFolder }),
    openEngine: async () => new FakeEngine(),
    observer: { stepFinished: () => ++finished === stopAfter && controller.abort() },
    signal: controller.signal,
  }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
}

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'coin-results-'));
  source = writeTinyData(join(top, 'data'));
  folder = join(top, 'run');
  modelFolder = join(top, 'model');
  mkdirSync(modelFolder);
  writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava"}');
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

/** Counted here by hand: the share of answers that are not "unknown". */
function accuracy(file: string): number {
  const given = readPredictions(join(folder, file));
  return (100 * given.filter(({ text }) => text !== 'unknown').length) / testCount;
}

it('holds the whole stages of an unfinished run', async () => {
  // Zero-shot (3), stage 1 of LoRA (2) and of stage 2 the training and one of two evaluations.
  await execute(3 + 2 + 2);
  const results = await computeResults(folder);
  expect(results.modes.strict.methods.lora?.matrix.rows.map(({ after }) => after)).toEqual(['VQAv2']);
  expect(results.methods.map(({ name }) => name)).toEqual(['lora']);
  expect(metricsAgree(folder, results)).toBeUndefined();
});

it('computes every score from the predictions of a finished run', async () => {
  await execute();
  const results = await computeResults(folder);
  expect(results.tasks).toEqual(tinyTasks);
  for (const mode of ['strict', 'reference'] as const) {
    for (const task of tinyTasks) {
      expect(results.modes[mode].zeroShot[task]).toBe(accuracy(`zero-shot/${task}.jsonl`));
    }
    for (const method of ['lora', 'moelora']) {
      const { matrix, finalAverage } = results.modes[mode].methods[method] ?? { matrix: { rows: [] } };
      expect(matrix.rows).toEqual(
        tinyTasks.map((after, index) => ({
          after,
          scores: Object.fromEntries(
            tinyTasks
              .slice(0, index + 1)
              .map((task) => [task, accuracy(`${method}/${index + 1}-${after}/predictions/${task}.jsonl`)]),
          ),
        })),
      );
      const last = Object.values(matrix.rows.at(-1)?.scores ?? {});
      expect(finalAverage).toBeCloseTo(last.reduce((sum, score) => sum + score, 0) / 3, 10);
    }
  }
  // As the fake engine measures: a second per training, half a second per evaluation.
  expect(results.methods).toEqual([
    { name: 'lora', label: 'LoRA', trainableParameters: 1000, trainingSeconds: 3, evaluationSeconds: 3 },
    {
      name: 'moelora',
      label: 'MoELoRA',
      trainableParameters: 1000,
      trainingSeconds: 3,
      evaluationSeconds: 3,
    },
  ]);
  expect(new Set(results.examples.map(({ task }) => task))).toEqual(new Set(tinyTasks));
  expect(results.examples[0]).toMatchObject({
    task: 'VQAv2',
    question: 'What is it?',
    image: expect.stringMatching(/^data:image\/png;base64,/),
  });
  expect(results.examples[0]?.answers.map(({ after }) => after)).toEqual(tinyTasks);
});

it('knows when metrics.json no longer says what the predictions say', async () => {
  const results = await computeResults(folder);
  writeFileSync(runFiles.metrics(folder), metricsText(results));
  expect(metricsAgree(folder, await computeResults(folder))).toBe(true);
  expect(JSON.parse(readFileSync(runFiles.metrics(folder), 'utf8'))).toEqual(metricsOf(results));

  const file = join(folder, 'lora/3-OCRVQA/predictions/VQAv2.jsonl');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replaceAll(/"text":"[^"]*"/g, '"text":"nonsense"'));
  const changed = await computeResults(folder);
  expect(changed.modes.strict.methods.lora?.matrix.rows[2]?.scores.VQAv2).toBe(0);
  expect(metricsAgree(folder, changed)).toBe(false);

  writeFileSync(file, before.replace('VQAv2-0', 'VQAv2-9'));
  await expect(computeResults(folder)).rejects.toThrow(
    /VQAv2\.jsonl:1: question_id: no test sample has the id "VQAv2-9"/,
  );
  writeFileSync(file, `${before}{"question_id": 1}\n`);
  await expect(computeResults(folder)).rejects.toThrow(/VQAv2\.jsonl:5: question_id: expected string/);
  rmSync(file);
  await expect(computeResults(folder)).rejects.toThrow(/VQAv2\.jsonl: no such file/);
  writeFileSync(file, before);
});

it('refuses data or weights that are not those of the run', async () => {
  const file = join(source.root, 'Instructions_Original/ImageNet/test.json');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace('answer 0', 'answer 7'));
  await expect(computeResults(folder)).rejects.toThrow(
    /data changed since the run began: .*ImageNet\/test\.json/,
  );
  writeFileSync(file, before);
  await expect(computeResults(folder)).resolves.toBeDefined();

  writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava", "other": 1}');
  await expect(execute()).rejects.toThrow(/weights changed since the run began: config\.json/);
  writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava"}');
  await execute();
});

it('says what a folder lacks that is not a run', async () => {
  await expect(computeResults(source.root)).rejects.toThrow(
    /config\.json: no such file\n {2}hint: expected the folder of a run/,
  );
});

// A run as it lies on disk, opened for reading: what was done, its test samples and its predictions, each read and
// scored once. Knows nothing of what is made of them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtIn, type Catalogue } from '../config/catalogue.ts';
import { type EvaluateStep, planRun, type Step } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import { testSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import type { TaskName } from '../tasks/index.ts';
import { readPredictions, requireKnownIds } from '../tasks/predictions.ts';
import { isUsable } from '../tasks/skipped.ts';
import type { Prediction, ScoringMode, TaskScore, TaskSource, TestSample } from '../tasks/task.ts';
import { prepareData } from './data.ts';
import { type JournalRecord, readJournal, recordsByKey } from './journal.ts';
import { type Provenance, readProvenance, requireSameData } from './provenance.ts';
import { readRunConfig, runFiles } from './run-folder.ts';
import { readSkipped } from './skipped-file.ts';

export interface OpenedRun {
  readonly folder: string;
  readonly config: RunConfig;
  /** What its configuration may name. */
  readonly catalogue: Catalogue;
  readonly provenance: Provenance;
  readonly source: TaskSource;
  readonly records: ReadonlyMap<string, JournalRecord>;
  readonly steps: readonly Step[];
  /** The evaluations that are complete by the journal, in the order of the plan. */
  readonly done: readonly EvaluateStep[];
  readonly evaluations: Evaluations;
}

/**
 * @param base what the configuration may name beside its plug-ins.
 * @throws UserError when the folder is not a run or its test data is not what it was made with.
 */
export async function openRun(folder: string, base: Catalogue = builtIn): Promise<OpenedRun> {
  const config = readRunConfig(folder, base);
  const catalogue = catalogueOf(config, base);
  const provenance = readProvenance(folder);
  const source = await dataOf(config, provenance, folder);
  const records = recordsByKey(readJournal(runFiles.journal(folder)));
  const steps = planRun(config, catalogue);
  const done = steps.filter(
    (step): step is EvaluateStep => step.kind === 'evaluate' && records.has(step.key),
  );
  const evaluations = new Evaluations({ config, catalogue, folder, source });
  return { folder, config, catalogue, provenance, source, records, steps, done, evaluations };
}

/** The test data that the run was made with, wherever it lies now. */
async function dataOf(config: RunConfig, provenance: Provenance, folder: string): Promise<TaskSource> {
  const { instructionType } = config;
  const source = existsSync(provenance.data.folder)
    ? { root: provenance.data.folder, instructionType }
    : await prepareData(config, folder);
  requireSameData(provenance, { source, tasks: config.tasks });
  return { ...source, skipped: readSkipped(folder) };
}

interface EvaluationsOptions {
  readonly config: RunConfig;
  readonly catalogue: Catalogue;
  readonly folder: string;
  readonly source: TaskSource;
}

/** Reads each file, and scores it in each mode, once. */
export class Evaluations {
  readonly #options: EvaluationsOptions;
  readonly #samples = new Map<TaskName, readonly TestSample[]>();
  readonly #scores = new Map<string, TaskScore>();

  constructor(options: EvaluationsOptions) {
    this.#options = options;
  }

  samples(task: TaskName): readonly TestSample[] {
    const { config, catalogue, source } = this.#options;
    return remembered(this.#samples, task, () => testSamples(config, source, catalogue.tasks.get(task)));
  }

  /** The samples that are asked: all but the ones that the run passes over. */
  questions(task: TaskName): readonly TestSample[] {
    return this.samples(task).filter(isUsable);
  }

  predictions(step: EvaluateStep): readonly Prediction[] {
    const file = join(this.#options.folder, step.predictionFile);
    const predictions = readPredictions(file);
    requireKnownIds(file, this.samples(step.task), predictions);
    return predictions;
  }

  score(step: EvaluateStep, mode: ScoringMode): TaskScore {
    return remembered(this.#scores, `${mode} ${step.key}`, () =>
      this.#options.catalogue.tasks
        .get(step.task)
        .score(mode, this.samples(step.task), this.predictions(step)),
    );
  }
}

function remembered<Key, Value>(values: Map<Key, Value>, key: Key, compute: () => Value): Value {
  const known = values.get(key);
  if (known !== undefined) return known;
  const value = compute();
  values.set(key, value);
  return value;
}

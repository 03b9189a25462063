// Evaluates a model, with or without an adapter of PEFT's layout, on some tasks: predictions and scores, no training and
// no run. A run's own evaluations are `execute.ts`.

import { join } from 'node:path';
import type { Catalogue } from '../config/catalogue.ts';
import { catalogueOf } from '../config/plugins.ts';
import { questionsOf, testSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import { makeFolder } from '../formats/files/files.ts';
import type { TaskName } from '../tasks/index.ts';
import { readPredictions } from '../tasks/predictions.ts';
import type { ScoringMode, TaskSource } from '../tasks/task.ts';
import { AdapterAnswers } from './adapter-answers.ts';

export interface EvaluateModelOptions {
  readonly modelFolder: string;
  readonly adapterFolder?: string;
  /** Says the tasks, how many samples and how many tokens; what it says of training plays no part. */
  readonly config: RunConfig;
  /** By default what the package and the configuration's plug-ins bring. */
  readonly catalogue?: Catalogue;
  readonly source: TaskSource;
  /** Gets a prediction file per task. */
  readonly outputFolder: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (task: TaskName, done: number, total: number) => void;
}

export interface EvaluatedTask {
  readonly task: TaskName;
  readonly samples: number;
  readonly predictionFile: string;
  /** Percent. */
  readonly accuracy: Readonly<Record<ScoringMode, number>>;
  readonly seconds: number;
}

/** Evaluates task after task. @throws UserError when the model, the adapter or the data cannot be read. */
export async function evaluateModel(options: EvaluateModelOptions): Promise<readonly EvaluatedTask[]> {
  const { config, catalogue = catalogueOf(options.config), source, signal, adapterFolder } = options;
  const answers = await AdapterAnswers.open(config, options.modelFolder, catalogue.families);
  makeFolder(options.outputFolder);
  const evaluated: EvaluatedTask[] = [];
  try {
    const adapted = adapterFolder === undefined ? undefined : answers.read(adapterFolder);
    for (const task of config.tasks.map((name) => catalogue.tasks.get(name))) {
      const started = performance.now();
      const samples = questionsOf(config, source, task);
      const predictionFile = join(options.outputFolder, `${task.name}.jsonl`);
      await answers.answer({
        adapted,
        task,
        samples,
        predictionFile,
        onAnswer: (done) => options.onProgress?.(task.name, done, samples.length),
        signal,
      });
      const accuracyIn = (mode: ScoringMode) =>
        task.score(mode, testSamples(config, source, task), readPredictions(predictionFile)).accuracy;
      evaluated.push({
        task: task.name,
        samples: samples.length,
        predictionFile,
        accuracy: { strict: accuracyIn('strict'), reference: accuracyIn('reference') },
        seconds: (performance.now() - started) / 1000,
      });
    }
  } finally {
    await answers.close();
  }
  return evaluated;
}

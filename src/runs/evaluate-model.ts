// Evaluates a model, with or without an adapter of PEFT's layout, on some tasks: predictions and scores, no training and
// no run. A run's own evaluations are `execute.ts`.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Adapter, createAdapter } from '../adapters/index.ts';
import { hasProjector, readAdapter, readProjector, type TensorValues } from '../adapters/peft.ts';
import { Generator } from '../evaluation/generator.ts';
import { makeFolder } from '../formats/files.ts';
import { ImageEncoder } from '../models/llava/image-encoder.ts';
import { canonicalName } from '../models/llava/weights.ts';
import { tasks as allTasks, type TaskName } from '../tasks/index.ts';
import type { ScoringMode, TaskSource } from '../tasks/task.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { projectorNames } from '../training/traced.ts';
import { answerSamples, aspectOf, openModel } from './answering.ts';
import { programOptions } from './base-weights.ts';
import type { RunConfig } from './config-schema.ts';
import { readPartialPredictions, readPredictions, writePredictions } from './predictions.ts';
import { testSamples } from './samples.ts';
import { featureCache } from './sources.ts';

export interface EvaluateModelOptions {
  readonly modelFolder: string;
  readonly adapterFolder?: string;
  /** Says the tasks, how many samples and how many tokens; what it says of training plays no part. */
  readonly config: RunConfig;
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
  const { config, source, signal } = options;
  const model = openModel(config, options.modelFolder);
  const projector = new Map(
    projectorNames.map((name) => {
      const { data, shape } = model.weights.values(name);
      return [name, float32(data, shape)] as const;
    }),
  );
  const read = options.adapterFolder === undefined ? undefined : readFolder(options.adapterFolder, projector);
  const parameters = Object.fromEntries(new Map([...projector, ...(read?.values ?? [])]));
  const disk = featureCache(config);
  const encoder = await ImageEncoder.open({
    config: model.config,
    weights: model.weights,
    transform: model.transform,
    program: { provider: config.provider },
    ...(disk === undefined ? {} : { disk }),
  });
  const generator = await Generator.compile({
    config: model.config,
    weights: model.weights.provider(new Set(projectorNames)),
    slots: config.evaluation.slots,
    program: programOptions(config, model),
    ...(read === undefined ? {} : { adapter: read.adapter }),
  });
  makeFolder(options.outputFolder);
  const evaluated: EvaluatedTask[] = [];
  try {
    for (const task of config.tasks) {
      const started = performance.now();
      const samples = testSamples(config, source, task);
      const predictionFile = join(options.outputFolder, `${task}.jsonl`);
      const partialFile = `${predictionFile}.partial`;
      rmSync(partialFile, { force: true });
      await answerSamples({
        model,
        encoder,
        aspect: aspectOf(config, task),
        generator,
        // Another object for each task, so that nothing is kept of pictures that were fitted otherwise.
        parameters: { ...parameters },
        samples,
        prompts: samples.map(({ text, image }) => ({
          inputIds: model.processor.processPrompt(text, { hasImage: image !== undefined }),
        })),
        maxNewTokens: Math.min(config.evaluation.maxNewTokens, allTasks[task].maxNewTokens),
        predictionFile: partialFile,
        onAnswer: (done) => options.onProgress?.(task, done, samples.length),
        ...(signal === undefined ? {} : { signal }),
      });
      writePredictions(predictionFile, samples, readPartialPredictions(partialFile));
      rmSync(partialFile, { force: true });
      const accuracyIn = (mode: ScoringMode) =>
        allTasks[task].score(mode, samples, readPredictions(predictionFile)).accuracy;
      evaluated.push({
        task,
        samples: samples.length,
        predictionFile,
        accuracy: { strict: accuracyIn('strict'), reference: accuracyIn('reference') },
        seconds: (performance.now() - started) / 1000,
      });
    }
  } finally {
    await generator.dispose();
    await encoder.dispose();
  }
  return evaluated;
}

/** An adapter and its values; with those of the projector where the folder has it. */
function readFolder(
  folder: string,
  projector: ReadonlyMap<string, HostTensor>,
): { readonly adapter: Adapter; readonly values: TensorValues } {
  const { spec, values, saved } = readAdapter(folder, { canonicalName });
  const beside = hasProjector(folder) ? readProjector(folder, projector, { canonicalName }) : new Map();
  return { adapter: createAdapter(spec), values: new Map([...values, ...saved, ...beside]) };
}

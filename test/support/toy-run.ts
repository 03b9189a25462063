// A whole run of a toy model on a few drawn samples, with the real engine in this process.
import { join } from 'node:path';
import type { RunConfig } from '../../src/config/load.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { toyConfig } from './toy-config.ts';
import { writeToyModel } from './toy-model.ts';

export interface ToyRun {
  readonly config: RunConfig;
  readonly source: TaskSource;
  readonly model: string;
  readonly folder: string;
}

/** Below `root`: the model, the data and the run. `values` are settings by their dotted path. */
export async function executeToyRun(
  root: string,
  { train, test }: { readonly train: number; readonly test: number },
  values: Readonly<Record<string, unknown>>,
): Promise<ToyRun> {
  const [model, data, folder] = [join(root, 'model'), join(root, 'data'), join(root, 'run')];
  await writeToyModel(model);
  await buildNanoData({ folder: data, trainPerTask: train, testPerTask: test });
  const settings = {
    model,
    benchmark: data,
    output: folder,
    trainSamples: train,
    testSamples: test,
    ...values,
  };
  const config = toyConfig(settings);
  const source = { root: data, instructionType: 'Original' };
  await executeRun({
    config,
    folder,
    source,
    prepare: (place) => recordProvenance(place, { source, tasks: config.tasks, modelFolder: model }),
    openEngine: () => openEngine({ config, modelFolder: model }),
  });
  return { config, source, model, folder };
}

// Starts a run, or goes on with one: finds model and data, records what it is made from, opens as many engines as help, and
// executes what is left. Whoever starts it hands over who is told and how it is stopped. Shows nothing and judges nothing.

import { UserError } from '../base/errors.ts';
import type { Catalogue } from '../config/catalogue.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { engineOf } from '../engine/engine-of.ts';
import { jobsOf } from '../engine/jobs.ts';
import { featureWarning } from '../forecast/feature-storage.ts';
import { matchParameters } from '../forecast/sizes.ts';
import { shortTraining } from '../forecast/training-length.ts';
import type { FeatureCounts } from '../models/image-encoder.ts';
import { locateModel, openModel, requireWhole } from '../models/index.ts';
import { prepareData } from '../runs/data.ts';
import { executeRun, type RunObserver } from './execute.ts';
import { describeProtocol, recordProvenance } from './provenance.ts';
import { goOnWithChangedData, usableData } from './usable-data.ts';
import { checkZeroShotGate } from './zero-shot-gate.ts';

export interface StartObserver extends RunObserver {
  /** Told once the folder is this run's and what it is made from is recorded, before it is known what is left to do. */
  runReady?(config: RunConfig): void;
  /** Something that a person should know, in a sentence. */
  notice?(text: string): void;
}

export interface StartOptions {
  readonly observer?: StartObserver;
  /** When it aborts, the run stops after the batches under way. */
  readonly signal?: AbortSignal;
  /** Steps done side by side; by default as many as help. */
  readonly jobs?: number;
  /** What the configuration may name; by default what the package and its plug-ins bring. */
  readonly catalogue?: Catalogue;
  /** Train whatever the zero-shot gate says. */
  readonly waiveGate?: boolean;
  /** Go on although data changed since the run began; what was made from them is done again. */
  readonly acceptChangedData?: boolean;
}

export interface StartedRun {
  /** The configuration with what the model decides: the rank of each method that is matched to the budget. */
  readonly config: RunConfig;
  /** Steps that were executed: 0 when the run was finished. */
  readonly executed: number;
  /** By engine: where the features of its images came from. */
  readonly features: readonly FeatureCounts[];
}

/**
 * Executes what is left of the run in `given.output`.
 * @throws RunInterrupted after `signal`; UserError when model, data or folder cannot be used, or belong to another run.
 */
export async function startRun(given: RunConfig, options: StartOptions = {}): Promise<StartedRun> {
  const { observer = {}, signal, catalogue = catalogueOf(given) } = options;
  const { waiveGate: waived = false, acceptChangedData: accept = false } = options;
  const notice = (text: string | undefined) => {
    if (text !== undefined) observer.notice?.(text);
  };
  const { families } = catalogue;
  const modelFolder = locateModel(given.model, families);
  // Ranks could be matched without its weights; a run that is finished needs none.
  if (given.adapter.match !== 'none') requireWhole(modelFolder, families);
  const config = matchParameters(given, catalogue);
  const { jobs, threads } = jobsOf(config, modelFolder, options.catalogue === undefined ? options.jobs : 1);
  if (options.catalogue !== undefined && (options.jobs ?? 1) > 1) {
    throw new UserError({
      message: 'methods and tasks that are handed over as values stay in this thread, so there is one engine',
      hint: 'put them into a module and name it under plugins',
    });
  }
  const { output: folder, tasks, plugins } = config;
  let source = await prepareData(config, folder, {
    onBuild: (place) => notice(`Drawing the embedded data, once, in ${place}`),
    onWait: notice,
  });
  const features: FeatureCounts[] = [];
  const onClose = (counts: FeatureCounts) => void features.push(counts);
  const executed = await executeRun({
    config,
    catalogue,
    folder,
    source,
    prepare: async () => {
      const protocol = describeProtocol(config, source);
      // The runtime is loaded only where it is asked.
      const { describeProducts } = await import('../engine/base-weights.ts');
      const products = await describeProducts(config.baseWeights);
      const made = {
        source,
        tasks,
        modelFolder,
        protocol,
        products,
        plugins,
        families,
        acceptChangedData: accept,
      };
      const files = recordProvenance(folder, made);
      if (accept)
        notice(await goOnWithChangedData({ config, catalogue, source, folder, signal, notice }, files));
      observer.runReady?.(config);
    },
    checkData: async () => {
      requireWhole(modelFolder, families);
      source = await usableData({ config, catalogue, source, folder, signal, notice });
      return source;
    },
    beforeTraining: async () => {
      notice(checkZeroShotGate({ config, catalogue, folder, source, waived }));
      notice(await featureWarning(config, catalogue, openModel(modelFolder, { families }), source));
    },
    jobs,
    openEngine: async () => {
      if (jobs === 1) return engineOf({ config, catalogue }, { onClose });
      const { openRemoteEngine } = await import('../engine/remote-engine.ts');
      return openRemoteEngine({ config, modelFolder, source, threads: threads ?? 1, onClose });
    },
    observer: {
      runStarted: (steps) => {
        notice(shortTraining(config, steps));
        observer.runStarted?.(steps);
      },
      stepStarted: (step) => observer.stepStarted?.(step),
      stepProgress: (step, progress) => observer.stepProgress?.(step, progress),
      stepFinished: (step) => observer.stepFinished?.(step),
    },
    signal,
  });
  return { config, executed, features };
}

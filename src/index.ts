// The package from outside, `coin-bench`: load a configuration, start a run, read its results, and define methods and
// tasks of one's own. The engine alone is `coin-bench/tensor`. What is not exported here may change (docs/library.md).

/** Methods describe their settings with it. */
export { z } from 'zod';
export { type Adapter, type AdapterSpec, createAdapter } from './adapters/index.ts';
export { type Issue, UserError } from './base/errors.ts';
export { Registry } from './base/registry.ts';
export { builtIn, type Catalogue } from './config/catalogue.ts';
export { type ConfigOverride, type LoadConfigOptions, loadConfig, parseOverride } from './config/load.ts';
export { catalogueOf } from './config/plugins.ts';
export type { ConfigInput, RunConfig } from './config/schema.ts';
export type { Claim, ClaimFinding, Claims, Experiment, Laboratory } from './methods/claim.ts';
export * from './methods/define.ts';
export * from './methods/method.ts';
export { adapterGraph, carriedAdapter, carriedOn, loraSpec } from './methods/shared/carried.ts';
export type { Stream, StreamName } from './methods/stream.ts';
export * from './models/family.ts';
export { computeResults, type ResultOptions, writeMetrics } from './report/compute.ts';
export type { RunResults } from './report/results.ts';
export type { RunObserver } from './runs/execute.ts';
export { RunInterrupted } from './runs/interrupted.ts';
export { type OpenedRun, openRun } from './runs/open.ts';
export { type StartedRun, type StartObserver, type StartOptions, startRun } from './runs/start.ts';
export { defineTask, type TaskDefinition } from './tasks/define.ts';
export { exactMatch, normaliseShortAnswer } from './tasks/matching.ts';
export { type Judge, type Judgement, rightIf, type Scorer, softly, unparseable } from './tasks/scoring.ts';
export { phraseStyle } from './tasks/styles.ts';
export type * from './tasks/task.ts';

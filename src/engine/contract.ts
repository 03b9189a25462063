// What a run needs from whoever trains and generates. The plan, the journal and the files around it are `execute.ts`;
// a test gives an engine that computes nothing.

import type { TrainedStage } from '../config/plan.ts';
import type { MethodName, RunConfig } from '../config/schema.ts';
import type { TaskName } from '../tasks/index.ts';
import type { TestSample, TrainSample } from '../tasks/task.ts';
import type { HostTensor } from '../tensor/dtype.ts';
import type { EvaluateMeasurements, TrainMeasurements } from './measurements.ts';

export interface RunEngine {
  /**
   * Trains one task and writes the adapter into `adapterFolder`, which exists and is empty.
   * With a checkpoint of this stage in `checkpointFolder` (made by an interrupted try) it goes on from there, and the
   * adapter has the same bytes as without the interruption.
   */
  trainStage(request: TrainRequest): Promise<TrainMeasurements>;
  /**
   * Appends one `Prediction` as a line of JSON per sample to `predictionFile`, in any order. An answer depends on its
   * sample alone, not on the others that are given.
   */
  evaluate(request: EvaluateRequest): Promise<EvaluateMeasurements>;
  close(): Promise<void>;
}

/** An engine that can also look at how a mixture routes. */
export interface ObservingEngine extends RunEngine {
  /** Reads questions with their right answers, one after another, and hands their gates over. */
  readGates(request: GateRequest): Promise<void>;
}

interface Request {
  readonly config: RunConfig;
  /** When it aborts, the engine finishes the batch, saves what it can go on from and throws `signal.reason`. */
  readonly signal: AbortSignal;
}

export interface TrainRequest extends Request {
  readonly method: MethodName;
  /** Counted from 1. */
  readonly stage: number;
  /** The last of `tasks`. */
  readonly task: TaskName;
  /** What is trained on in this stage. */
  readonly tasks: readonly TaskName[];
  /** The training samples of a task of the run, in file order. */
  samplesOf(task: TaskName): readonly TrainSample[];
  /** Folder of the adapter that training goes on from; absent in the first stage. */
  readonly previousAdapter?: string;
  readonly adapterFolder: string;
  /** May not exist. Removed when the stage is complete. */
  readonly checkpointFolder: string;
  onProgress(progress: TrainProgress): void;
}

export interface TrainProgress {
  /** Optimiser steps taken and in all. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly samplesPerSecond: number;
}

export interface EvaluateRequest extends Request {
  /** Absent for the model before any training. */
  readonly trained?: TrainedStage | undefined;
  readonly task: TaskName;
  /** Those that have no answer yet from an interrupted try. */
  readonly samples: readonly TestSample[];
  /** Does not exist; its folder does. */
  readonly predictionFile: string;
  /** Each sample by itself, with nothing shared: the way that every other must agree with. */
  readonly alone?: boolean;
  onProgress(progress: EvaluateProgress): void;
}

export interface GateRequest extends Request {
  /** A stage of a method that has gates. */
  readonly trained: TrainedStage;
  readonly task: TaskName;
  readonly samples: readonly TestSample[];
  onGates(gates: SampleGates): void;
}

export interface SampleGates {
  /** Per token, 1 where it is a patch of the image, and 1 where it is the answer's or ends it. */
  readonly image: Uint8Array; // [tokens]
  readonly answer: Uint8Array; // [tokens]
  /** By layer. */
  readonly gates: ReadonlyMap<string, HostTensor>; // [tokens, experts]
}

export interface EvaluateProgress {
  readonly done: number;
  readonly total: number;
  readonly samplesPerSecond: number;
}

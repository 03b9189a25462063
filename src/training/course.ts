// A course: optimiser steps over some examples, by which settings, from which values. What a stage is made of, and what
// a method may ask for besides. Nothing here trains.
import type { Example, TaskPlan } from '../methods/method.ts';
import type { ScheduleName } from '../nn/schedule.ts';
import type { FetchFeatures } from './feature-batches.ts';
import type { LearnerState } from './learner.ts';

export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Batch sizes of single tasks, instead of `batchSize`. */
  readonly taskBatchSizes?: Readonly<Record<string, number | undefined>>;
  readonly accumulation: number;
  readonly learningRate: number;
  readonly projectorLearningRate: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly schedule: ScheduleName;
  readonly warmupRatio: number;
  readonly clipNorm: number;
  readonly checkpointEverySteps: number;
  /** Layers are computed again for their gradients instead of kept. */
  readonly recompute?: boolean;
}

export interface StepReport {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly samples: number;
}

/** Optimiser steps over some examples. */
export interface Course {
  readonly examples: readonly Example[];
  readonly plan: TaskPlan;
  readonly seed: number;
  /** 1-based; with the seed it decides order and dropout. */
  readonly stage: number;
  readonly settings: TrainingSettings;
  /** Features of image files. */
  readonly fetchFeatures: FetchFeatures;
  readonly resume?: LearnerState;
  readonly signal?: AbortSignal;
  readonly onCheckpoint?: (state: LearnerState) => void;
  readonly onStep?: (progress: StepReport) => void;
}

// What a run and an engine in another thread say to each other, and how errors travel.
import { UserError } from '../base/errors.ts';
import type { RunConfig } from '../config/schema.ts';
import type { FeatureCounts } from '../models/image-encoder.ts';
import type { TaskSource } from '../tasks/task.ts';
import type { EvaluateProgress, EvaluateRequest, TrainProgress, TrainRequest } from './contract.ts';
import type { EvaluateMeasurements, TrainMeasurements } from './measurements.ts';

/** What an engine's thread is started with. */
export interface ThreadData {
  readonly config: RunConfig;
  readonly modelFolder: string;
  readonly source: TaskSource;
  /** Threads of one operator. */
  readonly threads: number;
}

export type PlainTrainRequest = Omit<TrainRequest, 'samplesOf' | 'signal' | 'onProgress' | 'config'>;
export type PlainEvaluateRequest = Omit<EvaluateRequest, 'signal' | 'onProgress' | 'config'>;

export type ToThread =
  | { readonly kind: 'train'; readonly request: PlainTrainRequest }
  | { readonly kind: 'evaluate'; readonly request: PlainEvaluateRequest }
  | { readonly kind: 'abort' }
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'progress'; readonly progress: TrainProgress | EvaluateProgress }
  | { readonly kind: 'done'; readonly measured: TrainMeasurements | EvaluateMeasurements }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | { readonly kind: 'closed'; readonly features: FeatureCounts | undefined };

/** An error without its class. */
export interface PlainError {
  readonly issues?: UserError['issues'];
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** The code of a system's error. */
  readonly code?: unknown;
  readonly path?: unknown;
  readonly syscall?: unknown;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  return {
    name,
    message,
    stack,
    ...(error instanceof UserError ? { issues: error.issues } : {}),
    ...('code' in error ? { code: error.code } : {}),
    ...('path' in error ? { path: error.path } : {}),
    ...('syscall' in error ? { syscall: error.syscall } : {}),
  };
}

export function fromPlainError({ issues, ...fields }: PlainError): Error {
  return issues === undefined ? Object.assign(new Error(fields.message), fields) : new UserError(issues);
}

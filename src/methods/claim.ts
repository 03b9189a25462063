// A claim: a statement about a method's mechanism that is checked by running it, with the number that was found. The
// laboratory is a toy model and a toy stream of tasks, trained for real; it stands in a later room.
import type {
  AdapterSettings,
  Example,
  Inference,
  Mechanism,
  OpenMethod,
  Route,
  StageState,
  Values,
} from './method.ts';

/** The claims of a method, whatever is done to it. */
export type Claims = (method: Mechanism) => readonly Claim[];

export interface Claim {
  readonly statement: string;
  check(laboratory: Laboratory): Promise<ClaimFinding>;
}

export interface ClaimFinding {
  /** The number that was found, in words. */
  readonly found: string;
  readonly holds: boolean;
}

export interface Laboratory {
  /** Trains a method through the first tasks of the toy stream with the real trainer. */
  run(method: Mechanism, options?: ExperimentOptions): Promise<Experiment>;
}

export interface ExperimentOptions {
  /** Changes to the method's own settings. */
  readonly own?: Readonly<Record<string, unknown>>;
  readonly adapter?: Partial<AdapterSettings>;
  /** Tasks of the stream, 3 by default, at most 4. Their names are not in the order of the alphabet. */
  readonly tasks?: number;
  readonly learningRate?: number;
  readonly epochs?: number;
}

/** A method that has been through the toy stream. */
export interface Experiment {
  readonly open: OpenMethod;
  readonly tasks: readonly string[];
  readonly stages: readonly ExperimentStage[];
  /** Trained names by layer would be the same for all stages; of the last one. */
  readonly last: ExperimentStage;
}

export interface ExperimentStage {
  readonly task: string;
  /** The stream it trained on. */
  readonly examples: readonly Example[];
  /** As the method changed it before training. */
  readonly trainedOn: readonly Example[];
  /** Values before the first step, and fed to every step. */
  readonly initial: Values;
  readonly feeds: Values;
  /** Values after the last step, before the task was finished. */
  readonly trained: Values;
  /** What the stage left behind, as it is read back from its files. */
  readonly state: StageState;
  /** What the stage's model is fed when it answers. */
  readonly inference: Inference;
  readonly measured: Readonly<Record<string, number>>;
  /** The training loss of a batch in its parts and its gradients by parameter; no dropout. */
  losses(examples: readonly Example[], values: Values): Promise<TrainingLosses>;
  /** Σ −log p of answers, its gradients by parameter. */
  gradients(examples: readonly Example[], values: Values): Promise<Values>;
  /** Logits of the training model at the answers of some examples. */
  trainingLogits(examples: readonly Example[], values: Values): Promise<Float32Array>;
  /** Logits of the inference model at the answers of some examples, each routed. */
  inferenceLogits(examples: readonly Example[]): Promise<Float32Array>;
  route(questions: readonly TestQuestion[]): Promise<readonly Route[]>;
  /** The answers that the stage's model gives, each question routed. */
  answers(questions: readonly TestQuestion[]): Promise<readonly string[]>;
  /** Test questions of a task of the stream. */
  questions(task: string): readonly TestQuestion[];
}

/** A question about an image that no training sample shows. */
export interface TestQuestion {
  readonly text: string;
  readonly image: string;
  readonly task: string;
}

export interface TrainingLosses {
  readonly crossEntropy: number;
  readonly extra: number;
  /** Gradients of the extra loss alone. */
  readonly extraGradients: Values;
}

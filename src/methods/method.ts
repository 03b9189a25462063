// The mechanism of a continual method: what it trains, which loss it adds, what happens before and after a task, how a
// sample is routed at inference, what it remembers. What a method is beside that, and its claims, are in define.ts.
import type { AdapterParameter, AdapterSpec } from '../adapters/index.ts';
import type { StoredAdapter } from '../adapters/peft.ts';
import type { ImageLayout, ModelShape } from '../models/family.ts';
import type { TrainingSequence } from '../models/sequence.ts';
import type { LinearAdapter } from '../nn/scope.ts';
import type { TrainSample } from '../tasks/task.ts';
import type { HostTensor } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import type { Stream } from './stream.ts';

/** Tensors by name. */
export type Values = ReadonlyMap<string, HostTensor>;

/** The adapter settings of a run; a method takes from them what it uses. */
export interface AdapterSettings {
  /** Rank r of one adapter; a mixture shares it among its experts. */
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly experts: number;
}

/** What a method is opened with: the run's adapter settings and the method's own, every default filled in. */
export interface MethodSettings<Own = unknown> {
  readonly adapter: AdapterSettings;
  readonly own: Own;
}

/** A setting that a method cannot work with, and why. `path` begins at the configuration's top. */
export interface SettingProblem {
  readonly path: readonly string[];
  readonly message: string;
  readonly hint?: string;
}

/** What can be driven through a stream of tasks: of a whole method, the part that claims are about. */
export interface Mechanism {
  /** As in configurations. */
  readonly name: string;
  /**
   * How it goes through the tasks. Where the model does not change over the stream, every row of the matrix shows the
   * same one.
   */
  readonly stream: Stream;
  open(settings: MethodSettings): OpenMethod;
}

/** A method with its settings. Holds nothing that changes: what it remembers is in the state of a stage. */
export interface OpenMethod {
  /** Where what trains is one adapter of a known kind: it is saved in that kind's layout. */
  readonly adapter?: AdapterSpec;
  /** Experts that every adapted layer of a mixture mixes: its graphs have `gates`. */
  readonly mixedExperts?: number;
  /** Where the model that answers is the base model with one adapter: that adapter, saved for other tools to read. */
  merged?(state: StageState): StoredAdapter;
  /** A new graph's share of the method: adapted layers, trained parameters, added loss. */
  graph(options: GraphOptions): MethodGraph;
  /** The samples of a task in file order, mixed or rewritten; by default those of the task. */
  selectSamples?(context: SampleContext): readonly StreamSample[];
  /** Where the task's training begins and what is fed to its steps. Called again when an interrupted task goes on. */
  beginTask(context: TaskContext): TaskPlan | Promise<TaskPlan>;
  /** What the task leaves behind. Called once its training is complete. */
  finishTask(context: TaskContext, trained: Values, plan: TaskPlan): StageState | Promise<StageState>;
  /** What the stage's model is fed when it answers. */
  inference(state: StageState, context: StageContext): Inference;
}

export interface GraphOptions {
  readonly use: 'training' | 'inference';
  readonly model: ModelShape;
  /** int32 []; undefined switches dropout off. */
  readonly dropoutKey?: Tensor;
}

/** What a method adds to one traced model. */
export interface MethodGraph extends LinearAdapter {
  /** Trained, beside what the model trains alongside. Filled while the model is traced, in that order. */
  readonly parameters: ReadonlyMap<string, AdapterParameter>;
  /** Whether the model's projector, or whatever its family trains alongside, trains along; otherwise it is fed and stays. */
  readonly trainsProjector: boolean;
  /** Gates of a mixture by layer as they are used, [..., experts], for looking at. Filled while the model is traced. */
  readonly gates?: ReadonlyMap<string, Tensor>;
  /**
   * A loss to add, one number. A term over parameters alone must be scaled by `share`, as accumulated batches add up.
   * Called after the model has been traced.
   */
  extraLoss?(traced: TracedLoss): Tensor | undefined;
}

/** The traced loss of a batch. */
export interface TracedLoss {
  /** [answers, vocabulary] */
  readonly logits: Tensor;
  /** int32 [answers] */
  readonly labels: Tensor;
  /** [answers]: 1/(answer tokens of the whole step) each. */
  readonly weights: Tensor;
  /** [1, 1], without gradient: this batch's share of its step's answer tokens. */
  readonly share: Tensor;
  /** The weights that train alongside, by name: LLaVA's projector; none in some families. */
  readonly projector: ReadonlyMap<string, Tensor>;
  readonly model: ModelShape;
}

/** A training sample with the task that it belongs to. */
export interface StreamSample {
  readonly sample: TrainSample;
  readonly task: string;
}

/** A stream sample as tokens. Its image's features are fetched when it comes into a batch. */
export interface Example extends StreamSample, TrainingSequence {}

/** An example of a batch, with its image's features. Not to be kept: those of a whole task may not fit in memory. */
export interface BatchExample extends Example {
  /** [rows, featureSize]; undefined for text-only samples. */
  readonly features: Float32Array | undefined;
}

export interface StageContext {
  readonly seed: number;
  /** Counted from 1. */
  readonly stage: number;
  /**
   * The tasks up to this stage, in training order. What comes later no method is told, so that streams that begin alike
   * have the same stages up to where they part.
   */
  readonly tasks: readonly string[];
  readonly model: ModelShape;
}

export interface SampleContext extends StageContext {
  readonly task: string;
  readonly samples: readonly TrainSample[];
  /** The training samples of an earlier task, in file order. */
  samplesOf(task: string): readonly TrainSample[];
}

export interface TaskContext extends StageContext {
  readonly task: string;
  /** What the stage before left behind; absent in the first. */
  readonly previous?: StageState;
  /** The stream of this task. */
  readonly examples: readonly Example[];
  readonly tools: TrainingTools;
}

/** What a method may compute with the model while it trains. Everything is deterministic. */
export interface TrainingTools {
  /** The training samples of a task up to this stage, in file order. */
  samplesOf(task: string): readonly TrainSample[];
  /** Initial values of everything that trains: fresh adapter, base model's projector. Other variations differ. */
  fresh(variation?: number): Values;
  /** The examples in their order, `size` at a time, with their images' features. */
  batches(examples: readonly Example[], size: number): AsyncIterable<readonly BatchExample[]>;
  /** Σ −log p of the answer tokens, its gradient for what trains; no dropout, no added loss. */
  gradients(batch: readonly BatchExample[], values: Values, feeds?: Values): Promise<Values>;
  /** As `gradients`, for the adapted layers' weights W₀ [outputs, inputs], by layer; of any number of examples. */
  weightGradients(examples: readonly Example[], values: Values, feeds?: Values): Promise<Values>;
  /** Logits at the answer positions: [answers, vocabulary]; no dropout. */
  logits(batch: readonly BatchExample[], values: Values, feeds?: Values): Promise<HostTensor>;
  /** The graph's gates by layer, [..., experts]; no dropout. */
  gates(batch: readonly BatchExample[], values: Values, feeds?: Values): Promise<Values>;
  /** Trains on other examples than the task's, with a fresh optimiser; for networks beside the model. */
  train(options: ExtraTraining): Promise<Values>;
  tokenize(samples: readonly StreamSample[]): Promise<readonly Example[]>;
  /** A frozen weight: [outputs, inputs]. */
  weight(name: string): HostTensor;
  readonly embeddings: Embeddings;
}

export interface ExtraTraining {
  /** Keys its random numbers. */
  readonly purpose: string;
  readonly examples: readonly Example[];
  readonly initial: Values;
  readonly feeds?: Values;
  readonly epochs?: number;
  readonly learningRate?: number;
}

/** Unit vectors that stand for an image or a text (see `embeddings.ts`). */
export interface Embeddings {
  image(features: Float32Array | undefined): Float32Array;
  text(text: string): Float32Array;
}

export interface TaskPlan {
  /** Values of everything that trains. */
  readonly initial: Values;
  /** What is trained on, where it is not the stream as it came. */
  readonly examples?: readonly Example[];
  /** Fed to every step: anchors, old experts, coefficients. */
  readonly feeds?: Values;
  /** Fed to a batch besides; float32 rows per example, or values of its answers. */
  readonly batchFeeds?: (batch: readonly BatchExample[]) => Values | Promise<Values>;
  /** Gives the parameters a step leaves; saved with the checkpoint. */
  readonly afterStep?: (parameters: Values) => Values;
  /** Figures to record with the stage. */
  readonly measured?: Readonly<Record<string, number>>;
}

/** All that a stage leaves behind. Written whole or not at all, and hashed in the journal. */
export interface StageState {
  /** Adapter and projector, by canonical name: what the next task may go on from. */
  readonly trained: Values;
  /** What else the method remembers. */
  readonly memory: Memory;
}

export interface Memory {
  readonly tensors: Values;
  /** Small things: JSON. */
  readonly notes: Readonly<Record<string, unknown>>;
  /** Bytes of samples that are kept to be trained on again; tensors are counted by themselves. */
  readonly sampleBytes?: number;
}

export interface Inference {
  /** Fed to every batch. */
  readonly parameters: Values;
  /** Passes of the model that a question takes, 1 by default, and tokens that are put into it, 0 by default. */
  readonly passes?: number;
  readonly addedTokens?: number;
  /** Decides per sample; without it every sample is answered alike. */
  readonly route?: (queries: readonly Query[], tools: InferenceTools) => Promise<readonly Route[]>;
}

export interface Question {
  readonly text: string;
  /** [rows, featureSize]; absent without an image. */
  readonly features?: Float32Array | undefined;
  /** How those rows lie; there where the features are. */
  readonly layout?: ImageLayout | undefined;
}

/** A question to be answered. */
export interface Query extends Question {
  readonly inputIds: Int32Array;
  /** The task it is from. Only an oracle may look. */
  readonly task: string;
}

export interface Route {
  /** float32 per sample for the graph's inputs of shape [batch, size]. */
  readonly rows?: Readonly<Record<string, Float32Array>>;
  /** Token ids put in after the first token. */
  readonly insert?: readonly number[];
  /** The task whose expert was chosen, where one was: its accuracy is measured. */
  readonly choice?: string;
}

export interface InferenceTools {
  readonly embeddings: Embeddings;
  /** The answers that the inference model gives when it is fed other parameters. */
  generate(
    questions: readonly (Question & Pick<Route, 'rows'>)[],
    parameters: Values,
    maxNewTokens: number,
  ): Promise<readonly string[]>;
}

/** Version of a memory's layout in files. Raised when what older versions wrote cannot be read rightly any more. */
export const MEMORY_VERSION = 2;

// The seam between a family of models (LLaVA is one) and everything else: what a family tells of a folder, of an opened
// model's layers, images and prompts. Batches, caches, estimates, engine, generation and methods see a model through this
// alone. No family is named here; the built-in ones are listed in index.ts, docs/families.md says how one is written.
import type { AdapterTargets, LinearSize } from '../adapters/adapter.ts';
import type { ExpectedTensors, StoredAdapter, TensorValues } from '../adapters/peft.ts';
import type { Issue } from '../base/errors.ts';
import type { Tokenizer } from '../formats/text/tokenizer.ts';
import type { ImageAspect, Turn } from '../tasks/task.ts';
import type { Tensor } from '../tensor/graph.ts';
import type { ProgramOptions } from '../tensor/program.ts';
import type { ModelNetwork } from './network.ts';
import type { TokenSequence, TrainingSequence } from './sequence.ts';
import type { ModelWeights } from './weights.ts';

export interface Family {
  /** As in code and in `family` of a composition. */
  readonly name: string;
  /** For people. */
  readonly label: string;
  /** Which folders it reads, as the end of "expected …". */
  readonly layouts: string;
  /** Prompt templates that a configuration may ask it for, beside `auto`. */
  readonly templates: readonly string[];
  /** Whether a folder is of this family, by config.json or whatever else says so; nothing larger is read. */
  recognises(folder: string): boolean;
  /** The files that the model in a folder is made of, relative to it: their hashes are a run's provenance. */
  files(folder: string): readonly string[];
  /** A weight's one name, of its name in any layout that is published: PEFT's paths as transformers loads the model. */
  canonicalName(name: string): string;
  /** The parts that its models are made of, in the order in which an image and a question go through them. */
  readonly parts: readonly ModelPart[];
  /** Which of them a weight is in, by canonical name; undefined for names that are none of this family's. */
  partOf(name: string): ModelPart | undefined;
  /** As much of a model as budgets are made of: configurations and headers, whose completeness is not checked. */
  outline(folder: string): ModelOutline;
  /**
   * As much as a plan is made of, where weights or tokenizer are not there; undefined where both are. Without it, models
   * of the family are planned when they are whole.
   */
  sketch?(folder: string): ModelSketch | undefined;
  /** Opens a model: configurations and headers only; weights are read when a program is compiled. */
  open(folder: string, options?: OpenOptions): OpenModel;
  /** What can be said of a folder, even where the model cannot be opened. */
  inspect(folder: string): FolderInspection;
  /** Writes a model with an adapter folded into its weights. Without it, models of the family are not merged. */
  merge?(options: MergeOptions): Promise<MergeResult>;
}

export interface ModelPart {
  /** In words: vision tower. */
  readonly name: string;
  /** What is computed of images before any adapter is seen; what trains alongside adapters; what reads and answers. */
  readonly side: 'images' | 'alongside' | 'decoder';
}

export interface OpenOptions {
  /** One of the family's templates; by default what the model was trained with, as far as its folder says. */
  readonly template?: string | undefined;
}

/** A model's sizes and names, known without its weights. What methods see of a model. */
export interface ModelShape extends AdapterTargets {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  /** Decoder layers. */
  readonly layers: number;
  /** Numbers of one row of an image's features, as they are kept. */
  readonly featureSize: number;
  /** Axes of a token's position: 1, or 3 for time, height and width. */
  readonly positionAxes: number;
  /** Keys and values of a token in one layer: [heads, headSize] each. */
  readonly cache: { readonly heads: number; readonly headSize: number };
  /** The linear layers that adapters change, by canonical path, in the order in which they are computed. */
  readonly adaptable: ReadonlyMap<string, AdaptableLinear>;
  /** Weights that train along with an adapter, by canonical name: LLaVA's projector; none for families that freeze it. */
  readonly alongside: ExpectedTensors;
}

export interface AdaptableLinear extends LinearSize {
  /** The decoder layer that it is in, counted from 0. */
  readonly layer: number;
}

/** What can be traced and counted of a model: no tokenizer, no images. */
export interface ModelOutline {
  readonly shape: ModelShape;
  readonly weights: ModelWeights;
  readonly network: ModelNetwork;
  /** The decoder's frozen matrices that may be held in 8 or 4 bits, by canonical path. */
  readonly matrices: ReadonlyMap<string, LinearSize>;
}

/** A model as a plan sees it: counted and traced, and never computed with. An opened model is one, too. */
export interface ModelSketch extends ModelOutline {
  readonly images: Pick<ModelImages, 'layouts' | 'trace'>;
  readonly prompts: ModelPrompts;
  readonly tokenizer: Pick<Tokenizer, 'encode'>;
  /** Every weight that the model computes with, by canonical name. */
  readonly computed: ReadonlyMap<string, readonly number[]>;
  /** What is not known, and was taken in its place: sentences. */
  readonly unknown?: readonly string[];
}

export interface OpenModel extends ModelSketch {
  readonly family: Pick<Family, 'name' | 'label' | 'canonicalName' | 'partOf'>;
  readonly folder: string;
  readonly tokenizer: Tokenizer;
  /** The prompt template that is in use. */
  readonly template: string;
  /** Any of them ends an answer. */
  readonly endTokenIds: readonly number[];
  /** Fills the places after a text; any token of the vocabulary does. */
  readonly padTokenId: number;
  /** Every linear layer that an adapter may change, by canonical path, whether offered or not: also those of the images. */
  readonly linears: ReadonlyMap<string, LinearSize>;
  /** Weights that are another's, by canonical names: a head that is the table of embeddings. */
  readonly tied: ReadonlyMap<string, string>;
  readonly images: ModelImages;
  readonly prompts: ModelPrompts;
}

/** What training and answering see of an opened model. */
export type DrivenModel = Pick<
  OpenModel,
  | 'shape'
  | 'network'
  | 'weights'
  | 'matrices'
  | 'tokenizer'
  | 'images'
  | 'prompts'
  | 'padTokenId'
  | 'endTokenIds'
>;

/** How the rows of an image's features lie. */
export interface ImageLayout {
  /** Rows of its features, each of which takes a token's place. */
  readonly rows: number;
  /** Cells down and across, of whatever the family counts (patches, tiles); where its prompts need to know. */
  readonly grid?: readonly [down: number, across: number];
}

/** From image files to features, as far as that is frozen. */
export interface ModelImages {
  /** What images take in a prompt: from their headers, where it depends on the image at all. */
  layouts(files: readonly string[], aspect?: ImageAspect): Promise<readonly ImageLayout[]>;
  /** All but an image's own bytes and aspect that its features follow from: weights, settings, versions. Asked for once. */
  identity(program: ImageProgramOptions): string;
  compile(program: ImageProgramOptions): Promise<ImageProgram>;
  /** The program as a graph, of inputs whose first dimension is `images`: to look at, and to count its operations. */
  trace(): Readonly<Record<string, Tensor>>;
}

export type ImageProgramOptions = Pick<ProgramOptions, 'provider' | 'threads'>;

export interface ImageProgram {
  /** Features of image files, [rows, featureSize] each. What is computed of one must not depend on the others. */
  features(files: readonly string[], aspect: ImageAspect): Promise<readonly Float32Array[]>;
  dispose(): Promise<void>;
}

/** Conversations to tokens. */
export interface ModelPrompts {
  /** A whole conversation. Its tokens begin with those of `ask` for its first question. */
  conversation(turns: readonly Turn[], context?: PromptContext): TrainingSequence;
  /** What the model is given to answer `text`. */
  ask(text: string, context?: AskContext): TokenSequence;
}

export interface PromptContext {
  /** How the image's rows lie; absent without one. */
  readonly image?: ImageLayout | undefined;
  /** The task that it is of, for families that write one down. */
  readonly task?: string | undefined;
}

export interface AskContext extends PromptContext {
  /** The image stands where the text has this, once; without it, or where it does not occur, where the template puts it. */
  readonly imageMarker?: string;
}

/** What a folder says of itself; each part is there as far as it could be read. */
export interface FolderInspection {
  /** The kind of folder and the model's parts, in a sentence without a full stop. */
  readonly description?: string;
  /** Layout of the folder, as the family calls it. */
  readonly layout?: string;
  /** The images that it reads, and the tokens they take, in words. */
  readonly images?: string;
  readonly template?: string | undefined;
  readonly tokenizer?: Tokenizer | undefined;
  /** Where the configuration could be read and the checkpoint opened. */
  readonly outline?: ModelOutline | undefined;
  /** Whether every weight of the outline is there. */
  readonly isComplete?: boolean;
  /** Rows that an image takes, or a usual one. */
  readonly imageRows?: number;
  /** Facts of the family's own: for `--json`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What is missing or wrong; the model can be used when there is nothing. */
  readonly issues: readonly Issue[];
}

export interface ModelAdapter extends StoredAdapter {
  /** Trained values of what trains alongside; empty where the adapter leaves the model's own. */
  readonly alongside: TensorValues;
}

export interface MergeOptions {
  readonly model: Pick<OpenModel, 'folder' | 'shape' | 'weights' | 'tied'>;
  readonly adapter: ModelAdapter;
  /** A folder that does not exist. */
  readonly to: string;
  readonly onFile?: (name: string, number: number, count: number) => void;
}

export interface MergeResult {
  /** Linear layers whose weights changed. */
  readonly layers: number;
  /** Whether what trains alongside was replaced. */
  readonly alongside: boolean;
  /** Names in the folder. */
  readonly weightFiles: readonly string[];
  readonly otherFiles: readonly string[];
  /** A part that stays where it is, in words, and its folder. */
  readonly apart?: { readonly part: string; readonly folder: string };
}

/** A family of models: what a plug-in or a file of this folder exports. */
export function defineFamily(family: Family): Family {
  return family;
}

// What every adapter shares: which linear layers it changes, and the parameters it adds to them. Parameters are graph
// inputs in training and in evaluation alike, so one program serves every stage. Which layers a model offers, and what
// they are called, is the model's: nothing here knows a layer by its name.
import type { LinearAdapter } from '../nn/scope.ts';
import { elementCount } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input } from '../tensor/ops.ts';
import { uniformArray } from '../tensor/random.ts';

export type AdapterKind = 'lora' | 'moelora';

export interface AdapterSpec {
  readonly kind: AdapterKind;
  /** Rank r; for MoELoRA the whole rank, shared among the experts. */
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** MoELoRA only: N, must divide the rank. */
  readonly experts?: number;
  /** The update is scaled by α/√r instead of α/r (Kalajdzievski, 2023; PEFT's `use_rslora`). */
  readonly rankStabilized?: boolean;
  /**
   * Exactly these layers are adapted, each with a rank and an alpha of its own, by path ("model.language_model.layers.0.…").
   * Absent: every layer that the model offers, all alike.
   */
  readonly layers?: Readonly<Record<string, LayerSize>>;
}

export interface LayerSize {
  readonly rank: number;
  readonly alpha: number;
}

/** The linear layers that a model offers to adapters, by canonical path. */
export interface AdaptableLayers {
  has(layer: string): boolean;
}

/** What a model's family says of adapters on it, for PEFT's files: the layers that are offered, and settings' names for them. */
export interface AdapterTargets {
  readonly adaptable: ReadonlyMap<string, LinearSize>;
  /** PEFT's `target_modules`: a pattern that fits the paths of those layers and no other module's. */
  readonly targetModules: string;
  /** What trains alongside and may be saved whole, by the last part of a module's path; the first is what is written. */
  readonly savedModules: readonly string[];
}

export interface LinearSize {
  readonly inputs: number;
  readonly outputs: number;
}

/** A layer's rank and what its update is multiplied by. */
export interface Adaptation {
  readonly rank: number;
  readonly scale: number;
}

/** How a layer is adapted; undefined when it is left as it is. */
export function adaptationOf(
  spec: AdapterSpec,
  layer: string,
  adaptable: AdaptableLayers,
): Adaptation | undefined {
  const { layers } = spec;
  const isAdapted = layers === undefined ? adaptable.has(layer) : Object.hasOwn(layers, layer);
  return isAdapted ? sizeOfAdapted(spec, layer) : undefined;
}

/** As `adaptationOf`, of a layer that is known to be adapted: its tensors are there. */
export function sizeOfAdapted(
  { rank, alpha, rankStabilized = false, layers = {} }: AdapterSpec,
  layer: string,
): Adaptation {
  const size = (Object.hasOwn(layers, layer) ? layers[layer] : undefined) ?? { rank, alpha };
  return { rank: size.rank, scale: size.alpha / (rankStabilized ? Math.sqrt(size.rank) : size.rank) };
}

/** A parameter that an adapter adds: its name, shape and initial values, a pure function of the seed. */
export interface AdapterParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly tensor: Tensor;
  initialise(seed: number): Float32Array;
}

export interface Adapter extends LinearAdapter {
  readonly spec: AdapterSpec;
  /** Filled while the model is traced, in that order. */
  readonly parameters: ReadonlyMap<string, AdapterParameter>;
}

/** Collects parameters by name; a layer that is traced twice gets the same tensors. */
export class ParameterTable {
  readonly #parameters = new Map<string, AdapterParameter>();

  get all(): ReadonlyMap<string, AdapterParameter> {
    return this.#parameters;
  }

  add(name: string, shape: readonly number[], initialise: (seed: number) => Float32Array): Tensor {
    const known = this.#parameters.get(name);
    if (known !== undefined) return known.tensor;
    const tensor = input(name, 'float32', shape);
    this.#parameters.set(name, { name, shape, tensor, initialise });
    return tensor;
  }
}

/** Kaiming-uniform with a = √5, torch's default for linear layers: uniform in ±1/√inputs. */
export const kaimingUniform =
  (name: string, shape: readonly number[]) =>
  (seed: number): Float32Array => {
    const bound = 1 / Math.sqrt(shape.at(-1) as number);
    return uniformArray(elementCount(shape), { seed, purpose: name, low: -bound, high: bound });
  };

export const zeroValues = (shape: readonly number[]) => (): Float32Array =>
  new Float32Array(elementCount(shape));

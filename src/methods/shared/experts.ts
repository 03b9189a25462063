// Low-rank experts that are kept, one per finished task: how they are stored, and how a graph adds them to a layer,
//   y = W₀x + Σ_i c_i·(α/r)·B_i·A_i·x,
// as one product whose rank is that of all experts together, with c = 1 or given per sample. Sums are exact: merging an
// adapter into the base model is keeping it with c = 1, at the cost of its factors and not of a dense matrix.
import { z } from 'zod';
import type { AdaptableLayers } from '../../adapters/index.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, gather, input, matmul, mul, reshape } from '../../tensor/ops.ts';
import type { AdapterSettings, Memory, Values } from '../method.ts';

const FACTOR = /^(.*)\.lora_(A|B)\.weight$/;

/** The factors of the adapter among trained values, named for a task: `<task>/<layer>.lora_A.weight`. */
export function expertOf(task: string, trained: Values): [string, HostTensor][] {
  return [...trained].flatMap(([name, value]) => (FACTOR.test(name) ? [[`${task}/${name}`, value]] : []));
}

/** The order of experts in a memory's notes. Files hold tensors in the order of their names, so it is written down. */
const notesSchema = z.object({ experts: z.array(z.string()).default([]) });

/** The tasks that have an expert in a memory, in the order in which they were trained. */
export function expertTasks({ notes }: Pick<Memory, 'notes'>): readonly string[] {
  return notesSchema.parse(notes).experts;
}

/** A memory with the adapter among trained values kept as the expert of a task, the last one so far. */
export function withExpertOf(task: string, trained: Values, { tensors, notes }: Memory): Memory {
  return {
    tensors: new Map([...tensors, ...expertOf(task, trained)]),
    notes: { ...notes, experts: [...expertTasks({ notes }), task] },
  };
}

export interface FactorPair {
  /** [rank, inputs] */
  readonly a: HostTensor;
  /** [outputs, rank] */
  readonly b: HostTensor;
}

/** The factors of one task's expert by layer. */
export function factorsOf(tensors: Values, task: string): ReadonlyMap<string, FactorPair> {
  const pairs = new Map<string, FactorPair>();
  for (const [name, a] of tensors) {
    const [, path = '', part] = FACTOR.exec(name) ?? [];
    if (part !== 'A' || !path.startsWith(`${task}/`)) continue;
    const b = tensors.get(`${path}.lora_B.weight`);
    if (b === undefined) throw new Error(`experts: ${path} has no B`);
    pairs.set(path.slice(task.length + 1), { a, b });
  }
  return pairs;
}

export interface KeptOptions {
  /** α/r, taken into B. */
  readonly scale: number;
  /** Layers and their [inputs, outputs], so that there is something to feed before there is an expert. */
  readonly layers: ReadonlyMap<string, readonly [number, number]>;
  /** Whose experts, in this order. */
  readonly tasks: readonly string[];
}

/** What `KeptExperts` is fed: `<layer>.kept_A` and `.kept_B`, experts in order; one of zeros where there is none. */
export function keptFeeds(tensors: Values, { scale, layers, tasks }: KeptOptions): Values {
  const experts = tasks.map((task) => factorsOf(tensors, task));
  const feeds = new Map<string, HostTensor>();
  for (const [layer, [inputs, outputs]] of layers) {
    const pairs = experts.flatMap((expert) => expert.get(layer) ?? []);
    const kept =
      pairs.length === 0
        ? {
            a: float32(new Float32Array(inputs), [1, inputs]),
            b: float32(new Float32Array(outputs), [outputs, 1]),
          }
        : stacked(pairs, scale);
    feeds.set(`${layer}.kept_A`, kept.a);
    feeds.set(`${layer}.kept_B`, kept.b);
  }
  return feeds;
}

/** Experts one below the other in A and side by side in B; B scaled, all alike or each by its own. */
export function stacked(pairs: readonly FactorPair[], scale: number | readonly number[]): FactorPair {
  const inputs = pairs[0]?.a.shape[1] as number;
  const outputs = pairs[0]?.b.shape[0] as number;
  const ranks = pairs.map(({ a }) => a.shape[0] as number);
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const [a, b] = [new Float32Array(total * inputs), new Float32Array(outputs * total)];
  let first = 0;
  pairs.forEach((pair, i) => {
    const rank = ranks[i] as number;
    const factor = typeof scale === 'number' ? scale : (scale[i] as number);
    a.set(pair.a.data as Float32Array, first * inputs);
    for (let row = 0; row < outputs; row++) {
      for (let k = 0; k < rank; k++)
        b[row * total + first + k] = (pair.b.data[row * rank + k] as number) * factor;
    }
    first += rank;
  });
  return { a: float32(a, [total, inputs]), b: float32(b, [outputs, total]) };
}

/** Layers with their sizes, out of the values of a LoRA adapter. */
export function layerSizes(values: Values): ReadonlyMap<string, readonly [number, number]> {
  const sizes = new Map<string, readonly [number, number]>();
  for (const [name, { shape }] of values) {
    const [, layer = '', part] = FACTOR.exec(name) ?? [];
    if (part !== 'A') continue;
    const outputs = values.get(`${layer}.lora_B.weight`)?.shape[0] as number;
    sizes.set(layer, [shape[1] as number, outputs]);
  }
  return sizes;
}

/** The kept experts of a traced model. */
export class KeptExperts {
  readonly #factors = new Map<string, { readonly a: Tensor; readonly b: Tensor }>();
  readonly #rows = new SampleRows();

  /** `weighted`: whether a layer's experts are weighted per sample by the input `mixture` [batch, kept]. */
  constructor(
    readonly adaptable: AdaptableLayers,
    readonly weighted: (layer: string) => boolean = () => false,
  ) {}

  adapt(name: string, x: Tensor, y: Tensor): Tensor {
    if (!this.adaptable.has(name)) return y;
    const { a, b } = this.factors(name, x.staticDim(-1), y.staticDim(-1));
    const inner = matmul(x, a, { transposeB: true }); // [..., kept]
    const mixed = this.weighted(name) ? mul(inner, this.#rows.of('mixture', 'kept', x)) : inner;
    return add(y, matmul(mixed, b, { transposeB: true }));
  }

  /** The inputs of a layer: a [kept, inputs], b [outputs, kept]. Layers that are not weighted may keep another rank. */
  factors(name: string, inputs: number, outputs: number): { readonly a: Tensor; readonly b: Tensor } {
    const rank = this.weighted(name) ? 'kept' : 'merged';
    const known = this.#factors.get(name) ?? {
      a: input(`${name}.kept_A`, 'float32', [rank, inputs]),
      b: input(`${name}.kept_B`, 'float32', [outputs, rank]),
    };
    this.#factors.set(name, known);
    return known;
  }
}

/** Inputs that hold a row per sample, brought to the shape of a layer's input. */
export class SampleRows {
  readonly #inputs = new Map<string, Tensor>();
  #owners: Tensor | undefined;

  /** The samples' rows for x: [batch, 1, size] for x [batch, tokens, …], else one per row of x. */
  of(name: string, size: number | string, x: Tensor): Tensor {
    const rows = this.#inputs.get(name) ?? input(name, 'float32', ['batch', size]);
    this.#inputs.set(name, rows);
    if (x.rank === 3) return reshape(rows, ['batch', 1, size]);
    // After the last attention only some positions go on: one per sample when answering, several in training.
    if (x.dim(0) === 'batch') return rows;
    this.#owners ??= input('answerSamples', 'int32', ['answers']);
    return gather(rows, this.#owners);
  }
}

/** A sample's row of `mixture`: each expert's weight, once per unit of its rank. */
export function mixtureRow(
  weights: readonly number[],
  { rank }: Pick<AdapterSettings, 'rank'>,
): Float32Array {
  return Float32Array.from(
    { length: weights.length * rank },
    (_, i) => weights[Math.floor(i / rank)] as number,
  );
}

/** Only the projector's values, which are beside the experts. */
export function withoutFactors(values: Values): Values {
  return new Map([...values].filter(([name]) => !FACTOR.test(name)));
}

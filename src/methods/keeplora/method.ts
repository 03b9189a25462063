// KeepLoRA: a task may move the weights only where nothing is kept yet. Per layer, U spans input
// directions that are kept. Before a task the gradient G of its loss for W₀ is averaged over a share of the samples, what
// lies in U is taken out, G − G·Uᵀ·U, and its first r right singular vectors become A, which is frozen; only B trains.
// After it, B·A is merged and U grows by the update's directions. U begins with W₀'s own principal directions.
// paper: U grows by the dominant directions of the task's features (arXiv 2601.19659); released code takes them from the
// gradient at the merged model, to 99 % of its energy / here: by those of the task's own update, which are spanned by the A
// it chose: what is protected is what was written, not all that was seen.
// All layers' gradients are held at once: as many numbers as the adapted weights have.
import { z } from 'zod';
import { ParameterTable, zeroValues } from '../../adapters/index.ts';
import { DropoutSites } from '../../nn/dropout.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import { add, input, matmul, mul } from '../../tensor/ops.ts';
import { RandomStream } from '../../tensor/random.ts';
import { defineMethod, type Method } from '../define.ts';
import type { AdapterSettings, GraphOptions, MethodGraph, TaskContext, TaskPlan, Values } from '../method.ts';
import { noMemory } from '../shared/carried.ts';
import { expertTasks, KeptExperts, keptFeeds } from '../shared/experts.ts';
import { keptMethod, withExpert } from '../shared/kept.ts';
import { product } from '../shared/matrices.ts';
import {
  energyOf,
  joined,
  type Matrix,
  matrixOf,
  multiply,
  principalDirections,
  transposed,
  withoutDirections,
} from '../shared/subspace.ts';
import { keeploraClaims } from './claims.ts';

const settings = z.strictObject({
  gradientShare: z
    .number()
    .gt(0)
    .max(1)
    .default(0.05)
    .describe('of the samples, at least 8, that the gradient is of'),
  weightEnergy: z
    .number()
    .min(0)
    .lt(1)
    .default(0.3)
    .describe('of the base weights, whose directions are kept from the start'),
  taskEnergy: z
    .number()
    .gt(0)
    .max(1)
    .default(0.95)
    .describe('of a task’s update, whose directions are kept after it'),
});

type Settings = z.output<typeof settings>;

const SUBSPACE = 'subspace/';

const frozenName = (layer: string) => `${layer}.frozen_A`;

export const keeplora: Method = defineMethod({
  name: 'keeplora',
  label: 'KeepLoRA',
  summary: 'updates only outside the directions that the base model and earlier tasks use',
  costs: { keeps: 'an adapter per task and the kept subspace', answering: 'the adapters of all tasks' },
  origin: {
    source: 'KeepLoRA',
    deviations: [
      'the kept subspace grows by the directions of a task’s update; the paper’s grows by those of its features',
      'the thresholds of energy (0.3 of the base weights, 0.95 of an update) are ours; released code has 0.6 of the base weights',
      'the gradient is of 5 % of the samples, released code’s of 20 %; α/r is the run’s, released code’s a quarter',
      'the projector trains along and is not kept in the subspace',
    ],
  },
  settings,
  open: ({ adapter, own }) => {
    const scale = adapter.alpha / adapter.rank;
    const kept = keptMethod({ adapter, onTop: true, trainsProjector: true });
    const bases = new Map<string, Matrix>();
    /** The subspace of a layer; that of its base weight is computed once. */
    const subspaceOf = (context: TaskContext, layer: string): Matrix => {
      const known = context.previous?.memory.tensors.get(SUBSPACE + layer);
      if (known !== undefined) return matrixOf(known.shape, known.data);
      const base = bases.get(layer) ?? baseSubspace(context.tools.weight(layer), adapter, own);
      bases.set(layer, base);
      return base;
    };
    return {
      ...kept,
      graph: (options) => (options.use === 'inference' ? kept.graph(options) : frozenGraph(options, adapter)),
      beginTask: async (context) => {
        const initial = new Map([...context.tools.fresh(), ...(context.previous?.trained ?? [])]);
        const sizes = sizesOf(initial, context);
        const before = context.previous?.memory ?? noMemory;
        const feeds = keptFeeds(before.tensors, { scale, layers: sizes, tasks: expertTasks(before) });
        const none = new Map(
          [...sizes].map(([layer, [inputs]]) => [
            frozenName(layer),
            float32(new Float32Array(adapter.rank * inputs), [adapter.rank, inputs]),
          ]),
        );
        const gradients = await context.tools.weightGradients(
          gradientSamples(context, own),
          initial,
          new Map([...feeds, ...none]),
        );
        const frozen = new Map<string, HostTensor>();
        let [caught, outside] = [0, 0];
        for (const layer of sizes.keys()) {
          const { data, shape } = gradients.get(layer) as HostTensor;
          const free = withoutDirections(matrixOf(shape, data), subspaceOf(context, layer));
          const directions = principalDirections(free, { most: adapter.rank });
          frozen.set(frozenName(layer), filled(directions, adapter.rank));
          caught += energyOf(multiply(free, transposed(directions)).data);
          outside += energyOf(free.data);
        }
        return {
          initial,
          feeds: new Map([...feeds, ...frozen]),
          measured: { gradientEnergyInA: outside === 0 ? 0 : caught / outside },
        };
      },
      finishTask: (context, trained, plan) => {
        const layers = [...sizesOf(trained, context).keys()];
        const factors = layers.map((layer) => [`${layer}.lora_A.weight`, frozenOf(plan, layer)] as const);
        const { memory, ...state } = withExpert(context, new Map([...trained, ...factors]));
        const grown = layers.map((layer) => {
          const before = subspaceOf(context, layer);
          const a = frozenOf(plan, layer);
          const b = trained.get(`${layer}.lora_B.weight`) as HostTensor;
          const update = matrixOf([b.shape[0] as number, a.shape[1] as number], product(b, a, scale));
          const fresh = principalDirections(withoutDirections(update, before), {
            most: roomIn(before, adapter),
            energy: own.taskEnergy,
          });
          return [SUBSPACE + layer, filled(joined(before, fresh))] as const;
        });
        return { ...state, memory: { ...memory, tensors: new Map([...memory.tensors, ...grown]) } };
      },
    };
  },
  claims: keeploraClaims,
});

/** The new adapter with a fed A, on top of the kept ones. */
function frozenGraph(
  { model, dropoutKey }: GraphOptions,
  { rank, alpha, dropout }: AdapterSettings,
): MethodGraph {
  const table = new ParameterTable();
  const kept = new KeptExperts(model.adaptable);
  const sites = new DropoutSites(dropout, dropoutKey);
  return {
    parameters: table.all,
    trainsProjector: true,
    adapt: (name, x, y) => {
      if (!model.adaptable.has(name)) return y;
      const shape = [y.staticDim(-1), rank];
      const a = input(frozenName(name), 'float32', [rank, x.staticDim(-1)]);
      const b = table.add(`${name}.lora_B.weight`, shape, zeroValues(shape));
      const inner = mul(matmul(sites.apply(x), a, { transposeB: true }), alpha / rank); // [..., rank]
      return add(kept.adapt(name, x, y), matmul(inner, b, { transposeB: true }));
    },
  };
}

/** Layers that have a B, with [inputs, outputs]. */
function sizesOf(values: Values, { tools }: TaskContext): ReadonlyMap<string, readonly [number, number]> {
  return new Map(
    [...values.keys()].flatMap((name) => {
      const [, layer] = /^(.*)\.lora_B\.weight$/.exec(name) ?? [];
      if (layer === undefined) return [];
      const [outputs, inputs] = tools.weight(layer).shape as [number, number];
      return [[layer, [inputs, outputs] as const] as const];
    }),
  );
}

function gradientSamples({ examples, seed, task }: TaskContext, { gradientShare }: Settings) {
  const count = Math.max(8, Math.ceil(gradientShare * examples.length));
  return new RandomStream(seed, `gradient samples of ${task}`).shuffle(examples).slice(0, count);
}

/** What is kept of a layer's inputs from the start: the base weight's own directions. */
function baseSubspace({ data, shape }: HostTensor, adapter: AdapterSettings, own: Settings): Matrix {
  const none = { rows: 0, columns: shape[1] as number, data: new Float64Array() };
  if (own.weightEnergy === 0) return none;
  return principalDirections(matrixOf(shape, data), {
    most: roomIn(none, adapter),
    energy: own.weightEnergy,
  });
}

/** Directions that may still be kept, so that the next task has room for an A. */
function roomIn({ rows, columns }: Matrix, { rank }: AdapterSettings): number {
  return Math.max(0, columns - rank - rows);
}

function frozenOf(plan: TaskPlan, layer: string): HostTensor {
  return plan.feeds?.get(frozenName(layer)) as HostTensor;
}

/** As float32; rows of zeros up to `rows` where there are fewer. */
function filled({ rows: found, columns, data }: Matrix, rows = found): HostTensor {
  const values = new Float32Array(rows * columns);
  values.set(data);
  return float32(values, [rows, columns]);
}

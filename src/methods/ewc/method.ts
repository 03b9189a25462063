// EWC (Kirkpatrick et al., 2017): parameters that mattered to earlier tasks are held to where they were,
//   CE + (λ/2)·Σ_k Σ_i F_k,i·(θ_i − θ*_k,i)²,
// F_k the diagonal Fisher at θ*_k: the mean over samples of the squared gradient of log p(answer), one sample at a time.
// A sum of such quadratics is one, up to a constant: F̄ = Σ F_k and θ̄ = Σ F_k·θ*_k / F̄, so memory does not grow.
// Online (Schwarz et al., 2018): F ← γ·F + F_t, with the last θ* as the only anchor.
// The reference's term has no gradient and its F is of batches (reference.md, Defects of its training); `estimator:
// batch` gives such an F.
// paper: the expectation is over the model's own answers / here: over the data's, the empirical Fisher. log p is summed over
// an answer's tokens while CE is a mean, so at one λ a task of long answers holds more.
import { z } from 'zod';
import type { Adapter } from '../../adapters/index.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { input, matmul, mul, square, sub, sum } from '../../tensor/ops.ts';
import { RandomStream } from '../../tensor/random.ts';
import { defineMethod, type Method } from '../define.ts';
import type { BatchExample, StageState, TaskContext, TracedLoss, Values } from '../method.ts';
import { adapterGraph, carriedAdapter, carriedOn, loraSpec } from '../shared/carried.ts';
import { layerSizes } from '../shared/experts.ts';
import { product } from '../shared/matrices.ts';
import { total } from '../shared/terms.ts';
import { ewcClaims } from './claims.ts';

const settings = z.strictObject({
  lambda: z.number().gt(0).default(100).describe('weight of the penalty'),
  samples: z.int().min(1).default(100).describe('of a task, that its Fisher is estimated from'),
  online: z.boolean().default(false).describe('one decaying Fisher and the last anchor only'),
  gamma: z
    .number()
    .min(0)
    .max(1)
    .default(0.9)
    .describe('online only: what is left of the Fisher after a task'),
  space: z
    .enum(['factors', 'weights'])
    .default('factors')
    .describe('hold the factors A and B, or the update ΔW that they make'),
  estimator: z
    .enum(['sample', 'batch'])
    .default('sample')
    .describe('squared gradients of samples, or of batches of 8 as released code has them'),
});
export type EwcSettings = z.output<typeof settings>;

const FISHER = 'fisher/';
const ANCHOR = 'anchor/';
const BATCH = 8;

export const ewc: Method = defineMethod({
  name: 'ewc',
  label: 'EWC',
  summary: 'what mattered to earlier tasks is held in place, by its Fisher information',
  costs: { keeps: 'two numbers per parameter that is held' },
  origin: {
    source: 'Kirkpatrick et al., PNAS 2017',
    deviations: [
      'the Fisher is the empirical one, of the answers in the data; the paper’s is of the model’s own answers',
      'log p is summed over an answer’s tokens, so tasks of long answers hold more at the same λ',
    ],
    variants: [
      'online: one decaying Fisher and the last anchor (Schwarz et al., ICML 2018)',
      'space: weights: ΔW is held instead of A and B',
      'estimator: batch: squared gradients of batches, as released code has them',
    ],
  },
  settings,
  open: ({ adapter, own }) => {
    const spec = loraSpec(adapter);
    const scale = adapter.alpha / adapter.rank;
    return {
      ...carriedAdapter(spec),
      graph: (options) =>
        adapterGraph(spec, options, (lora, traced) =>
          mul(penalty(heldTensors(lora, traced, own, scale)), traced.share),
        ),
      beginTask: (context) => {
        const initial = carriedOn(context);
        return { initial, feeds: penaltyFeeds(context, heldValues(initial, own, scale), own) };
      },
      finishTask: async (context, trained) => ({
        trained,
        memory: {
          tensors: accumulated(
            context.previous,
            await fisherOf(context, trained, own),
            heldValues(trained, own, scale),
            own,
          ),
          notes: {},
        },
      }),
    };
  },
  claims: ewcClaims,
});

/** What is held, by name: factors and projector, or updates of layers and projector. */
function heldTensors(
  lora: Adapter,
  { projector }: TracedLoss,
  { space }: EwcSettings,
  scale: number,
): ReadonlyMap<string, Tensor> {
  const parameters = [...lora.parameters].map(([name, { tensor }]) => [name, tensor] as const);
  if (space === 'factors') return new Map([...parameters, ...projector]);
  const factors = new Map(parameters);
  const updates = parameters.flatMap(([name, b]) => {
    const a = name.endsWith('.lora_B.weight') ? factors.get(name.replace('lora_B', 'lora_A')) : undefined;
    const layer = name.slice(0, -'.lora_B.weight'.length);
    return a === undefined ? [] : [[layer, mul(matmul(b, a), scale)] as const];
  });
  return new Map([...updates, ...projector]);
}

function heldValues(values: Values, { space }: EwcSettings, scale: number): Values {
  if (space === 'factors') return values;
  const updates = [...layerSizes(values)].map(([layer, [inputs, outputs]]) => {
    const [a, b] = ['lora_A', 'lora_B'].map((part) => values.get(`${layer}.${part}.weight`) as HostTensor);
    const update = Float32Array.from(product(b as HostTensor, a as HostTensor, scale));
    return [layer, float32(update, [outputs, inputs])] as const;
  });
  return new Map([...updates, ...[...values].filter(([name]) => !name.includes('.lora_'))]);
}

/** Σ F·(θ − θ̄)², F with λ/2 in it. */
function penalty(held: ReadonlyMap<string, Tensor>): Tensor {
  return total(
    [...held].map(([name, tensor]) => {
      const fisher = input(FISHER + name, 'float32', tensor.shape);
      const anchor = input(ANCHOR + name, 'float32', tensor.shape);
      return sum(mul(fisher, square(sub(tensor, anchor))));
    }),
  );
}

function penaltyFeeds({ previous }: TaskContext, held: Values, { lambda }: EwcSettings): Values {
  const memory = previous?.memory.tensors ?? new Map<string, HostTensor>();
  return new Map(
    [...held].flatMap(([name, { data, shape }]) => {
      const fisher = memory.get(FISHER + name)?.data as Float32Array | undefined;
      return [
        [
          FISHER + name,
          float32(fisher?.map((value) => (value * lambda) / 2) ?? new Float32Array(data.length), shape),
        ],
        [ANCHOR + name, memory.get(ANCHOR + name) ?? float32(new Float32Array(data.length), shape)],
      ] as const;
    }),
  );
}

/** The Fisher of the task just trained, at what was trained. */
async function fisherOf(
  { examples, seed, task, tools }: TaskContext,
  trained: Values,
  own: EwcSettings,
): Promise<Values> {
  const chosen = new RandomStream(seed, `Fisher samples of ${task}`).shuffle(examples).slice(0, own.samples);
  const size = own.estimator === 'sample' ? 1 : BATCH;
  const sums = new Map<string, Float64Array>();
  for await (const batch of tools.batches(chosen, size)) {
    for (const [name, { data }] of await heldGradients(tools, batch, trained, own)) {
      const squares = sums.get(name) ?? new Float64Array(data.length);
      data.forEach((gradient, i) => {
        squares[i] = (squares[i] as number) + gradient ** 2 / chosen.length;
      });
      sums.set(name, squares);
    }
  }
  const shapes = heldValues(trained, own, 1);
  return new Map(
    [...sums].map(([name, squares]) => [
      name,
      float32(Float32Array.from(squares), shapes.get(name)?.shape as readonly number[]),
    ]),
  );
}

async function heldGradients(
  tools: TaskContext['tools'],
  batch: readonly BatchExample[],
  trained: Values,
  { space }: EwcSettings,
): Promise<Values> {
  const gradients = await tools.gradients(batch, trained);
  if (space === 'factors') return gradients;
  const projector = [...gradients].filter(([name]) => !name.includes('.lora_'));
  return new Map([...(await tools.weightGradients(batch, trained)), ...projector]);
}

/** F̄ and θ̄ with one more task's; exported for its test. */
export function accumulated(
  previous: StageState | undefined,
  fisher: Values,
  anchors: Values,
  own: EwcSettings,
): Values {
  const memory = previous?.memory.tensors ?? new Map<string, HostTensor>();
  const result = new Map<string, HostTensor>();
  for (const [name, { data, shape }] of fisher) {
    const anchor = anchors.get(name) as HostTensor;
    const [oldFisher, oldAnchor] = [memory.get(FISHER + name)?.data, memory.get(ANCHOR + name)?.data];
    const [newFisher, newAnchor] = [new Float32Array(data.length), new Float32Array(data.length)];
    for (let i = 0; i < data.length; i++) {
      const before = (oldFisher?.[i] ?? 0) * (own.online ? own.gamma : 1);
      const [now, place] = [data[i] as number, anchor.data[i] as number];
      newFisher[i] = before + now;
      newAnchor[i] =
        own.online || before + now === 0
          ? place
          : (before * (oldAnchor?.[i] ?? 0) + now * place) / (before + now);
    }
    result.set(FISHER + name, float32(newFisher, shape));
    result.set(ANCHOR + name, float32(newAnchor, shape));
  }
  return result;
}

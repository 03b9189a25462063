// RegLoRA with answer style diversification (SEFE, Chen et al., ICML 2025). After each task the largest entries of its
// update ΔW are marked, ΔW is merged, and a new adapter begins, whose update is held small where earlier ones were large:
//   CE + λ·mean_modules( mean_{(p,q) ∈ S} |(B·A)_new[p,q]| ),  S the union over tasks; α/r is not in it.
// The data side (asd.ts) rewrites a share of the answers in other styles, so that a change of format is not what is learnt.
import { z } from 'zod';
import type { Adapter } from '../../adapters/index.ts';
import { float32, type HostTensor, int32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { input, matmul, mul, sum } from '../../tensor/ops.ts';
import { defineMethod, type Method } from '../define.ts';
import type { TracedLoss, Values } from '../method.ts';
import { diversified } from '../shared/asd.ts';
import { layerSizes } from '../shared/experts.ts';
import { keptMethod, withExpert } from '../shared/kept.ts';
import { product } from '../shared/matrices.ts';
import { absolute, total } from '../shared/terms.ts';
import { regloraClaims } from './claims.ts';

const settings = z.strictObject({
  lambda: z.number().gt(0).default(2500).describe('weight of the marked entries'),
  share: z.number().gt(0).lt(1).default(0.02).describe('of the entries of an update that are marked'),
  rewritten: z.number().min(0).max(1).default(0.2).describe('of the answers, given in another style (ASD)'),
});

type Settings = z.output<typeof settings>;

const MARKED = 'marked/';

export const reglora: Method = defineMethod({
  name: 'reglora',
  label: 'RegLoRA + ASD',
  summary: 'entries that were large in earlier updates are held small in new ones; answers in several styles',
  costs: { keeps: 'an adapter per task and the marked places', answering: 'the adapters of all tasks' },
  origin: {
    source: 'SEFE, Chen et al., ICML 2025',
    deviations: [
      'four wordings of answer styles serve all data sets; the paper words them per data set',
      'how many answers are rewritten (0.2) is ours',
    ],
    variants: ['rewritten: 0: RegLoRA alone'],
  },
  settings,
  open: ({ adapter, own }) => {
    const scale = adapter.alpha / adapter.rank;
    const kept = keptMethod({
      adapter,
      onTop: true,
      trainsProjector: true,
      extraLoss: (fresh, _, traced) => penalty(fresh, traced),
    });
    return {
      ...kept,
      selectSamples: ({ samples, task, seed }) =>
        diversified(samples, { share: own.rewritten, seed, task }).map((sample) => ({ sample, task })),
      beginTask: async (context) => {
        const plan = await kept.beginTask(context);
        const marked = context.previous?.memory.tensors ?? new Map();
        return { ...plan, feeds: new Map([...(plan.feeds ?? []), ...weights(marked, plan.initial, own)]) };
      },
      finishTask: (context, trained) => {
        const { trained: left, memory } = withExpert(context, trained);
        const marks = [...layerSizes(trained).keys()].map((layer) => {
          const update = updateOf(trained, layer, scale);
          const before = memory.tensors.get(MARKED + layer)?.data ?? [];
          const places = [...new Set([...before, ...largestEntries(update, own.share)])].sort(
            (a, b) => a - b,
          );
          return [MARKED + layer, int32(places, [places.length])] as const;
        });
        return { trained: left, memory: { ...memory, tensors: new Map([...memory.tensors, ...marks]) } };
      },
    };
  },
  claims: regloraClaims,
});

/** Σ mask·|B·A|, the mask with λ and the means in it. */
function penalty(own: Adapter, { share }: TracedLoss): Tensor {
  const terms = [...own.parameters].flatMap(([name, { tensor: a }]) => {
    const layer = name.slice(0, -'.lora_A.weight'.length);
    const b = name.endsWith('.lora_A.weight')
      ? own.parameters.get(`${layer}.lora_B.weight`)?.tensor
      : undefined;
    if (b === undefined) return [];
    const mask = input(MARKED + layer, 'float32', [b.staticDim(0), a.staticDim(1)]);
    return [sum(mul(mask, absolute(matmul(b, a))))];
  });
  return mul(total(terms), share);
}

function weights(memory: Values, initial: Values, { lambda }: Settings): Values {
  const layers = layerSizes(initial);
  return new Map(
    [...layers].map(([layer, [inputs, outputs]]) => {
      const places = memory.get(MARKED + layer)?.data ?? new Int32Array();
      const mask = new Float32Array(outputs * inputs);
      for (const place of places) mask[place] = lambda / (layers.size * places.length);
      return [MARKED + layer, float32(mask, [outputs, inputs])];
    }),
  );
}

function updateOf(values: Values, layer: string, scale: number): Float64Array {
  const [b, a] = ['lora_B', 'lora_A'].map((part) => values.get(`${layer}.${part}.weight`));
  return product(b as HostTensor, a as HostTensor, scale);
}

/** Places of the largest |values|; of equals, the first. */
export function largestEntries(values: ArrayLike<number>, share: number): readonly number[] {
  const order = Array.from(values, (value, place) => ({ size: Math.abs(value), place }));
  order.sort((a, b) => b.size - a.size || a.place - b.place);
  return order.slice(0, Math.ceil(share * values.length)).map(({ place }) => place);
}

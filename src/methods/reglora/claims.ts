// What RegLoRA + ASD claims of its mechanism, and how it is found out.
import type { HostTensor } from '../../tensor/dtype.ts';
import type { Claims, ExperimentStage } from '../claim.ts';
import type { Values } from '../method.ts';
import { answerStyles } from '../shared/asd.ts';
import { layerSizes } from '../shared/experts.ts';
import { product } from '../shared/matrices.ts';

const MARKED = 'marked/';

export const regloraClaims: Claims = (method) => [
  {
    statement: 'the marked entries are the 2 % of the update that are largest',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first] = stages as [ExperimentStage];
      let [marked, entries, least, most] = [0, 0, Number.POSITIVE_INFINITY, 0];
      for (const layer of layerSizes(first.trained).keys()) {
        const update = updateOf(first.trained, layer);
        const places = new Set(first.state.memory.tensors.get(MARKED + layer)?.data);
        marked += places.size;
        entries += update.length;
        const inside = [...places].map((place) => Math.abs(update[place] as number));
        const outside = [...update.keys()].filter((place) => !places.has(place));
        const ratio = Math.min(...inside) / Math.max(...outside.map((i) => Math.abs(update[i] as number)));
        least = Math.min(least, ratio);
        most = Math.max(most, ratio);
      }
      return {
        found: `${marked} of ${entries} entries (${((100 * marked) / entries).toFixed(2)} %); the least marked is ${least.toFixed(2)} to ${most.toFixed(2)} of the largest unmarked`,
        // Rounded up in each matrix.
        holds: least >= 1 && marked / entries >= 0.02 && marked / entries < 0.024,
      };
    },
  },
  {
    statement:
      'the penalty is nothing in the first task and for a fresh adapter, above zero once it has moved',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first, second] = stages as [ExperimentStage, ExperimentStage];
      const extras = [
        (await first.losses(first.examples, first.trained)).extra,
        (await second.losses(second.examples, second.initial)).extra,
        (await second.losses(second.examples, second.trained)).extra,
      ];
      return {
        found: extras.map((extra) => extra.toPrecision(2)).join(', '),
        holds: extras[0] === 0 && extras[1] === 0 && (extras[2] as number) > 0,
      };
    },
  },
  {
    statement:
      'the penalty is λ times the mean over modules of the mean |B·A| over the places of all earlier tasks',
    check: async (laboratory) => {
      const lambda = 40;
      const { last, stages } = await laboratory.run(method, { own: { lambda, rewritten: 0 } });
      const earlier = stages.slice(0, -1);
      const layers = [...layerSizes(last.trained).keys()];
      let byHand = 0;
      for (const layer of layers) {
        const places = new Set(earlier.flatMap(({ trained }) => largestPlaces(updateOf(trained, layer))));
        const update = updateOf(last.trained, layer);
        const mean = [...places].reduce((sum, i) => sum + Math.abs(update[i] as number) / 2, 0) / places.size;
        byHand += (lambda * mean) / layers.length;
      }
      const { extra } = await last.losses(last.examples, last.trained);
      return {
        found: `${extra.toPrecision(5)}, by hand ${byHand.toPrecision(5)}`,
        holds: byHand > 0 && Math.abs(extra / byHand - 1) < 1e-4,
      };
    },
  },
  {
    statement: 'marked entries end smaller beside the others than without the penalty',
    check: async (laboratory) => {
      const ratio = async (lambda: number) => {
        const { stages } = await laboratory.run(method, { own: { lambda, rewritten: 0 } });
        return markedRatio(stages as readonly [ExperimentStage, ExperimentStage]);
      };
      const [held, free] = [await ratio(2500), await ratio(1e-6)];
      return {
        found: `mean |ΔW| marked to unmarked ${held.toFixed(2)}, without ${free.toFixed(2)}`,
        holds: held < 0.7 * free,
      };
    },
  },
  {
    statement: 'the stated share of answers is rewritten, the rest is untouched',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method, { own: { rewritten: 0.5 } });
      const { stages: plain } = await laboratory.run(method, { own: { lambda: 2500, rewritten: 0 } });
      const turnsOf = (stage: ExperimentStage | undefined) =>
        (stage?.examples ?? []).map(({ sample }) => JSON.stringify(sample.turns));
      const [after, before] = [turnsOf(stages[0]), turnsOf(plain[0])];
      const changed = after.filter((turns, i) => turns !== before[i]).length;
      return {
        found: `${changed} of ${after.length} in one of ${answerStyles.length} styles`,
        holds: changed === after.length / 2,
      };
    },
  },
];

function markedRatio([first, second]: readonly [ExperimentStage, ExperimentStage]): number {
  let [inside, outside, marked, others] = [0, 0, 0, 0];
  for (const layer of layerSizes(second.trained).keys()) {
    const places = new Set(first.state.memory.tensors.get(MARKED + layer)?.data);
    updateOf(second.trained, layer).forEach((value, place) => {
      if (places.has(place)) {
        inside += Math.abs(value);
        marked++;
      } else {
        outside += Math.abs(value);
        others++;
      }
    });
  }
  return inside / marked / (outside / others);
}

/** Places of the largest 2 % of |values|, rounded up. */
function largestPlaces(values: Float64Array): readonly number[] {
  const order = [...values.keys()].sort(
    (a, b) => Math.abs(values[b] as number) - Math.abs(values[a] as number) || a - b,
  );
  return order.slice(0, Math.ceil(0.02 * values.length));
}

/** (α/r)·B·A; the toy's α/r is 2. */
function updateOf(values: Values, layer: string): Float64Array {
  const [b, a] = ['lora_B', 'lora_A'].map((part) => values.get(`${layer}.${part}.weight`));
  return product(b as HostTensor, a as HostTensor, 2);
}

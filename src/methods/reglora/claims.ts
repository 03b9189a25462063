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

/** (α/r)·B·A; the toy's α/r is 2. */
function updateOf(values: Values, layer: string): Float64Array {
  const [b, a] = ['lora_B', 'lora_A'].map((part) => values.get(`${layer}.${part}.weight`));
  return product(b as HostTensor, a as HostTensor, 2);
}

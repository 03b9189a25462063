// What SMoLoRA claims of its mechanism, and how it is found out.
import type { Claims, ExperimentStage } from '../claim.ts';
import { largestAbsolute, largestDifference } from '../shared/matrices.ts';

const GATE = /\.gate_(visual|instruction)\.weight$/;

export const smoloraClaims: Claims = (method) => [
  {
    statement: 'the gates have gradient; with a bare one-hot they have none',
    check: async (laboratory) => {
      const found = async (gradient: string) => {
        const { stages } = await laboratory.run(method, { own: { gradient }, adapter: { experts: 4 } });
        const [first] = stages as [ExperimentStage];
        const gradients = await first.gradients(first.examples.slice(0, 6), first.trained);
        return Math.max(
          ...[...gradients].filter(([name]) => GATE.test(name)).map(([, { data }]) => largestAbsolute(data)),
        );
      };
      const [through, bare] = [await found('straight-through'), await found('none')];
      return { found: `${through.toPrecision(2)}, bare ${bare}`, holds: through > 0 && bare === 0 };
    },
  },
  {
    statement: 'the gates learn in the first task and are the same bytes after the second',
    check: async (laboratory) => {
      const own = { gradient: 'straight-through' };
      const { stages } = await laboratory.run(method, { own, adapter: { experts: 4 } });
      const [first, second] = stages as [ExperimentStage, ExperimentStage];
      const way = ({ initial, trained }: ExperimentStage) =>
        Math.max(
          ...[...trained]
            .filter(([name]) => GATE.test(name))
            .map(([name, { data }]) => largestDifference(data, initial.get(name)?.data ?? [])),
        );
      const [learnt, after] = [way(first), way(second)];
      return {
        found: `moved by ${learnt.toPrecision(2)}, then by ${after}`,
        holds: learnt > 0 && after === 0,
      };
    },
  },
  {
    statement: 'training and inference graphs agree, and the instruction chooses',
    check: async (laboratory) => {
      const own = { gradient: 'straight-through' };
      const { last, tasks } = await laboratory.run(method, { own, adapter: { experts: 4 } });
      const batch = last.examples.slice(0, 6);
      const trained = await last.trainingLogits(batch, last.trained);
      const off = largestDifference(trained, await last.inferenceLogits(batch));
      const gates = [...last.trained].filter(([name]) => name.endsWith('.gate_instruction.weight'));
      const routes = await last.route(tasks.slice(0, 2).flatMap((task) => last.questions(task).slice(0, 1)));
      const choices = routes.map(({ rows }) =>
        gates.map(([, { data, shape }]) => chosen(data, shape, rows?.['smolora.instruction'] ?? [])).join(''),
      );
      return {
        found: `logits differ by ${off.toPrecision(2)}; experts by layer ${choices.join(' and ')}`,
        holds: off < 1e-4 && choices[0] !== choices[1],
      };
    },
  },
];

function chosen(gate: ArrayLike<number>, [experts, size]: readonly number[], row: ArrayLike<number>): number {
  const scores = Array.from({ length: experts as number }, (_, expert) => {
    let total = 0;
    for (let i = 0; i < row.length; i++)
      total += (gate[expert * (size as number) + i] as number) * (row[i] as number);
    return total;
  });
  return scores.indexOf(Math.max(...scores));
}

// What KeepLoRA claims of its mechanism, and how it is found out.
import type { HostTensor } from '../../tensor/dtype.ts';
import type { Claims, ExperimentStage } from '../claim.ts';
import { largestAbsolute, valuesDifference } from '../shared/matrices.ts';
import { matrixOf, multiply, transposed } from '../shared/subspace.ts';

const SUBSPACE = 'subspace/';
const frozenName = (layer: string) => `${layer}.frozen_A`;

export const keeploraClaims: Claims = (method) => [
  {
    statement: 'A is orthogonal to the kept subspace, so that inputs in it are answered as before',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first, second] = stages as [ExperimentStage, ExperimentStage];
      const { tensors } = first.state.memory;
      let [along, kept] = [0, 0];
      for (const [name, u] of tensors) {
        if (!name.startsWith(SUBSPACE)) continue;
        const a = second.feeds.get(frozenName(name.slice(SUBSPACE.length))) as HostTensor;
        kept += u.shape[0] as number;
        const overlap = multiply(matrixOf(a.shape, a.data), transposed(matrixOf(u.shape, u.data)));
        along = Math.max(along, largestAbsolute(overlap.data));
      }
      return {
        found: `${kept} directions, largest product ${along.toPrecision(2)}`,
        holds: kept > 0 && along < 1e-5,
      };
    },
  },
  {
    statement: 'A is frozen: B alone trains, and what is merged has the A that the task began with',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method);
      const adapted = [...last.trained.keys()].filter((name) => name.includes('.lora_'));
      const merged = [...last.state.memory.tensors].filter(
        ([name]) => name.startsWith(`${last.task}/`) && name.includes('lora_A'),
      );
      const off = valuesDifference(
        new Map(
          merged.map(([name, value]) => [
            name.slice(last.task.length + 1).replace('lora_A.weight', 'frozen_A'),
            value,
          ]),
        ),
        new Map([...last.feeds].filter(([name]) => name.endsWith('.frozen_A'))),
      );
      return {
        found: `${adapted.length} matrices train, A differs by ${off}`,
        holds: off === 0 && adapted.length > 0 && adapted.every((name) => name.endsWith('.lora_B.weight')),
      };
    },
  },
  {
    statement: 'A spans the directions that the gradient has outside, and B has gradient there',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method);
      const share = last.measured.gradientEnergyInA ?? 0;
      const [gradient] = [...(await last.gradients(last.examples.slice(0, 6), last.initial))]
        .filter(([name]) => name.includes('lora_B'))
        .map(([, { data }]) => largestAbsolute(data));
      return {
        found: `${(100 * share).toFixed(0)} % of its energy in 4 of 16 or 24 directions; gradient of B ${gradient?.toPrecision(2)}`,
        holds: share > 0.6 && (gradient ?? 0) > 0,
      };
    },
  },
  {
    statement: 'the kept subspace grows with every task and stays orthonormal',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const counts = stages.map(({ state }) =>
        [...state.memory.tensors]
          .filter(([name]) => name.startsWith(SUBSPACE))
          .reduce((total, [, { shape }]) => total + (shape[0] as number), 0),
      );
      let off = 0;
      for (const [name, { data, shape }] of stages.at(-1)?.state.memory.tensors ?? []) {
        if (!name.startsWith(SUBSPACE)) continue;
        const u = matrixOf(shape, data);
        multiply(u, transposed(u)).data.forEach((value, i) => {
          off = Math.max(off, Math.abs(value - (i % (u.rows + 1) === 0 ? 1 : 0)));
        });
      }
      return {
        found: `${counts.join(', then ')} directions; off by ${off.toPrecision(2)}`,
        holds: (counts[1] as number) > (counts[0] as number) && off < 1e-5,
      };
    },
  },
];

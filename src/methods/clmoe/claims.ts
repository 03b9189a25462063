// What CL-MoE claims of its mechanism, and how it is found out.
import type { Claims, ExperimentStage } from '../claim.ts';
import { largestAbsolute, largestDifference } from '../shared/matrices.ts';
import { routingClaim } from '../shared/routing-claim.ts';

export const clmoeClaims: Claims = (method) => [
  routingClaim(method),
  {
    statement:
      'experts are merged: those that earlier tasks use end nearer to where they were than the others',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method, { own: { top: 1 } });
      const shares = new Set<string>();
      let off = 0;
      for (const [name, { data }] of last.state.trained) {
        const [before, after] = [last.initial.get(name)?.data, last.trained.get(name)?.data];
        if (!name.includes('.lora_') || before === undefined || after === undefined) continue;
        data.forEach((value, i) => {
          const way = (after[i] as number) - (before[i] as number);
          if (Math.abs(way) < 1e-3) return;
          const kept = ((after[i] as number) - value) / way;
          shares.add(kept.toFixed(1));
          off = Math.max(off, Math.min(Math.abs(kept - 0.7), Math.abs(kept - 0.3)));
        });
      }
      return {
        found: `shares of the old that are kept: ${[...shares].sort().join(' and ')}`,
        holds: shares.has('0.7') && off < 0.02,
      };
    },
  },
  {
    statement: 'the nearest task’s gates take part in the answer',
    check: async (laboratory) => {
      const batchOf = (stage: ExperimentStage) => stage.examples.slice(0, 6);
      const { last } = await laboratory.run(method, { own: { beta: 0.5 } });
      const { last: alone } = await laboratory.run(method, { own: { beta: 1 } });
      const mixed = await last.inferenceLogits(batchOf(last));
      const instance = await alone.inferenceLogits(batchOf(alone));
      const training = await alone.trainingLogits(batchOf(alone), alone.state.trained);
      const [change, off] = [largestDifference(mixed, instance), largestDifference(instance, training)];
      return {
        found: `logits change by ${change.toPrecision(2)}; with β = 1 by ${off.toPrecision(2)}`,
        holds: change > 1e-4 && off < 1e-4,
      };
    },
  },
  {
    statement: 'experts and router all have gradient',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method, { own: { beta: 0.5 } });
      const gradients = await last.gradients(last.examples.slice(0, 6), last.trained);
      const parts = ['lora_A', 'lora_B', 'lora_router'].map((part) =>
        Math.max(
          ...[...gradients]
            .filter(([name]) => name.includes(part))
            .map(([, { data }]) => largestAbsolute(data)),
        ),
      );
      return {
        found: `A, B, router: ${parts.map((part) => part.toPrecision(2)).join(', ')}`,
        holds: parts.every((part) => part > 0),
      };
    },
  },
];

// What EWC claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';
import { innerProduct } from '../shared/matrices.ts';

export const ewcClaims: Claims = (method) => [
  {
    statement: 'the penalty is nothing at the anchor, above zero after drift, and its gradient points back',
    check: async (laboratory) => {
      // In the second task there is one anchor; later a minimum of several quadratics lies elsewhere.
      const { last } = await laboratory.run(method, { tasks: 2 });
      const start = await last.losses(last.examples, last.initial);
      const end = await last.losses(last.examples, last.trained);
      let along = 0;
      for (const [name, { data }] of end.extraGradients) {
        const [after, before] = [last.trained.get(name)?.data ?? [], last.initial.get(name)?.data ?? []];
        const drift = Array.from(after, (value, i) => value - (before[i] as number));
        along += innerProduct(data, drift);
      }
      // A quadratic's slope along the way from its minimum is twice its value over that way.
      const ratio = along / (2 * end.extra);
      return {
        found: `${start.extra.toPrecision(2)}, then ${end.extra.toPrecision(3)}; slope along the drift ${along.toPrecision(3)}`,
        holds: start.extra < 1e-9 && end.extra > 0 && Math.abs(ratio - 1) < 1e-3,
      };
    },
  },
  {
    statement: 'the Fisher is the mean of squared gradients of single samples, added up by hand',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first] = stages;
      if (first === undefined) throw new Error('no stage');
      const name = [...first.trained.keys()].find((one) => one.endsWith('lora_B.weight')) ?? '';
      const fisher = first.state.memory.tensors.get(`fisher/${name}`)?.data ?? [];
      const byHand = new Float64Array(fisher.length);
      for (const example of first.examples) {
        const gradient = (await first.gradients([example], first.trained)).get(name)?.data ?? [];
        for (let i = 0; i < byHand.length; i++) {
          byHand[i] = (byHand[i] as number) + (gradient[i] as number) ** 2 / first.examples.length;
        }
      }
      const batch = (await first.gradients(first.examples, first.trained)).get(name)?.data ?? [];
      const sizeOf = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0);
      const [found, wanted] = [sizeOf(fisher), sizeOf(byHand)];
      const ofBatch = sizeOf(Array.from(batch, (value) => value ** 2 / first.examples.length));
      let off = 0;
      for (let i = 0; i < byHand.length; i++) off += Math.abs((fisher[i] as number) - (byHand[i] as number));
      return {
        found: `sum ${found.toPrecision(4)}, by hand ${wanted.toPrecision(4)}, of the batch ${ofBatch.toPrecision(4)}`,
        holds: found > 0 && off / wanted < 1e-4 && Math.abs(ofBatch / wanted - 1) > 0.01,
      };
    },
  },
  {
    statement:
      'over three tasks the penalty is λ/2·Σ_k F_k·(θ − θ*_k)² up to a constant, adapter and projector, by hand',
    check: async (laboratory) => {
      const lambda = 70;
      const { last, stages } = await laboratory.run(method, { own: { lambda } });
      const penalties = [0, 0];
      for (const { examples, trained, gradients } of stages.slice(0, -1)) {
        for (const example of examples) {
          for (const [name, { data }] of await gradients([example], trained)) {
            const anchor = trained.get(name)?.data ?? [];
            [last.initial, last.trained].forEach((values, i) => {
              values.get(name)?.data.forEach((value, entry) => {
                const way = value - (anchor[entry] as number);
                const weight = ((data[entry] as number) ** 2 / examples.length) * (lambda / 2);
                penalties[i] = (penalties[i] as number) + weight * way ** 2;
              });
            });
          }
        }
      }
      const byHand = (penalties[1] as number) - (penalties[0] as number);
      const start = await last.losses(last.examples, last.initial);
      const end = await last.losses(last.examples, last.trained);
      const found = end.extra - start.extra;
      return {
        found: `rises by ${found.toPrecision(5)}, by hand ${byHand.toPrecision(5)}`,
        holds: byHand > 0 && Math.abs(found / byHand - 1) < 1e-3,
      };
    },
  },
  {
    statement: 'at a large λ what mattered most moves less than without',
    check: async (laboratory) => {
      const drift = async (lambda: number) => {
        const { last, stages } = await laboratory.run(method, { own: { lambda } });
        const memory = stages[0]?.state.memory.tensors ?? new Map();
        let moved = 0;
        for (const [name, { data }] of last.trained) {
          const [fisher, before] = [memory.get(`fisher/${name}`)?.data, last.initial.get(name)?.data];
          data.forEach((value, i) => {
            moved += (fisher?.[i] ?? 0) * (value - (before?.[i] as number)) ** 2;
          });
        }
        return moved;
      };
      const [held, free] = [await drift(1e4), await drift(1e-9)];
      return {
        found: `Σ F·drift² ${held.toPrecision(3)}, without ${free.toPrecision(3)}`,
        holds: held < free / 2,
      };
    },
  },
];

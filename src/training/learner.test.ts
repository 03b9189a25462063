// Ten steps of a whole model are compared with PyTorch in test/parity; here the learner's own promises on a small one.
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate, normal } from '../../test/support/plain.ts';
import { DropoutSites } from '../nn/dropout.ts';
import { type HostTensor, int32 } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { add, input, matmul, mul, reshape, sub, sum, tanh } from '../tensor/ops.ts';
import { Learner, type LearnerState, type Parameter } from './learner.ts';

const optimizer = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.02, clipNorm: 1 };
const rates = { inner: 0.01, outer: 0.05 };

/** Σ weight·(v·tanh(W·dropout(x)) − target)², with W and v in groups of their own, and a parameter that nothing reads. */
function network(): { readonly loss: Tensor; readonly parameters: Parameter[] } {
  const made: Parameter[] = [];
  const parameter = (name: string, group: string, shape: readonly number[]) => {
    const tensor = input(name, 'float32', shape);
    made.push({ name, tensor, values: normal(name, shape).data as Float32Array, group });
    return tensor;
  };
  const x = input('x', 'float32', ['rows', 4]);
  const dropped = new DropoutSites(0.2, input('dropout', 'int32', [])).apply(x);
  const hidden = tanh(matmul(dropped, parameter('W', 'inner', [5, 4]), { transposeB: true }));
  const y = matmul(hidden, reshape(parameter('v', 'outer', [5]), [5, 1])); // [rows, 1]
  parameter('unused', 'outer', [2]);
  const error = sub(y, input('target', 'float32', ['rows', 1]));
  return { loss: sum(mul(mul(error, error), input('weight', 'float32', ['rows', 1]))), parameters: made };
}

const learners: Learner[] = [];
afterAll(async () => {
  for (const learner of learners) await learner.dispose();
});

async function compile(clipNorm = 1): Promise<Learner> {
  const learner = await Learner.compile({ ...network(), optimizer: { ...optimizer, clipNorm } });
  learners.push(learner);
  return learner;
}

function batch(step: number): Record<string, HostTensor> {
  return {
    x: normal(`x ${step}`, [6, 4]),
    target: normal(`target ${step}`, [6, 1]),
    weight: normal('weight', [6, 1], 0.2),
    dropout: int32([step], []),
  };
}

async function train(learner: Learner, first: number, end: number): Promise<number[]> {
  const seen: number[] = [];
  for (let step = first; step < end; step++) {
    seen.push(await learner.accumulate(batch(step)));
    seen.push(await learner.apply(rates));
  }
  return seen;
}

/** As a state comes back from disk: copies. */
const copyOf = (state: LearnerState): LearnerState => structuredClone(state);

describe('Learner', () => {
  it('continues from a saved state as if it had never stopped, to the bit', async () => {
    const whole = await compile();
    const seen = await train(whole, 0, 6);

    const before = await compile();
    await train(before, 0, 3);
    const saved = copyOf(await before.state());
    expect(saved.step).toBe(3);
    const after = await compile();
    after.restore(saved);
    expect(await train(after, 3, 6)).toEqual(seen.slice(6));
    expect(await after.state()).toEqual(await whole.state());
  });

  it('drops half-accumulated gradients when it is restored', async () => {
    const learner = await compile();
    const start = copyOf(await learner.state());
    const seen = await train(learner, 0, 2);
    await learner.accumulate(batch(7));
    learner.restore(start);
    expect(await train(learner, 0, 2)).toEqual(seen);
  });

  it('does not change a state that it gave away', async () => {
    const learner = await compile();
    await train(learner, 0, 1);
    const state = await learner.state();
    const kept = copyOf(state);
    await train(learner, 1, 3);
    expect(state).toEqual(kept);
  });

  it('begins each step with no gradients', async () => {
    const learner = await compile();
    await train(learner, 0, 1);
    expect(await learner.apply({ inner: 0, outer: 0 })).toBe(0);
  });

  it('gives each group its own learning rate', async () => {
    const learner = await compile();
    const before = copyOf(await learner.state()).parameters;
    await learner.accumulate(batch(0));
    await learner.apply({ inner: 0, outer: 0.1 });
    const { parameters } = await learner.state();
    expect(parameters.W).toEqual(before.W);
    expect(parameters.v).not.toEqual(before.v);
  });

  it('returns the norm before clipping, and clips', async () => {
    const momentsAfter = async (clipNorm: number) => {
      const learner = await compile(clipNorm);
      await learner.accumulate(batch(0));
      const norm = await learner.apply(rates);
      const { firstMoments } = await learner.state();
      const all = Object.values(firstMoments).flatMap(({ data }) => [...data]);
      // After one step the first moment is (1 − β₁)·gradient.
      return { norm, used: Math.hypot(...all) / (1 - optimizer.beta1) };
    };
    const free = await momentsAfter(1e9);
    const clipped = await momentsAfter(free.norm / 4);
    expect(clipped.norm).toBe(free.norm);
    expect(free.used / free.norm).toBeCloseTo(1, 5);
    expect(clipped.used / free.norm).toBeCloseTo(0.25, 5);
  });

  it('only decays a parameter that has no gradient', async () => {
    const learner = await compile();
    const before = (await learner.state()).parameters.unused?.data[0] as number;
    await learner.accumulate(batch(0));
    await learner.apply(rates);
    const { parameters } = await learner.state();
    expect(parameters.unused?.data[0]).toBeCloseTo(before * (1 - rates.outer * optimizer.weightDecay), 6);
  });

  it('learns', async () => {
    const learner = await compile();
    const losses: number[] = [];
    const feeds = { ...batch(0), weight: { ...normal('', [6, 1]), data: new Float32Array(6).fill(1 / 6) } };
    for (let step = 0; step < 100; step++) {
      losses.push(await learner.accumulate({ ...feeds, dropout: int32([step], []) }));
      await learner.apply(rates);
    }
    const mean = (part: readonly number[]) => part.reduce((a, b) => a + b) / part.length;
    expect(mean(losses.slice(-20))).toBeLessThan(0.5 * mean(losses.slice(0, 5)));
  });

  it('gives its parameters to other programs', async () => {
    const learner = await compile();
    await train(learner, 0, 2);
    const { W } = learner.parameters as Record<string, HostTensor>;
    const { y } = await evaluate({ y: add(input('W', 'float32', [5, 4]), 0) }, { W: W as HostTensor });
    expect(y.data).toEqual((await learner.state()).parameters.W?.data);
  });

  it('refuses a state that lacks a tensor or has it in another shape', async () => {
    const learner = await compile();
    const state = await learner.state();
    const { v, ...rest } = state.firstMoments;
    expect(() => learner.restore({ ...state, firstMoments: rest })).toThrow('no "v" of shape [5]');
    const misshapen = { ...state.parameters, v: { ...(v as HostTensor), shape: [5, 1] } };
    expect(() => learner.restore({ ...state, parameters: misshapen })).toThrow('no "v" of shape [5]');
  });
});

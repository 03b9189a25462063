// Ten steps are compared with torch.optim.AdamW in test/parity; here against a plain loop, parts apart.
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../test/support/plain.ts';
import { float32 } from '../tensor/dtype.ts';
import { input } from '../tensor/ops.ts';
import { floats } from '../tensor/program.ts';
import { adamW, biasCorrection, clipByGlobalNorm } from './optimizer.ts';

const vector = (name: string) => input(name, 'float32', [3]);

describe('adamW', () => {
  it.each([0, 0.1])('follows the formula with weight decay %s', async (weightDecay) => {
    const [beta1, beta2, epsilon, rate, time] = [0.8, 0.9, 1e-3, 0.05, 4];
    const before = { parameter: vector('p'), m: vector('m'), v: vector('v') };
    const after = adamW(before, vector('g'), input('rate', 'float32', []), biasCorrection(), {
      beta1,
      beta2,
      epsilon,
      weightDecay,
    });
    const [p, m, v, g] = [
      [1, -2, 3],
      [0.1, 0.2, -0.3],
      [0.01, 0.02, 0.5],
      [0.5, 0, -4],
    ] as const;
    const result = await evaluate(
      { p2: after.parameter, m2: after.m, v2: after.v },
      {
        p: float32(p, [3]),
        m: float32(m, [3]),
        v: float32(v, [3]),
        g: float32(g, [3]),
        rate: float32([rate], []),
        bias_correction_1: float32([1 - beta1 ** time], []),
        bias_correction_2_root: float32([Math.sqrt(1 - beta2 ** time)], []),
      },
    );
    p.forEach((value, i) => {
      const first = beta1 * (m[i] as number) + (1 - beta1) * (g[i] as number);
      const second = beta2 * (v[i] as number) + (1 - beta2) * (g[i] as number) ** 2;
      const direction = first / (1 - beta1 ** time) / (Math.sqrt(second / (1 - beta2 ** time)) + epsilon);
      const expected = value * (1 - rate * weightDecay) - rate * direction;
      expect(floats(result.p2)[i]).toBeCloseTo(expected, 5);
      expect(floats(result.m2)[i]).toBeCloseTo(first, 6);
      expect(floats(result.v2)[i]).toBeCloseTo(second, 6);
    });
  });
});

describe('clipByGlobalNorm', () => {
  const clipped = clipByGlobalNorm([input('a', 'float32', [2]), input('b', 'float32', [1, 1])], 2.5);
  const outputs = {
    norm: clipped.norm,
    a2: clipped.gradients[0] as never,
    b2: clipped.gradients[1] as never,
  };
  const run = (a: readonly number[], b: number) =>
    evaluate<'norm' | 'a2' | 'b2'>(outputs, { a: float32(a, [2]), b: float32([b], [1, 1]) });

  it('scales all gradients by one factor down to the limit', async () => {
    const { norm, a2, b2 } = await run([0, 3], 4);
    expect(floats(norm)[0]).toBeCloseTo(5, 5);
    expect(floats(a2)[1]).toBeCloseTo(1.5, 5);
    expect(floats(b2)[0]).toBeCloseTo(2, 5);
  });

  it('leaves smaller gradients as they are, to the bit', async () => {
    const { a2, b2 } = await run([0.1, 0.2], -0.3);
    expect([...floats(a2), ...floats(b2)]).toEqual([0.1, 0.2, -0.3].map(Math.fround));
  });

  it('is finite for gradients of zero', async () => {
    const { norm, a2 } = await run([0, 0], 0);
    expect([...floats(norm), ...floats(a2)]).toEqual([0, 0, 0]);
  });
});

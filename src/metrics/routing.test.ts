import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  betweenTasks,
  betweenUses,
  DEAD_BELOW,
  deadExperts,
  divergence,
  evenness,
  type LayerUse,
  moved,
  overUses,
  type TaskUse,
  UseTally,
} from './routing.ts';

const useOf = (tokens: readonly (readonly number[])[]): LayerUse => {
  const tally = new UseTally(tokens[0]?.length ?? 0);
  for (const gates of tokens) tally.add(gates);
  return tally.use();
};
const layer = (...weight: readonly number[]): LayerUse => ({ weight, first: weight, spread: 1 });
const answers = (...layers: readonly LayerUse[]): TaskUse => ({ answer: { tokens: 1, layers } });

/** Tokens of one number of experts, none of whose gates are all zero. */
const gatesOfTokens = fc.integer({ min: 2, max: 6 }).chain((experts) =>
  fc.array(
    fc.array(fc.integer({ min: 0, max: 8 }), { minLength: experts, maxLength: experts }).map((gates) => {
      const total = gates.reduce((sum, gate) => sum + gate, 0);
      return total === 0 ? gates.map(() => 1 / experts) : gates.map((gate) => gate / total);
    }),
    { minLength: 1, maxLength: 9 },
  ),
);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('the use of experts', () => {
  test('by hand', () => {
    const { weight, first, spread } = useOf([
      [1, 0],
      [0.5, 0.5],
      [0.25, 0.75],
    ]);
    expect(weight).toEqual([1.75 / 3, 1.25 / 3]);
    // The token that has both alike counts half for each.
    expect(first).toEqual([0.5, 0.5]);
    expect(spread).toBeCloseTo((0 + 1 + 0.8112781244591328) / 3, 12);
  });

  test('gates that do not add up to 1 are shares, and none at all is an even share', () => {
    expect(useOf([[3, 1]]).weight).toEqual([0.75, 0.25]);
    expect(useOf([[0, 0]])).toEqual({ weight: [0.5, 0.5], first: [0.5, 0.5], spread: 1 });
  });

  it('adds up to 1, and its spread is between 0 and 1', () => {
    fc.assert(
      fc.property(gatesOfTokens, (tokens) => {
        const { weight, first, spread } = useOf(tokens);
        expect(sum(weight)).toBeCloseTo(1, 9);
        expect(sum(first)).toBeCloseTo(1, 9);
        expect(spread).toBeGreaterThanOrEqual(0);
        expect(spread).toBeLessThanOrEqual(1 + 1e-12);
        // All tokens together are at least as even as one of them on average.
        expect(evenness(weight)).toBeGreaterThanOrEqual(spread - 1e-9);
      }),
    );
  });

  it('permutes with the experts, and does not depend on their order otherwise', () => {
    fc.assert(
      fc.property(gatesOfTokens, (tokens) => {
        const turn = <T>(values: readonly T[]) => [...values.slice(1), values[0] as T];
        const [plain, turned] = [useOf(tokens), useOf(tokens.map(turn))];
        for (const part of ['weight', 'first'] as const) {
          turn(plain[part]).forEach((share, expert) => {
            expect(turned[part][expert]).toBeCloseTo(share, 12);
          });
        }
        expect(turned.spread).toBeCloseTo(plain.spread, 12);
      }),
    );
  });
});

describe('how far two uses are apart', () => {
  test('by hand', () => {
    expect(divergence([1, 0], [0, 1])).toBe(1);
    expect(divergence([0.5, 0.5], [0.5, 0.5])).toBe(0);
    // ½·KL([1,0] ‖ [¾,¼]) + ½·KL([½,½] ‖ [¾,¼]) in bits.
    expect(divergence([1, 0], [0.5, 0.5])).toBeCloseTo(0.31127812445913283, 12);
    expect(moved([0.7, 0.3], [0.2, 0.8])).toBeCloseTo(0.5, 12);
  });

  it('is symmetric, 0 only for the same, and never above 1', () => {
    fc.assert(
      fc.property(gatesOfTokens, (tokens) => {
        const [p, q] = [tokens[0] as number[], tokens.at(-1) as number[]];
        for (const figure of [divergence, moved]) {
          expect(figure(p, q)).toBeCloseTo(figure(q, p), 12);
          expect(figure(p, q)).toBeGreaterThanOrEqual(0);
          expect(figure(p, q)).toBeLessThanOrEqual(1 + 1e-12);
          expect(figure(p, p)).toBeCloseTo(0, 12);
        }
        const apart = p.some((share, i) => Math.abs(share - (q[i] as number)) > 1e-6);
        expect(moved(p, q) > 1e-7).toBe(apart);
      }),
    );
  });

  test('experts are compared within their layer', () => {
    // The layers use experts the other way about; each task does it alike.
    const task = answers(layer(1, 0), layer(0, 1));
    expect(betweenUses(task, task, divergence)).toBe(0);
    expect(betweenUses(task, answers(layer(0, 1), layer(0, 1)), divergence)).toBe(0.5);
  });

  test('only kinds of token that both have count', () => {
    const pictured: TaskUse = { ...answers(layer(1, 0)), image: { tokens: 4, layers: [layer(0, 1)] } };
    expect(betweenUses(pictured, answers(layer(1, 0)), divergence)).toBe(0);
    expect(betweenUses(pictured, answers(layer(1, 0)), divergence, ['image'])).toBeUndefined();
    expect(overUses(pictured, ({ weight }) => weight[0] ?? 0)).toBe(0.5);
    expect(betweenTasks([pictured])).toBeUndefined();
    expect(betweenTasks([answers(layer(1, 0)), answers(layer(0, 1)), answers(layer(1, 0))])).toBeCloseTo(
      2 / 3,
    );
  });
});

test('an expert is dead that no task and no kind of token uses', () => {
  const low = (DEAD_BELOW / 2) * 0.9;
  const high = (DEAD_BELOW / 2) * 1.1;
  const quiet = answers(layer(1 - low, low), layer(1 - low, low));
  const awake: TaskUse = { question: { tokens: 1, layers: [layer(1 - low, low), layer(1 - high, high)] } };
  expect(deadExperts([quiet])).toEqual([
    { layer: 0, expert: 1 },
    { layer: 1, expert: 1 },
  ]);
  expect(deadExperts([quiet, awake])).toEqual([{ layer: 0, expert: 1 }]);
  expect(deadExperts([])).toEqual([]);
});

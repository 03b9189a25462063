// Life lines by hand, and as a property: every sample is counted once per stage.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lifeLine, transitionOf, transitions } from './lifelines.ts';

const line = (pattern: string, first = 0) =>
  lifeLine(
    [...pattern].map((mark) => mark === '1'),
    first,
  );

it.each([
  ['111', { learntAt: 2, forgottenAt: [], recoveredAt: [], fate: 'kept' }],
  ['001', { learntAt: 4, forgottenAt: [], recoveredAt: [], fate: 'kept' }],
  ['100', { learntAt: 2, forgottenAt: [3], recoveredAt: [], fate: 'forgotten' }],
  ['101', { learntAt: 2, forgottenAt: [3], recoveredAt: [4], fate: 'recovered' }],
  ['0101', { learntAt: 3, forgottenAt: [4], recoveredAt: [5], fate: 'recovered' }],
  ['10100', { learntAt: 2, forgottenAt: [3, 5], recoveredAt: [4], fate: 'forgotten' }],
  ['000', { forgottenAt: [], recoveredAt: [], fate: 'never' }],
  ['', { forgottenAt: [], recoveredAt: [], fate: 'never' }],
])('%s from stage 2 on', (pattern, expected) => {
  expect(line(pattern, 2)).toEqual(expected);
});

it('counts transitions per stage', () => {
  const lines = ['110', '101', '011', '000'].map((pattern) => [...pattern].map((mark) => mark === '1'));
  const none = { learnt: 0, kept: 0, recovered: 0, forgotten: 0, stillForgotten: 0, notLearnt: 0 };
  expect(transitions(lines, 5)).toEqual([
    { stage: 5, ...none, learnt: 2, notLearnt: 2 },
    { stage: 6, ...none, kept: 1, forgotten: 1, learnt: 1, notLearnt: 1 },
    { stage: 7, ...none, forgotten: 1, recovered: 1, kept: 1, notLearnt: 1 },
  ]);
  expect(transitionOf([true, false, false], 2)).toBe('stillForgotten');
  expect(transitions([], 0)).toEqual([]);
});

it('agrees between lines and counts, whatever happens', () => {
  const stages = 5;
  const sample = fc.array(fc.boolean(), { minLength: stages, maxLength: stages });
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1 }), (lines) => {
      const all = lines.map((right) => lifeLine(right, 0));
      for (const { stage, ...counts } of transitions(lines, 0)) {
        expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(lines.length);
        expect(counts.forgotten).toBe(all.filter(({ forgottenAt }) => forgottenAt.includes(stage)).length);
        expect(counts.recovered).toBe(all.filter(({ recoveredAt }) => recoveredAt.includes(stage)).length);
        expect(counts.learnt).toBe(all.filter(({ learntAt }) => learntAt === stage).length);
      }
    }),
  );
});

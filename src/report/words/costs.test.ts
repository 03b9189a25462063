// What methods take, as cells and words.
import { expect, it } from 'vitest';
import { costCells, costHeadings, unmatchedNote } from './costs.ts';

it('every figure has a cell, and one that was not recorded is a dash', () => {
  const whole = { ofBudget: 1.0914, memoryBytes: 12_345, inferenceParameters: 468_480, inferencePasses: 2 };
  expect(costCells({ ...whole, addedTokens: 0 })).toEqual(['109.1 %', '12.3 KB', '468,480', '2', '0']);
  expect(costCells({})).toEqual(costHeadings.map(() => '–'));
});

it('names who is not within 5 % of the budget, above and below', () => {
  const methods = [
    { label: 'A', ofBudget: 1.05 },
    { label: 'B', ofBudget: 1.051 },
    { label: 'C', ofBudget: 0.95 },
    { label: 'D', ofBudget: 0.9524 },
    { label: 'E' },
  ];
  expect(unmatchedNote(methods)).toMatch(/: B trains 105\.1 %, C trains 95\.0 %\. Memory is not matched\.$/);
  expect(unmatchedNote(methods.slice(0, 1))).toBe('');
});

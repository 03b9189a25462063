// FWT by hand.
import { expect, it } from 'vitest';
import { forwardTransfer } from './transfer.ts';

const tasks = ['a', 'b', 'c'];
const rows = [
  { after: 'a', scores: { a: 90, b: 30, c: 5 } },
  { after: 'b', scores: { a: 60, b: 80, c: 25 } },
  { after: 'c', scores: { a: 50, b: 70, c: 75 } },
];

it('is the mean change of each task but the first just before its own stage', () => {
  expect(forwardTransfer({ tasks, rows }, { a: 1, b: 10, c: 20 })).toEqual({
    cells: [
      { task: 'b', zeroShot: 10, before: 30, change: 20 },
      { task: 'c', zeroShot: 20, before: 25, change: 5 },
    ],
    fwt: 12.5,
  });
});

it('is nothing without the evaluations it needs', () => {
  const seen = rows.map(({ after, scores }, index) => ({
    after,
    scores: Object.fromEntries(Object.entries(scores).slice(0, index + 1)),
  }));
  expect(forwardTransfer({ tasks, rows: seen }, { b: 10, c: 20 })).toBeUndefined();
  expect(forwardTransfer({ tasks, rows }, { b: 10 })).toBeUndefined();
  expect(forwardTransfer({ tasks, rows: rows.slice(0, 1) }, { b: 10, c: 20 })).toBeUndefined();
  expect(forwardTransfer({ tasks: ['a'], rows: rows.slice(0, 1) }, { a: 1 })).toBeUndefined();
});

// What methods take, as columns and words; and that a new figure is a row of the table and nothing else.
import { expect, it } from 'vitest';
import { fakeResults } from '../../../test/support/fake-results.ts';
import {
  type CostTable,
  costFigures,
  foldCosts,
  type MethodRecords,
  readCosts,
} from '../../results/costs.ts';
import { renderReport } from '../page/html.ts';
import { renderTables } from '../terminal/terminal.ts';
import { costColumns, unmatchedNote } from './costs.ts';

const records: MethodRecords = {
  trainings: [
    { seconds: 60, trainableParameters: 1000, memoryBytes: 12, inferencePasses: 1, myFigure: 3 },
    { seconds: 61, trainableParameters: 1091, memoryBytes: 12_345, inferencePasses: 2, myFigure: 4 },
  ],
  evaluations: [{ seconds: 1.5 }, { seconds: 2.5 }],
  trains: true,
  budget: 1000,
};

it('reads every figure out of the journal, and leaves out what was not recorded', () => {
  expect(readCosts(records)).toEqual({
    trainableParameters: 1091,
    ofBudget: 1.091,
    memoryBytes: 12_345,
    inferencePasses: 2,
    trainingSeconds: 121,
    evaluationSeconds: 4,
  });
  expect(readCosts({ trainings: [], evaluations: [], trains: false })).toEqual({
    trainableParameters: 0,
    trainingSeconds: 0,
    evaluationSeconds: 0,
  });
  expect(readCosts({ trainings: [{}], evaluations: [], trains: true }).trainableParameters).toBeUndefined();
});

it('folds seeds: times are averaged, sizes are the largest', () => {
  const other = { ...readCosts(records), memoryBytes: 1, trainingSeconds: 119 };
  expect(foldCosts([readCosts(records), other])).toMatchObject({ memoryBytes: 12_345, trainingSeconds: 120 });
  expect(foldCosts([{}, { addedTokens: 3 }])).toEqual({ addedTokens: 3 });
});

it('has a column for every figure that any row has, and a dash where a row has none', () => {
  const rows = [readCosts(records), { addedTokens: 0 }];
  const columns = costColumns(rows);
  const written = columns.map(({ heading, cell }) => [heading, ...rows.map(cell)]);
  expect(written).toEqual([
    ['trainable', '1,091', '–'],
    ['of the budget', '109.1 %', '–'],
    ['memory kept', '12.3 KB', '–'],
    ['passes', '2', '–'],
    ['tokens added', '–', '0'],
    ['training', '2 min 01 s', '–'],
    ['evaluation', '4.0 s', '–'],
  ]);
});

it('takes a new figure as one row: read, folded and shown', () => {
  const table = {
    ...costFigures,
    myFigure: {
      heading: 'my figure',
      unit: 'bytes',
      read: ({ trainings }) => trainings.at(-1)?.myFigure,
      fold: (seeds) => Math.min(...seeds),
    },
  } satisfies CostTable;
  const costs = foldCosts([readCosts(records, table), { ...readCosts(records, table), myFigure: 9 }], table);
  expect(costs.myFigure).toBe(4);
  const column = costColumns([costs], table).at(-1);
  expect([column?.heading, column?.cell(costs)]).toEqual(['my figure', '4 B']);
});

it('shows every row of the table in the terminal and on the page', () => {
  const whole = Object.fromEntries(Object.keys(costFigures).map((name) => [name, 77]));
  const results = fakeResults();
  const filled = { ...results, methods: results.methods.map((method) => ({ ...method, ...whole })) };
  const [tables, page] = [renderTables(filled, { width: 400 }), renderReport(filled)];
  for (const { heading } of Object.values(costFigures)) {
    expect(tables).toContain(heading);
    expect(page.toLowerCase()).toContain(`<th scope="col" class="number">${heading}</th>`);
  }
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

// Derived figures against hand-computed ones, and the sentences they are put into.
import { describe, expect, test } from 'vitest';
import { fakeResults } from '../../../test/support/fake-results.ts';
import type { ModeResults } from '../../results/matrices.ts';
import { spread } from '../page/svg.ts';
import type { RunResults } from '../results.ts';
import {
  headline,
  methodFigures,
  mostForgotten,
  own,
  scoringDifferences,
  subline,
  unreadableByTask,
} from './figures.ts';

const results = fakeResults();

/** A run of one method over the tasks a, b, c with the given rows. */
function small(rows: readonly (readonly number[])[], tasks = ['a', 'b', 'c'], bwt = 0): RunResults {
  const matrix = {
    tasks,
    rows: rows.map((scores, stage) => ({
      after: tasks[stage] ?? '',
      scores: Object.fromEntries(scores.map((score, index) => [tasks[index] ?? '', score])),
    })),
  };
  const method = { matrix, maa: 50, bwt, finalAverage: 40, unreadable: [] };
  const mode: ModeResults = { zeroShot: {}, methods: rows.length === 0 ? {} : { m: method } };
  return {
    ...results,
    tasks,
    modes: { strict: mode, reference: mode },
    methods: [{ name: 'm', label: 'M', trainableParameters: 1, trainingSeconds: 1, evaluationSeconds: 1 }],
    examples: [],
  };
}

test('just trained is the diagonal, final the last row, change their difference', () => {
  const [method] = methodFigures(small([[80], [30, 60], [50, 20, 70]]), 'strict');
  expect(method?.tasks.map(({ justTrained, final, change }) => [justTrained, final, change])).toEqual([
    [80, 50, -30],
    [60, 20, -40],
    [70, 70, 0],
  ]);
  expect(method?.stages.map(({ mean }) => mean)).toEqual([80, 45, 140 / 3]);
  expect(method && mostForgotten(method)?.task).toBe('b');
});

test('a run with fewer rows than tasks has no figures for what was not learned', () => {
  const [method] = methodFigures(small([[80], [30, 60]]), 'strict');
  expect(method?.complete).toBe(false);
  expect(method?.tasks.map(({ justTrained, final }) => [justTrained, final])).toEqual([
    [80, 30],
    [60, 60],
    [undefined, undefined],
  ]);
});

test('scores on tasks not seen yet are forward transfer and not shown as the matrix', () => {
  const [method] = methodFigures(small([[80, 5, 6]]), 'strict');
  expect(method?.stages[0]?.scores).toEqual([80, undefined, undefined]);
  expect(method?.stages[0]?.mean).toBe(80);
});

test('tasks may have the names of object members', () => {
  const [method] = methodFigures(small([[80]], ['constructor', 'toString']), 'strict');
  expect(method?.tasks[1]).toMatchObject({ zeroShot: undefined, justTrained: undefined });
  expect(own<number>({}, 'constructor')).toBeUndefined();
});

describe('the headline', () => {
  test('names what was lost, per method', () => {
    expect(headline(results, 'strict')).toBe(
      'LoRA ends at 30.5 on average, 31.2 points below what it had just after learning each task; ' +
        'MoELoRA ends at 39.5, 23.7 points below what it had.',
    );
    expect(subline(results, 'strict')).toBe(
      'Most was lost on ImageNet: LoRA fell from 93.8 to 12.1, MoELoRA from 94.7 to 18.9.',
    );
  });

  test('follows the scoring', () => {
    expect(headline(results, 'reference')).toContain('LoRA ends at 31.0 on average, 30.9 points below');
  });

  test('of runs without a stage, with one, with a gain, with no change', () => {
    expect(headline(small([]), 'strict')).toBe(
      'Nothing has been learned yet: no stage of this run is finished.',
    );
    expect(headline(small([[40]]), 'strict')).toBe(
      'M stands at 40.0 on a. With one task learned, there is nothing to forget yet.',
    );
    expect(headline(small([[40], [45, 35]], ['a', 'b'], 2.5), 'strict')).toBe(
      'M ends at 40.0 on average, 2.5 points above what it had just after learning each task.',
    );
    expect(headline(small([[40], [40, 40]], ['a', 'b'], 0), 'strict')).toContain('level with what it had');
    expect(subline(small([[40], [45, 35]], ['a', 'b'], 2.5), 'strict')).toBe('');
  });

  test('of an unfinished run says how far it is', () => {
    expect(headline(fakeResults({ stages: [5, 0] }), 'strict')).toBe(
      'LoRA stands after 5 of 8 tasks at 41.4 on average, 26.9 points below what it had just after learning each task.',
    );
  });

  test('of many methods names the highest and the lowest only', () => {
    const lora = results.modes.strict.methods.lora;
    if (lora === undefined) throw new Error('the builder has lost its method');
    const extra = ['x', 'y', 'z'];
    const methods = Object.fromEntries(
      extra.map((name, index) => [name, { ...lora, finalAverage: 10 + index, bwt: -40 }]),
    );
    const many: RunResults = {
      ...results,
      modes: {
        ...results.modes,
        strict: { ...results.modes.strict, methods: { ...results.modes.strict.methods, ...methods } },
      },
      methods: [
        ...results.methods,
        ...extra.map((name) => ({
          name,
          label: name,
          trainableParameters: 1,
          trainingSeconds: 1,
          evaluationSeconds: 1,
        })),
      ],
    };
    expect(headline(many, 'strict')).toBe(
      'Of 5 methods, MoELoRA ends highest, at 39.5 on average, 23.7 points below what it had just after learning each ' +
        'task; x ends lowest, at 10.0, 40.0 points below what it had.',
    );
  });
});

test('scoring differences name method, stage and task, and leave equal cells out', () => {
  const differences = scoringDifferences(results);
  expect(new Set(differences.map(({ task }) => task))).toEqual(new Set(['ImageNet', 'Grounding']));
  expect(
    differences.find(
      ({ after, task, method }) => after === 'OCRVQA' && task === 'ImageNet' && method === 'lora',
    ),
  ).toMatchObject({ strict: 12.1, reference: expect.closeTo(16.3, 9) });
  expect(scoringDifferences(small([[80], [30, 60]]))).toEqual([]);
});

test('missing and unparseable are summed per task over the stages', () => {
  const [lora] = methodFigures(results, 'strict');
  expect(lora && unreadableByTask(lora)).toEqual([
    { task: 'ScienceQA', missing: 0, unparseable: 6 + 5 + 4 },
    { task: 'Grounding', missing: 1, unparseable: 3 + 64 + 64 },
  ]);
});

test('labels of curves keep their distance, their order and the limits', () => {
  const places = spread([50, 50, 51, 119], 12, 0, 120);
  const sorted = [...places].sort((first, second) => first - second);
  for (const [index, place] of sorted.entries()) {
    if (index > 0) expect(place - (sorted[index - 1] ?? 0)).toBeGreaterThanOrEqual(12 - 1e-9);
  }
  expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...places)).toBeLessThanOrEqual(120);
  expect(spread([10, 60], 12, 0, 120)).toEqual([10, 60]);
});

describe('a method that learnt nothing', () => {
  const rows = [[0], [0, 0], [0, 0, 0]];

  test('is said to have learnt nothing, never to be level', () => {
    const sentence = headline(small(rows), 'strict');
    expect(sentence).toBe(
      'M stands at 40.0: nothing was learnt, 0 % right just after training; its BWT says nothing.',
    );
    expect(headline(small([[20], [20, 30], [20, 30, 40]]), 'strict')).toContain('level with');
  });

  test('by what it could do before, or as it trains nothing', () => {
    const results = small([[20], [20, 30], [20, 30, 40]]);
    const known: ModeResults = { ...results.modes.strict, zeroShot: { a: 20, b: 31, c: 40 } };
    const before = { ...results, modes: { strict: known, reference: known } };
    expect(headline(before, 'strict')).toContain('no task is better just after training than before any');
    const untrained = { ...results, methods: results.methods.map((m) => ({ ...m, trainableParameters: 0 })) };
    expect(headline(untrained, 'strict')).toContain('it trains nothing');
    expect(headline(results, 'strict')).not.toContain('nothing was learnt');
  });
});

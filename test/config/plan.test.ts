// The order of a run's steps.

import { expect, it } from 'vitest';
import { builtIn } from '../../src/config/catalogue.ts';
import { matrixRows, planRun } from '../../src/config/plan.ts';

const evaluation = { zeroShot: true, unseen: false };

it('is zero-shot once, then method by method each stage and after it every task seen so far', () => {
  const steps = planRun({ tasks: ['GQA', 'VQAv2'], methods: ['lora', 'moelora'], evaluation }, builtIn);
  const stages = (method: string) => [
    `${method}/1-GQA/train`,
    `${method}/1-GQA/evaluate/GQA`,
    `${method}/2-VQAv2/train`,
    `${method}/2-VQAv2/evaluate/GQA`,
    `${method}/2-VQAv2/evaluate/VQAv2`,
  ];
  expect(steps.map(({ key }) => key)).toEqual([
    'zero-shot/GQA',
    'zero-shot/VQAv2',
    ...stages('lora'),
    ...stages('moelora'),
  ]);
});

it('trains on from the stage before of the same method, and evaluates with the stage at hand', () => {
  const steps = planRun(
    { tasks: ['GQA', 'VQAv2', 'OCRVQA'], methods: ['lora', 'moelora'], evaluation },
    builtIn,
  );
  const trained = steps.filter((step) => step.kind === 'train');
  expect(trained.map(({ previous }) => previous?.key)).toEqual([
    undefined,
    'lora/1-GQA/train',
    'lora/2-VQAv2/train',
    undefined,
    'moelora/1-GQA/train',
    'moelora/2-VQAv2/train',
  ]);
  for (const step of steps) {
    if (step.kind === 'train')
      expect(step.adapterFolder).toBe(`${step.method}/${step.stage}-${step.task}/adapter`);
    else if (step.trained !== undefined)
      expect(step.key.startsWith(step.trained.key.replace('train', ''))).toBe(true);
  }
});

it('has 8 + 2 (8 + 36) steps for eight tasks and two methods, and 88 without the zero-shot row', () => {
  const tasks = [
    'ScienceQA',
    'TextVQA',
    'ImageNet',
    'GQA',
    'VizWiz',
    'Grounding',
    'VQAv2',
    'OCRVQA',
  ] as const;
  expect(planRun({ tasks, methods: ['lora', 'moelora'], evaluation }, builtIn)).toHaveLength(96);
  const without = planRun(
    {
      tasks,
      methods: ['lora', 'moelora'],
      evaluation: { ...evaluation, zeroShot: false },
    },
    builtIn,
  );
  expect(without).toHaveLength(88);
});

it('trains a joint method once on all tasks, and shows its one model in every row', () => {
  const tasks = ['GQA', 'VQAv2'] as const;
  const steps = planRun(
    { tasks, methods: ['joint'], evaluation: { ...evaluation, zeroShot: false } },
    builtIn,
  );
  expect(steps.map(({ key }) => key)).toEqual([
    'joint/all/train',
    'joint/all/evaluate/GQA',
    'joint/all/evaluate/VQAv2',
  ]);
  expect(steps[0]).toMatchObject({ tasks, stage: 1 });
  const rows = matrixRows(builtIn.methods.get('joint'), steps, tasks);
  expect(rows.map((row) => row.map(({ key }) => key))).toEqual([
    ['joint/all/evaluate/GQA'],
    ['joint/all/evaluate/GQA', 'joint/all/evaluate/VQAv2'],
  ]);
});

it('evaluates an untrained method once, with the zero-shot row or without', () => {
  const tasks = ['GQA', 'VQAv2'] as const;
  for (const zeroShot of [true, false]) {
    const steps = planRun(
      { tasks, methods: ['zero-shot'], evaluation: { ...evaluation, zeroShot } },
      builtIn,
    );
    expect(steps.map(({ key }) => key)).toEqual(['zero-shot/GQA', 'zero-shot/VQAv2']);
    expect(matrixRows(builtIn.methods.get('zero-shot'), steps, tasks).map(({ length }) => length)).toEqual([
      1, 2,
    ]);
  }
});

it('takes the rows of a sequential method from its own stages', () => {
  const tasks = ['GQA', 'VQAv2'] as const;
  const steps = planRun({ tasks, methods: ['zero-shot', 'lora', 'moelora'], evaluation }, builtIn);
  expect(
    matrixRows(builtIn.methods.get('moelora'), steps, tasks)
      .flat()
      .map(({ key }) => key),
  ).toEqual(['moelora/1-GQA/evaluate/GQA', 'moelora/2-VQAv2/evaluate/GQA', 'moelora/2-VQAv2/evaluate/VQAv2']);
});

it('evaluates every task after every stage when unseen ones are asked for too', () => {
  const steps = planRun(
    {
      tasks: ['GQA', 'VQAv2', 'OCRVQA'],
      methods: ['lora'],
      evaluation: { zeroShot: false, unseen: true },
    },
    builtIn,
  );
  expect(steps.filter(({ kind }) => kind === 'evaluate')).toHaveLength(9);
  expect(steps[1]?.key).toBe('lora/1-GQA/evaluate/GQA');
  expect(steps[3]).toMatchObject({ task: 'OCRVQA', predictionFile: 'lora/1-GQA/predictions/OCRVQA.jsonl' });
});

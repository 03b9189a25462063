// `coin samples`: lists the samples behind a number, each with question, truth and the answer after every stage.
import { defineCommand } from 'citty';
import { fates } from '../../metrics/lifelines.ts';
import { printable } from '../../report/terminal/terminal-grid.ts';
import { Aspects } from '../../results/answers.ts';
import { errorLabels } from '../../results/attribution.ts';
import { wholeStages } from '../../results/matrices.ts';
import { type FoundSample, namedIn, querySamples } from '../../results/sample-query.ts';
import { openRun } from '../../runs/open.ts';
import { oneOf } from '../shell/arguments.ts';
import { wholeNumber } from '../shell/options.ts';

const stageOption = (what: string) =>
  ({
    type: 'string',
    valueHint: 'STAGE',
    description: `${what} the stage of this task, or of this number`,
  }) as const;

export const samples = defineCommand({
  args: {
    run: { type: 'positional', required: true, description: 'the folder of a run' },
    task: { type: 'string', required: true, valueHint: 'TASK', description: 'the task of the samples' },
    method: { type: 'string', valueHint: 'METHOD', description: 'of one method only' },
    'learnt-at': stageOption('right for the first time after'),
    'forgotten-at': stageOption('wrong after, and right before,'),
    'recovered-at': stageOption('right again after'),
    fate: { type: 'string', valueHint: 'FATE', description: fates.join(', ') },
    error: { type: 'string', valueHint: 'KIND', description: errorLabels.join(', ') },
    after: stageOption('the kind of error after, by default the last stage, else'),
    limit: { type: 'string', default: '20', valueHint: 'NUMBER', description: 'shown at most; 0 for all' },
    json: { type: 'boolean', description: 'print a line of JSON per sample, all of them' },
  },
  async run({ args }) {
    const run = await openRun(args.run);
    const { tasks, methods } = run.config;
    const task = (option: string, name: string) => namedIn(option, name, tasks, 'task');
    const stage = (option: 'learnt-at' | 'forgotten-at' | 'recovered-at' | 'after') => {
      const name = args[option];
      const numbered = /^\d+$/.test(name ?? '') ? tasks[Number(name) - 1] : undefined;
      return name === undefined ? undefined : (numbered ?? task(`--${option}`, name));
    };
    const aspects = new Aspects(run, wholeStages(run, run.done));
    const found = querySamples(aspects, tasks, {
      task: task('--task', args.task ?? ''),
      method: args.method === undefined ? undefined : namedIn('--method', args.method, methods, 'method'),
      learntAt: stage('learnt-at'),
      forgottenAt: stage('forgotten-at'),
      recoveredAt: stage('recovered-at'),
      fate: args.fate === undefined ? undefined : oneOf('--fate', args.fate, fates),
      error: args.error === undefined ? undefined : oneOf('--error', args.error, errorLabels),
      after: stage('after'),
    });
    const limit = wholeNumber('--limit', args.limit, 0);
    const shown = args.json || limit === 0 ? found : found.slice(0, limit);
    const write = args.json ? jsonOf : textOf(aspects.judge?.label ?? '');
    for (const sample of shown) process.stdout.write(`${write(sample, tasks)}\n`);
    const rest = found.length - shown.length;
    const count = `${found.length} ${found.length === 1 ? 'sample' : 'samples'}`;
    process.stderr.write(
      rest > 0 ? `${count}, ${rest} of them not shown (--limit 0 shows all)\n` : `${count}\n`,
    );
  },
});

function jsonOf({ method, history }: FoundSample, tasks: readonly string[]): string {
  const { sample, first, answers, line } = history;
  const stage = (index: number) => tasks[index];
  return JSON.stringify({
    id: sample.id,
    method,
    fate: line.fate,
    learntAt: line.learntAt === undefined ? null : stage(line.learntAt),
    forgottenAt: line.forgottenAt.map(stage),
    recoveredAt: line.recoveredAt.map(stage),
    image: sample.image ?? null,
    question: sample.text,
    truth: sample.answer,
    answers: answers.map(({ text, verdict, error, judgeScore }, index) => ({
      after: stage(first + index),
      text,
      verdict,
      error: error?.label ?? null,
      style: error?.style ?? null,
      judgeScore: judgeScore ?? null,
    })),
  });
}

const textOf = (judge: string) => (found: FoundSample, tasks: readonly string[]) => {
  const { method, history } = found;
  const { sample, first, answers, line } = history;
  const names = tasks.slice(first, first + answers.length);
  const width = Math.max(...names.map((name) => name.length));
  const lines = answers.map(({ text, verdict, error, judgeScore }, index) => {
    const kind = error === undefined ? verdict : [error.label, error.style].filter(Boolean).join(': ');
    const judged = judgeScore === undefined ? '' : `, ${printable(judge)} ${judgeScore}`;
    return `  after ${printable(names[index] ?? '').padEnd(width)}  ${printable(text.trim()) || '(nothing)'}  [${kind}${judged}]`;
  });
  return [
    `${printable(sample.id)}  ${method}  ${line.fate}${sample.image === undefined ? '' : `  ${printable(sample.image)}`}`,
    ...sample.text.split('\n').map((text) => `  ${printable(text)}`),
    `  truth ${printable(sample.answer)}`,
    ...lines,
    '',
  ].join('\n');
};

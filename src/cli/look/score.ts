// `coin score`: scores a file of predictions, from whatever system, against a data set's annotations.
import { once } from 'node:events';
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { painter, useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderGrid } from '../../report/terminal/terminal-grid.ts';
import { formatCount, formatScore } from '../../report/words/numbers.ts';
import { type CoinTask, coinTasks, tasks } from '../../tasks/index.ts';
import { streamPredictions } from '../../tasks/prediction-file.ts';
import {
  type SampleScore,
  type ScoredModel,
  type ScoringMode,
  scoredModels,
  type TaskScore,
} from '../../tasks/task.ts';
import { oneOf } from '../shell/arguments.ts';

const modes = ['reference', 'strict'] as const satisfies readonly ScoringMode[];

const definitions = {
  task: { type: 'string', required: true, valueHint: 'TASK', description: coinTasks.join(', ') },
  predictions: {
    type: 'string',
    required: true,
    valueHint: 'FILE',
    description: 'JSONL: a line {"question_id", "text"} per answer',
  },
  annotations: {
    type: 'string',
    required: true,
    valueHint: 'PATH',
    description:
      "what the reference scorer reads: CoIN's test.json or val.json, TextVQA_0.5.1_val.json, testdev_balanced_questions.json, or the folder that holds it; ScienceQA: the folder of problems.json and pid_splits.json",
  },
  mode: {
    type: 'string',
    valueHint: 'MODE',
    description: 'reference or strict; by default both are shown, and --json prints reference',
  },
  model: {
    type: 'string',
    default: 'llava',
    valueHint: 'MODEL',
    description: `whose answers they are, as the reference reads them: ${scoredModels.join(', ')}`,
  },
  json: { type: 'boolean', description: 'print JSON, with the score of every sample' },
} as const;

export const score = defineCommand({
  args: definitions,
  async run({ args }) {
    const task = oneOf('--task', args.task, coinTasks);
    const model = oneOf('--model', args.model, scoredModels);
    const mode = args.mode === undefined ? undefined : oneOf('--mode', args.mode, modes);
    const samples = tasks[task].readAnnotations(args.annotations);
    const scored = (wanted: ScoringMode) =>
      tasks[task].score(wanted, samples, streamPredictions(args.predictions), model);
    if (args.json === true) {
      const result = scored(mode ?? 'reference');
      checkIds(result, args.predictions, args.annotations);
      await printJson(task, result);
      return;
    }
    const results = (mode === undefined ? modes : [mode]).map(scored);
    for (const result of results.slice(0, 1)) checkIds(result, args.predictions, args.annotations);
    process.stdout.write(`${summary(task, model, results)}\n`);
  },
});

/** Predictions that belong to other data are a mistake; a few unknown ids are said and left out. */
function checkIds({ extra, missing, expected }: TaskScore, predictions: string, annotations: string): void {
  if (extra > 0 && missing === expected) {
    throw new UserError({
      file: predictions,
      field: 'question_id',
      message: `none of the ids is in ${annotations}`,
      hint: 'the predictions are of other data, or of another task',
    });
  }
  if (extra > 0) {
    const ids =
      extra === 1
        ? '1 id that the annotations do not have is'
        : `${formatCount(extra)} ids that the annotations do not have are`;
    process.stderr.write(`${ids} left out.\n`);
  }
}

/** How many samples the answers were read for; the reference takes the missing ones of ScienceQA for answers. */
function scoredSamples({ mode, denominator, missing }: TaskScore): number {
  return mode === 'reference' ? denominator : denominator - missing;
}

/** In pieces, so that a million samples need no string that holds them all. */
async function printJson(task: CoinTask, result: TaskScore): Promise<void> {
  const { mode, accuracy, correct, expected, missing, duplicate, unparseable, samples } = result;
  const head = {
    task,
    mode,
    accuracy,
    correct,
    samples: scoredSamples(result),
    expected,
    missing,
    duplicate,
    unparseable,
  };
  await write(`${JSON.stringify(head).slice(0, -1)},"perSample":[`);
  const piece = 10_000;
  for (let start = 0; start < samples.length; start += piece) {
    const rows = samples.slice(start, start + piece).map(sampleJson);
    await write(`${start === 0 ? '' : ','}${rows.join(',')}`);
  }
  await write(']}\n');
}

function sampleJson({ id, score, parsed }: SampleScore): string {
  return JSON.stringify({ id, score, parsed });
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

function summary(task: CoinTask, model: ScoredModel, results: readonly TaskScore[]): string {
  const color = useColor(process.stdout);
  const paint = painter(color);
  const rows = results.map((result) => [
    { text: result.mode },
    { text: formatScore(result.accuracy), style: 'bold' as const },
    { text: formatSum(result.correct) },
    { text: formatCount(scoredSamples(result)) },
    { text: formatCount(result.expected) },
    { text: formatCount(result.missing) },
    { text: formatCount(result.duplicate) },
    { text: formatCount(result.unparseable) },
  ]);
  const headings = [
    'scoring',
    'accuracy %',
    'correct',
    'scored',
    'expected',
    'missing',
    'duplicate',
    'unparseable',
  ];
  const grid = renderGrid(
    headings.map((heading, index) => ({ heading, align: index === 0 ? 'left' : 'right' })),
    rows,
    { width: widthOf(process.stdout), color },
  );
  const answers = model === 'llava' ? '' : `, answers of ${model}`;
  const meaning = {
    reference: 'reference  as CoIN computes it, quirks included: comparable with published figures',
    strict: "strict     the data set's own rule, over every expected sample",
  };
  return [
    paint('bold', `${task}: ${tasks[task].summary}${answers}`),
    ...grid,
    ...results.map(({ mode }) => paint('dim', meaning[mode])),
  ].join('\n');
}

/** Soft scores add up to a fraction. */
function formatSum(sum: number): string {
  return Math.abs(sum - Math.round(sum)) < 1e-6 ? formatCount(sum) : sum.toFixed(1);
}

// `coin what-if`: models that a run never trained, out of its saved stages, and what they answer.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import type { MethodName } from '../../config/schema.ts';
import type { WhatIfResults } from '../../followups/what-if.ts';
import { whatIf as ask, trainedSteps } from '../../followups/what-if.ts';
import {
  averaged,
  interpolated,
  nameOf,
  requireMixable,
  requireStages,
  rolledBack,
  type WhatIfModel,
  whyNotMixable,
} from '../../followups/what-if-models.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { type GridCell, renderGrid, style, wrap } from '../../report/terminal/terminal-grid.ts';
import { absent, formatScore } from '../../report/words/numbers.ts';
import { modelInWords } from '../../report/words/what-if-words.ts';
import type { OpenedRun } from '../../runs/open.ts';
import { type ScoringMode, scoringModes } from '../../tasks/task.ts';
import { oneOf } from '../shell/arguments.ts';
import { askRun } from './ask-run.ts';

const definitions = {
  run: { type: 'positional', required: true, description: 'the folder of a run' },
  method: { type: 'string', valueHint: 'A,B', description: 'only these; by default all that can be asked' },
  interpolate: {
    type: 'string',
    valueHint: 'A,B',
    description: 'between two stages; base is the model before any training',
  },
  weights: {
    type: 'string',
    default: '0,0.25,0.5,0.75,1',
    valueHint: 'LIST',
    description: 'of the second one, 0 to 1 each',
  },
  average: { type: 'string', valueHint: 'A,B,C', description: 'the mean of some stages, or of all' },
  rollback: {
    type: 'string',
    valueHint: 'A,B',
    description: 'stages as they are, or all: asked about the tasks after them too',
  },
  mode: { type: 'string', default: 'strict', valueHint: 'MODE', description: 'strict or reference' },
  json: { type: 'boolean', description: 'print JSON' },
} as const;

interface Asked {
  readonly method?: string | undefined;
  readonly interpolate?: string | undefined;
  readonly weights: string;
  readonly average?: string | undefined;
  readonly rollback?: string | undefined;
}

export const whatIf = defineCommand({
  args: definitions,
  async run({ args }) {
    const mode = oneOf('--mode', args.mode, scoringModes);
    let asked: readonly WhatIfModel[] = [];
    const results = await askRun(args.run, 'batch', (signal) =>
      ask({
        folder: args.run,
        models: (run) => {
          asked = modelsOf(run, args);
          return asked;
        },
        signal,
        onPlan: (left, there) =>
          process.stderr.write(
            `${asked.length} models on every task trained: evaluations to do ${left}, there ${there}\n`,
          ),
        onCell: ({ method, parts }, task) =>
          process.stderr.write(`${method}/${nameOf(parts)}: ${task} answered\n`),
      }),
    );
    const own = shown(results.whatIf, asked);
    process.stdout.write(
      args.json ? `${JSON.stringify(own)}\n` : `${textOf(own, results.tasks, mode).join('\n')}\n`,
    );
  },
});

/** What the options ask for; without any, the way from the base model to the last stage, and the mean of all stages. */
function modelsOf(run: OpenedRun, asked: Asked): readonly WhatIfModel[] {
  const { interpolate, average, rollback } = asked;
  const isOpen = interpolate === undefined && average === undefined && rollback === undefined;
  const mixes = isOpen || interpolate !== undefined || average !== undefined;
  const names = methodsOf(run, asked.method, mixes);
  const weights = weightsOf(asked.weights);
  return names.flatMap((method) => {
    const known = run.catalogue.methods.get(method);
    const trained = trainedSteps(run, method).length;
    if (trained === 0) throw new UserError(`${known.label} has no trained stage yet`);
    const all = Array.from({ length: trained }, (_, index) => index + 1);
    const stages = (option: string, text: string) => stagesOf(option, text, all);
    const models: WhatIfModel[] = [];
    if (mixes) requireMixable(run.config, known);
    if (isOpen) models.push(...interpolated(method, [0, trained], weights));
    if (isOpen && trained > 1) models.push(averaged(method, all));
    if (interpolate !== undefined) {
      const [first, second, ...more] = stages('--interpolate', interpolate);
      if (first === undefined || second === undefined || more.length > 0 || first === second)
        throw new UserError(
          `--interpolate: expected two stages, such as 3,8 or base,8, found "${interpolate}"`,
        );
      models.push(...interpolated(method, [first, second], weights));
    }
    if (average !== undefined) models.push(averaged(method, stages('--average', average)));
    if (rollback !== undefined)
      models.push(...stages('--rollback', rollback).map((stage) => rolledBack(method, stage)));
    // The real thing to compare with.
    models.push(rolledBack(method, trained));
    requireStages(
      known,
      trained,
      models.flatMap(({ parts }) => parts.map(({ stage }) => stage)),
    );
    return [...new Map(models.map((model) => [nameOf(model.parts), model])).values()];
  });
}

function methodsOf(
  { config, catalogue }: OpenedRun,
  given: string | undefined,
  mixes: boolean,
): readonly MethodName[] {
  if (given === undefined) {
    const possible = config.methods.filter((name) => {
      const method = catalogue.methods.get(name);
      return mixes ? whyNotMixable(config, method) === undefined : method.stream.trains;
    });
    if (possible.length > 0) return possible;
    throw new UserError({
      message: 'no method of this run has stages that can be mixed',
      hint: '--rollback all asks stages as they are, of every method that trains',
    });
  }
  return given.split(',').map((name) => oneOf('--method', name.trim(), config.methods));
}

function stagesOf(option: string, text: string, all: readonly number[]): readonly number[] {
  if (text.trim() === 'all') return all;
  return text.split(',').map((part) => {
    const name = part.trim();
    if (name === 'base') return 0;
    if (!/^\d{1,4}$/.test(name))
      throw new UserError(`${option}: expected numbers of stages, base or all, found "${name}"`);
    return Number(name);
  });
}

function weightsOf(text: string): readonly number[] {
  return text.split(',').map((part) => {
    const weight = /^\s*(\d+(\.\d+)?|\.\d+)\s*$/.test(part) ? Number(part) : Number.NaN;
    if (!(weight >= 0 && weight <= 1))
      throw new UserError(`--weights: expected numbers from 0 to 1, found "${part.trim()}"`);
    return weight;
  });
}

/** What was asked now, in that order, of everything that was ever asked. */
function shown(results: WhatIfResults | undefined, asked: readonly WhatIfModel[]): WhatIfResults {
  const keyOf = (method: string, parts: WhatIfModel['parts']) => `${method}/${nameOf(parts)}`;
  const rows = new Map((results?.rows ?? []).map((row) => [keyOf(row.method, row.parts), row]));
  return { rows: asked.flatMap(({ method, parts }) => rows.get(keyOf(method, parts)) ?? []) };
}

function textOf({ rows }: WhatIfResults, tasks: readonly string[], mode: ScoringMode): readonly string[] {
  const options = { width: widthOf(process.stdout), color: useColor(process.stdout) };
  const cells = rows.map((row): readonly GridCell[] => {
    const { scores, average } = row.modes[mode];
    const emphasis = row.isTrained ? { style: 'bold' as const } : {};
    return [
      { text: `${row.label}, ${modelInWords(row)}`, ...emphasis },
      { text: formatScore(average), ...emphasis },
      ...tasks.map((task) => {
        const score = scores[task];
        return score === undefined ? { text: absent } : { text: formatScore(score), level: score / 100 };
      }),
    ];
  });
  return [
    style(
      `Models that were never trained, from saved stages (${mode} scoring, percent)`,
      'bold',
      options.color,
    ),
    ...renderGrid(
      ['model', 'ACC', ...tasks].map((heading, index) => ({
        heading,
        align: index === 0 ? 'left' : 'right',
      })),
      cells,
      options,
    ),
    ...wrap(
      'Weights are of the updates and of the projector. Answers: what-if/ in the folder of the run.',
      options.width,
    ),
  ];
}

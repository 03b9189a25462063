// `coin compare`: is B better than A? Methods of a run, of its seeds, or of runs that differ in more, or files of
// predictions of one task; with intervals and in plain words.
import { statSync } from 'node:fs';
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderComparison, renderPredictionComparison } from '../../report/terminal/terminal-compare.ts';
import { comparePredictions } from '../../results/compare-predictions.ts';
import { compareRuns } from '../../results/comparison.ts';
import { coinTasks, tasks } from '../../tasks/index.ts';
import { scoringModes } from '../../tasks/task.ts';
import { oneOf } from '../shell/arguments.ts';
import { wholeNumber } from '../shell/options.ts';

export const compare = defineCommand({
  args: {
    'run...': {
      type: 'positional',
      required: true,
      description: 'folders of runs (A, then B), or files of predictions with --task and --annotations',
    },
    methods: { type: 'string', valueHint: 'A,B', description: 'only these; by default all that have begun' },
    task: { type: 'string', valueHint: 'TASK', description: 'of files of predictions' },
    annotations: {
      type: 'string',
      valueHint: 'PATH',
      description: 'of files of predictions, as in coin score',
    },
    mode: { type: 'string', default: 'strict', valueHint: 'MODE', description: 'strict or reference' },
    resamples: { type: 'string', default: '2000', valueHint: 'NUMBER', description: 'bootstrap draws' },
    seed: { type: 'string', default: '0', valueHint: 'NUMBER', description: 'of the draws' },
    cells: { type: 'boolean', description: 'show every cell of the matrix too' },
    json: { type: 'boolean', description: 'print JSON, every cell included' },
  },
  async run({ args }) {
    const mode = oneOf('--mode', args.mode, scoringModes);
    const resamples = wholeNumber('--resamples', args.resamples);
    const seed = wholeNumber('--seed', args.seed, 0);
    const screen = { width: widthOf(process.stdout), color: useColor(process.stdout) };
    const write = <Result>(result: Result, draw: (result: Result) => string) =>
      process.stdout.write(`${args.json === true ? JSON.stringify(result, undefined, 2) : draw(result)}\n`);
    if (args._.some((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)) {
      const { task, annotations } = args;
      if (task === undefined || annotations === undefined) {
        throw new UserError('files of predictions are compared with --task TASK and --annotations PATH');
      }
      const name = oneOf('--task', task, coinTasks);
      const result = comparePredictions({
        files: args._,
        task: tasks[name],
        annotations,
        mode,
        resamples,
        seed,
      });
      write(result, (each) => renderPredictionComparison(each, screen));
      return;
    }
    const methods = args.methods?.split(',').map((name) => name.trim());
    const result = await compareRuns({ folders: args._, methods, mode, resamples, seed });
    write(result, (each) => renderComparison(each, { ...screen, cells: args.cells ?? false }));
  },
});

// `coin observe`: how the mixtures of a run use their experts, read off saved stages; goes into the report.
import { defineCommand } from 'citty';
import { observeRun } from '../../followups/observatory.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderRouting } from '../../report/terminal/terminal-routing.ts';
import { wholeNumber } from '../shell/options.ts';
import { askRun } from './ask-run.ts';

export const observe = defineCommand({
  args: {
    run: { type: 'positional', required: true, description: 'the folder of a run' },
    samples: {
      type: 'string',
      default: '16',
      valueHint: 'NUMBER',
      description: 'test questions read of each task, at most',
    },
    seed: { type: 'string', default: '0', valueHint: 'NUMBER', description: 'which questions are drawn' },
    json: { type: 'boolean', description: 'print JSON' },
  },
  async run({ args }) {
    const results = await askRun(args.run, 'question', (signal) =>
      observeRun({
        folder: args.run,
        samples: wholeNumber('--samples', args.samples),
        seed: wholeNumber('--seed', args.seed, 0),
        signal,
        onStage: ({ key }) => process.stderr.write(`${key.replace(/\/train$/, '')}: looked at\n`),
      }),
    );
    const options = { width: widthOf(process.stdout), color: useColor(process.stdout) };
    const text = args.json ? JSON.stringify(results.routing ?? {}) : renderRouting(results, options);
    process.stdout.write(`${text}\n`);
  },
});

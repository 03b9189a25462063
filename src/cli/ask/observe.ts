// `coin observe`: how the mixtures of a run use their experts, read off saved stages; goes into the report.
import { defineCommand } from 'citty';
import { locateModel } from '../../config/sources.ts';
import { observeRun } from '../../followups/observatory.ts';
import { computeResults } from '../../report/results.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderRouting } from '../../report/terminal/terminal-routing.ts';
import { RunInterrupted } from '../../runs/interrupted.ts';
import { listenForInterruption } from '../shell/interruption.ts';
import { wholeNumber } from '../shell/options.ts';
import { writeResults } from '../shell/write-results.ts';

export const observe = defineCommand({
  meta: { name: 'observe', description: 'Look at how the experts of mixtures are used' },
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
    const interruption = listenForInterruption(() => process.stderr.write('Stopping after this question.\n'));
    try {
      await observeRun({
        folder: args.run,
        samples: wholeNumber('--samples', args.samples),
        seed: wholeNumber('--seed', args.seed, 0),
        signal: interruption.signal,
        openEngine: async ({ config }) => {
          const { openEngine } = await import('../../engine/engine.ts');
          return openEngine({ config, modelFolder: locateModel(config) });
        },
        onStage: ({ key }) => process.stderr.write(`${key.replace(/\/train$/, '')}: looked at\n`),
      });
    } catch (error) {
      if (!interruption.signal.aborted) throw error;
      process.stderr.write(
        'Stopped. The stages that were looked at are kept; the same command goes on from there.\n',
      );
      throw new RunInterrupted(0);
    } finally {
      interruption.stop();
    }
    const results = await computeResults(args.run);
    await writeResults(args.run, results);
    const options = { width: widthOf(process.stdout), color: useColor(process.stdout) };
    const text = args.json ? JSON.stringify(results.routing ?? {}) : renderRouting(results, options);
    process.stdout.write(`${text}\n`);
  },
});

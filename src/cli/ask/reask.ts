// `coin reask`: asks a run's forgotten samples again with a reminder of the format, and says how many come back.
import { defineCommand } from 'citty';
import { locateModel } from '../../config/sources.ts';
import type { ReaskResults } from '../../followups/reask.ts';
import { reask as askAgain } from '../../followups/reask.ts';
import { computeResults } from '../../report/results.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderGrid, style, wrap } from '../../report/terminal/terminal-grid.ts';
import { RunInterrupted } from '../../runs/interrupted.ts';
import { listenForInterruption } from '../shell/interruption.ts';
import { writeResults } from '../shell/write-results.ts';

export const reask = defineCommand({
  meta: { name: 'reask', description: 'Ask forgotten samples again with a reminder of the format' },
  args: {
    run: { type: 'positional', required: true, description: 'the folder of a run' },
    reminder: {
      type: 'string',
      valueHint: 'TEXT',
      description: "added to every question; by default the task's own",
    },
    'every-stage': { type: 'boolean', description: 'after every stage, not only after the last' },
    json: { type: 'boolean', description: 'print JSON' },
  },
  async run({ args }) {
    const interruption = listenForInterruption(() => process.stderr.write('Stopping after this batch.\n'));
    try {
      await askAgain({
        folder: args.run,
        everyStage: args['every-stage'] === true,
        signal: interruption.signal,
        openEngine: async ({ config }) => {
          const { openEngine } = await import('../../engine/engine.ts');
          return openEngine({ config, modelFolder: locateModel(config) });
        },
        onCell: ({ key }, asked) => process.stderr.write(`${key}: ${asked} asked again\n`),
        reminder: args.reminder,
      });
    } catch (error) {
      if (!interruption.signal.aborted) throw error;
      process.stderr.write('Stopped. What was asked is kept; the same command goes on from there.\n');
      throw new RunInterrupted(0);
    } finally {
      interruption.stop();
    }
    const results = await computeResults(args.run);
    await writeResults(args.run, results);
    const reasked = results.reask ?? { cells: [] };
    process.stdout.write(args.json ? `${JSON.stringify(reasked)}\n` : textOf(reasked));
  },
});

function textOf({ cells }: ReaskResults): string {
  const options = { width: widthOf(process.stdout), color: useColor(process.stdout) };
  if (cells.length === 0) return 'Nothing was forgotten.\n';
  const share = (back: number, asked: number) =>
    asked === 0 ? '' : `${((100 * back) / asked).toFixed(0)} %`;
  const rows = cells.map(({ method, after, task, asked, back }) =>
    [method, after, task, String(asked), String(back), share(back, asked)].map((text) => ({ text })),
  );
  const [asked, back] = [
    cells.reduce((sum, cell) => sum + cell.asked, 0),
    cells.reduce((sum, cell) => sum + cell.back, 0),
  ];
  const lines = [
    style('Forgotten samples asked again with a reminder of the format', 'bold', options.color),
    ...renderGrid(
      ['method', 'after', 'task', 'forgotten', 'right again', ''].map((heading, index) => ({
        heading,
        align: index < 3 ? 'left' : 'right',
      })),
      rows,
      options,
    ),
    ...wrap(
      `${back} of ${asked} forgotten samples are right when the format is asked for once more.`,
      options.width,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

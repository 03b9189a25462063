// `coin reask`: asks a run's forgotten samples again with a reminder of the format, and says how many come back.
import { defineCommand } from 'citty';
import type { ReaskResults } from '../../followups/reask.ts';
import { reask as askAgain } from '../../followups/reask.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderGrid, style, wrap } from '../../report/terminal/terminal-grid.ts';
import { askRun } from './ask-run.ts';

export const reask = defineCommand({
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
    const results = await askRun(args.run, 'batch', (signal) =>
      askAgain({
        folder: args.run,
        everyStage: args['every-stage'] === true,
        reminder: args.reminder,
        signal,
        onCell: ({ key }, asked) => process.stderr.write(`${key}: ${asked} asked again\n`),
      }),
    );
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

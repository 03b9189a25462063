// `coin report`: writes a run's report.html again from its predictions; beside a published row, shows both.
import { defineCommand } from 'citty';
import { writeFileAtomic } from '../../formats/files/files.ts';
import { computeResults } from '../../report/compute.ts';
import { renderReport } from '../../report/page/html.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderBeside } from '../../report/terminal/terminal-beside.ts';
import { runFiles } from '../../runs/run-folder.ts';
import { besideRow, publishedRow } from '../../streams/coin/published.ts';
import { wholeNumber } from '../shell/options.ts';

export const report = defineCommand({
  args: {
    run: { type: 'positional', required: true, description: 'the folder of a run' },
    samples: {
      type: 'string',
      default: '1',
      valueHint: 'NUMBER',
      description: 'samples shown per task and fate: forgotten, recovered, kept, never learnt',
    },
    beside: {
      type: 'string',
      valueHint: 'NAME',
      description: 'show it beside a published row (coin metrics --published lists them)',
    },
  },
  async run({ args }) {
    // Before the run is read: a name that is mistyped is said at once.
    const beside = args.beside === undefined ? undefined : besideRow(publishedRow(args.beside));
    const samplesPerFate = wholeNumber('--samples', args.samples);
    const file = runFiles.report(args.run);
    const results = await computeResults(args.run, { samplesPerFate });
    const shown = beside === undefined ? results : { ...results, beside };
    writeFileAtomic(file, renderReport(shown));
    if (beside !== undefined) {
      const options = { width: widthOf(process.stdout), color: useColor(process.stdout) };
      process.stdout.write(`${renderBeside(shown, options)}\n\n`);
    }
    process.stdout.write(`${file}\n`);
  },
});

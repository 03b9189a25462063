// `coin report`: writes a run's report.html again from its predictions; beside a published row, shows both.
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { makeFolder, writeFileAtomic } from '../../formats/files/files.ts';
import { computeResults } from '../../report/compute.ts';
import { exportFigures, toPng } from '../../report/export/figures.ts';
import { exportTables, toCsv, toLatex } from '../../report/export/tables.ts';
import { renderReport } from '../../report/page/html.ts';
import type { RunResults } from '../../report/results.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderBeside } from '../../report/terminal/terminal-beside.ts';
import { runFiles } from '../../runs/run-folder.ts';
import { besideRow, publishedRow } from '../../streams/coin/published.ts';
import { oneOf } from '../shell/arguments.ts';
import { wholeNumber } from '../shell/options.ts';

const tableFormats = ['csv', 'latex'] as const;
const figureFormats = ['svg', 'png'] as const;

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
    tables: { type: 'string', valueHint: 'FORMAT', description: 'write the tables too: csv or latex' },
    figures: { type: 'string', valueHint: 'FORMAT', description: 'write the figures too: svg or png' },
  },
  async run({ args }) {
    // Before the run is read: a name that is mistyped is said at once.
    const beside = args.beside === undefined ? undefined : besideRow(publishedRow(args.beside));
    const tables = args.tables === undefined ? undefined : oneOf('--tables', args.tables, tableFormats);
    const figures = args.figures === undefined ? undefined : oneOf('--figures', args.figures, figureFormats);
    const samplesPerFate = wholeNumber('--samples', args.samples);
    const file = runFiles.report(args.run);
    const results = await computeResults(args.run, { samplesPerFate });
    const shown = beside === undefined ? results : { ...results, beside };
    writeFileAtomic(file, renderReport(shown));
    if (beside !== undefined) {
      const options = { width: widthOf(process.stdout), color: useColor(process.stdout) };
      process.stdout.write(`${renderBeside(shown, options)}\n\n`);
    }
    const written = [
      file,
      ...(tables === undefined ? [] : writeTables(args.run, results, tables)),
      ...(figures === undefined ? [] : await writeFigures(args.run, results, figures)),
    ];
    process.stdout.write(`${written.join('\n')}\n`);
  },
});

/** Into `tables/` of the run; the paths of the files. */
function writeTables(
  run: string,
  results: RunResults,
  format: (typeof tableFormats)[number],
): readonly string[] {
  const folder = join(run, 'tables');
  makeFolder(folder);
  const [ending, write] = format === 'csv' ? (['csv', toCsv] as const) : (['tex', toLatex] as const);
  return exportTables(results).map((table) => {
    const file = join(folder, `${table.name}.${ending}`);
    writeFileAtomic(file, write(table));
    return file;
  });
}

/** Into `figures/` of the run; the paths of the files. */
async function writeFigures(
  run: string,
  results: RunResults,
  format: (typeof figureFormats)[number],
): Promise<readonly string[]> {
  const folder = join(run, 'figures');
  makeFolder(folder);
  const files: string[] = [];
  for (const { name, svg } of exportFigures(results)) {
    const file = join(folder, `${name}.${format}`);
    writeFileAtomic(file, format === 'svg' ? svg : await toPng(svg));
    files.push(file);
  }
  return files;
}

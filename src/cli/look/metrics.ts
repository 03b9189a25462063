// `coin metrics`: recomputes every figure of a run from its predictions, or sums up an accuracy matrix.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { readJson } from '../../formats/records/json.ts';
import { formatPercent, summarise, validateMatrix } from '../../metrics/summary.ts';
import { computeResults, metricsAgree, metricsOf } from '../../report/compute.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderTables } from '../../report/terminal/terminal.ts';

export const metrics = defineCommand({
  args: {
    run: {
      type: 'positional',
      required: false,
      description: 'the folder of a run; with --published, the name of a published row',
    },
    matrix: {
      type: 'string',
      valueHint: 'FILE',
      description: 'JSON: {"tasks": [...], "rows": [{"after": ..., "scores": {...}}]}',
    },
    published: {
      type: 'boolean',
      description: "the authors' own results: all rows, or the one that is named",
    },
    json: { type: 'boolean', description: 'print JSON' },
  },
  async run({ args }) {
    if (args.published === true) {
      if (args.matrix !== undefined) throw new UserError('expected either --published or --matrix FILE');
      const { showPublished } = await import('./published.ts');
      showPublished(args.run, args.json === true);
      return;
    }
    if ((args.run === undefined) === (args.matrix === undefined)) {
      throw new UserError('expected either the folder of a run or --matrix FILE');
    }
    if (args.matrix !== undefined) showMatrix(args.matrix, args.json === true);
    else if (args.run !== undefined) await showRun(args.run, args.json === true);
  },
});

function showMatrix(file: string, json: boolean): void {
  const { maa, bwt, finalAverage } = summarise(validateMatrix(readJson(file), file));
  const text = json
    ? JSON.stringify({ maa, bwt, finalAverage })
    : `MAA ${formatPercent(maa)}  BWT ${formatPercent(bwt)}  ACC ${formatPercent(finalAverage)}`;
  process.stdout.write(`${text}\n`);
}

async function showRun(folder: string, json: boolean): Promise<void> {
  const results = await computeResults(folder);
  const text = json
    ? JSON.stringify(metricsOf(results), undefined, 2)
    : renderTables(results, { width: widthOf(process.stdout), color: useColor(process.stdout) }).trimEnd();
  process.stdout.write(`${text}\n`);
  const said = {
    yes: 'metrics.json says the same.',
    no: 'metrics.json says something else: predictions, test data or metrics.json changed since it was written.',
    none: 'There is no metrics.json yet: the run has not been finished.',
  };
  const agree = metricsAgree(folder, results);
  process.stderr.write(`${agree === undefined ? said.none : agree ? said.yes : said.no}\n`);
}

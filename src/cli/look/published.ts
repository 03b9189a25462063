// What `coin metrics --published` shows: the list of the authors' rows, or one of them with what follows from it.
import { type PublishedRow, publishedMatrix, publishedSummary, reproduce } from '../../metrics/published.ts';
import { formatPercent } from '../../metrics/summary.ts';
import { painter, useColor, widthOf } from '../../report/terminal/paint.ts';
import { type GridCell, renderGrid } from '../../report/terminal/terminal-grid.ts';
import { formatChange, formatScore } from '../../report/words/numbers.ts';
import { labelOf, publishedRow, readPublished } from '../../streams/coin/published.ts';

export function showPublished(name: string | undefined, json: boolean): void {
  const text = name === undefined ? list(json) : one(publishedRow(name), json);
  process.stdout.write(`${text}\n`);
}

function list(json: boolean): string {
  const { source, rows } = readPublished();
  const listed = rows.map((row) => ({ row, summary: publishedSummary(row) }));
  if (json) {
    const entries = listed.map(({ row: { id, kind, model, method, variant, judge, tasks }, summary }) => ({
      ...{ id, kind, model, method, variant, judge, tasks },
      ...summary,
    }));
    return JSON.stringify({ source, rows: entries }, undefined, 2);
  }
  const table = (kind: PublishedRow['kind']) =>
    grid(
      ['name', 'model', 'method', 'tasks', 'ACC', 'MAA', 'BWT'],
      3,
      listed
        .filter(({ row }) => row.kind === kind)
        .map(({ row, summary }) => [
          { text: row.id },
          { text: row.model },
          { text: row.method },
          { text: String(row.tasks.length) },
          { text: formatScore(summary?.finalAverage) },
          { text: formatScore(summary?.maa) },
          { text: formatChange(summary?.bwt) },
        ]),
    );
  const bold = painter(useColor(process.stdout));
  return [
    bold('bold', 'Accuracy (truth alignment), reference scoring, percent'),
    ...table('truth-alignment'),
    '',
    bold('bold', 'Judge scores (reasoning capability), percent'),
    ...table('judge'),
    '',
    `From ${source.repository} (${source.licence}). Figures are over the row's own tasks; none where a cell is missing.`,
    'Show one with `coin metrics --published NAME`, a run beside one with `coin report RUN --beside NAME`.',
  ].join('\n');
}

function one(row: PublishedRow, json: boolean): string {
  const summary = publishedSummary(row);
  const reproduced = reproduce(row);
  if (json) return JSON.stringify({ ...row, summary, reproduced }, undefined, 2);
  const matrix = publishedMatrix(row);
  const cells = (scores: Readonly<Record<string, number | null>>): readonly GridCell[] =>
    row.tasks.map((task) => {
      const score = scores[task] ?? undefined;
      return score === undefined ? { text: '' } : { text: formatScore(score), level: score / 100 };
    });
  const label = labelOf(row);
  const elsewhere = Object.entries(row.zeroShotElsewhere).map(
    ([task, { value, source }]) => `Zero-shot ${task} ${formatPercent(value)}: ${source}.`,
  );
  return [
    painter(useColor(process.stdout))('bold', `${label[0]?.toUpperCase()}${label.slice(1)}`),
    ...grid(['after', ...row.tasks], 1, [
      [{ text: 'zero-shot', style: 'dim' }, ...cells(row.zeroShot)],
      [{ text: 'multitask', style: 'dim' }, ...cells(row.multitask)],
      ...matrix.rows.map(({ after, scores }) => [{ text: after }, ...cells(scores)]),
    ]),
    summary === undefined
      ? 'No ACC, MAA and BWT: a cell is missing.'
      : `ACC ${formatPercent(summary.finalAverage)}  MAA ${formatPercent(summary.maa)}  BWT ${formatPercent(summary.bwt)}  over these ${row.tasks.length} tasks`,
    ...(reproduced === undefined ? [] : reproduction(row, reproduced)),
    ...elsewhere,
    ...(row.notes === undefined ? [] : [`Note: ${row.notes}`]),
    `Folder: ${row.folder}`,
  ].join('\n');
}

function reproduction(
  row: PublishedRow,
  found: NonNullable<ReturnType<typeof reproduce>>,
): readonly string[] {
  const [low, high] = found.maaRange.map(formatPercent);
  return [
    '',
    `The paper gives BWT ${formatPercent(found.publishedBwt)}, and so does the matrix: ${formatPercent(found.bwt)}.`,
    `It gives MAA ${formatPercent(found.publishedMaa)}; the cells that are known allow ${low} to ${high}, and it follows`,
    `if the ${found.unknownCells} that are in no file average ${formatPercent(found.impliedMean)}.`,
    'Both with these cells besides the files:',
    ...(row.published?.cells ?? []).map(
      ({ task, justTrained, final, status, source }) =>
        `  ${task}: just trained ${formatPercent(justTrained)}, final ${formatPercent(final)} (${status}: ${source})`,
    ),
  ];
}

function grid(
  headings: readonly string[],
  left: number,
  rows: readonly (readonly GridCell[])[],
): readonly string[] {
  return renderGrid(
    headings.map((heading, index) => ({ heading, align: index < left ? 'left' : 'right' })),
    rows,
    { width: widthOf(process.stdout), color: useColor(process.stdout) },
  );
}

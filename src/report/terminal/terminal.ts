// The results of a run as tables for a terminal: per method the accuracy matrix, its figures with their formulas, what
// was forgotten, unreadable predictions; then the methods side by side, judges, and where the two scorings differ.

import type { RunResults } from '../results.ts';
import { besideFigures } from '../words/beside.ts';
import { costColumns, unmatchedNote } from '../words/costs.ts';
import {
  headline,
  type MethodFigures,
  methodFigures,
  nothingLearnt,
  runName,
  scoringDifferences,
  subline,
  unreadableByTask,
} from '../words/figures.ts';
import { comparisonSentences, intervalNote } from '../words/intervals.ts';
import { formatChange, formatCount, formatInterval, formatScore } from '../words/numbers.ts';
import { besideSection } from './terminal-beside.ts';
import { type GridCell, type GridOptions, pad, printable, renderGrid, style, wrap } from './terminal-grid.ts';
import { judgeSections } from './terminal-judges.ts';
import { matrixGrid, shownMode } from './terminal-matrix.ts';

export interface TableOptions {
  /** Columns of the terminal. Wider tables are split into blocks of columns. */
  readonly width?: number;
  /** ANSI colours: a colour scale behind the scores. */
  readonly color?: boolean;
}

const longestDifferenceList = 12;

/** All tables of a run, strict scoring first; ends without a line break. Also for runs that are not finished. */
export function renderTables(results: RunResults, { width = 100, color = false }: TableOptions = {}): string {
  const options = { width, color };
  const methods = methodFigures(results, shownMode);
  const sections = [
    [
      ...wrap(printable(runName(results)), width).map((line) => style(line, 'bold', color)),
      ...wrap(printable(headline(results, shownMode)), width),
      ...[printable(subline(results, shownMode))]
        .filter((line) => line !== '')
        .flatMap((l) => wrap(l, width)),
    ],
    ...methods.flatMap((method) => [
      matrixSection(results, method, options),
      ...(method.stages.length === 0
        ? []
        : [formulas(method, options), summarySection(method, options), unreadableSection(method, options)]),
    ]),
    methods.length > 1 ? comparisonSection(methods, options) : [],
    [...comparisonSentences(results, shownMode), intervalNote(results, shownMode)]
      .filter((text) => text !== '')
      .flatMap((text) => wrap(printable(text), width)),
    ...judgeSections(results, options),
    differencesSection(results, options),
    besideLines(results, options),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function besideLines(results: RunResults, options: GridOptions): readonly string[] {
  const figures = besideFigures(results);
  return figures === undefined ? [] : besideSection(figures, options);
}

function matrixSection(results: RunResults, method: MethodFigures, options: GridOptions): readonly string[] {
  const { stages } = method;
  const title = `${printable(method.label)}: accuracy in percent after each stage, ${shownMode} scoring`;
  const progress = method.complete ? '' : ` (${stages.length} of ${results.tasks.length} stages finished)`;
  return [
    ...wrap(title + progress, options.width).map((line) => style(line, 'bold', options.color)),
    ...matrixGrid(results, method, options),
  ];
}

function formulas(method: MethodFigures, { width, color }: GridOptions): readonly string[] {
  const { results, complete, stages, intervals } = method;
  const entries = [
    ['ACC', formatScore(results.finalAverage), '(1/T) Σ_i A[T][i]', 'mean of the last row', intervals?.acc],
    [
      'MAA',
      formatScore(results.maa),
      '(1/T) Σ_j (1/j) Σ_{i≤j} A[j][i]',
      'mean of the column "mean"',
      intervals?.maa,
    ],
    [
      'BWT',
      formatChange(results.bwt),
      '(1/T) Σ_i (A[T][i] − A[i][i])',
      'final minus just trained',
      intervals?.bwt,
    ],
  ] as const;
  const intervalWidth = Math.max(...entries.map(([, , , , interval]) => formatInterval(interval).length));
  const lines = entries.map(([name, figure, formula, meaning, interval]) => {
    const shown = intervalWidth === 0 ? '' : `${pad(formatInterval(interval), intervalWidth, 'left')}  `;
    const start = `${style(name, 'bold', color)}  ${pad(figure, 7, 'right')}   ${shown}`;
    const withMeaning = `${pad(formula, 33, 'left')}${meaning}`;
    const left = width - 15 - shown.length;
    const words = [withMeaning, formula].find(({ length }) => length <= left) ?? '';
    return (start + style(words, 'dim', color)).trimEnd();
  });
  const note = `T = ${stages.length}: the stages finished so far. Compare with runs of the same length only.`;
  const nothing = nothingLearnt(method);
  return [
    ...lines,
    ...(nothing === undefined ? [] : wrap(`${printable(method.label)}: ${nothing}.`, width)),
    ...(complete ? [] : wrap(note, width)),
  ];
}

function summarySection(method: MethodFigures, options: GridOptions): readonly string[] {
  const rows = method.tasks
    .filter(({ justTrained }) => justTrained !== undefined)
    .map(({ task, zeroShot, justTrained, final, change }): readonly GridCell[] => [
      { text: printable(task) },
      { text: formatScore(zeroShot), style: 'dim' },
      { text: formatScore(justTrained) },
      { text: formatScore(final), style: 'bold' },
      { text: formatChange(change) },
      { text: change === undefined || change >= 0 ? '' : bar(-change) },
    ]);
  const headings = ['task', 'zero-shot', 'just trained', 'final', 'change', 'forgotten'];
  return renderGrid(
    headings.map((heading, index) => ({ heading, align: index === 0 || index === 5 ? 'left' : 'right' })),
    rows,
    options,
  );
}

/** Points lost as a bar of up to 20 columns for 100 points. */
function bar(points: number): string {
  const eighths = Math.round((points / 100) * 20 * 8);
  const rest = eighths % 8;
  const tip = rest === 0 ? '' : String.fromCodePoint(0x2590 - rest);
  return '\u2588'.repeat(Math.floor(eighths / 8)) + tip;
}

function unreadableSection(method: MethodFigures, options: GridOptions): readonly string[] {
  const tasks = unreadableByTask(method);
  if (tasks.length === 0) return [];
  const rows = tasks.map(({ task, missing, unparseable }): readonly GridCell[] => {
    const stages = method.results.unreadable
      .filter((entry) => entry.task === task && entry.missing + entry.unparseable > 0)
      .map(({ after }) => printable(after));
    return [
      { text: printable(task) },
      { text: formatCount(missing) },
      { text: formatCount(unparseable) },
      { text: stages.length > 2 ? `${stages.length} stages` : stages.join(', '), style: 'dim' },
    ];
  });
  const headings = ['unreadable answers', 'missing', 'unparseable', 'after'];
  return renderGrid(
    headings.map((heading, index) => ({ heading, align: index % 3 === 0 ? 'left' : 'right' })),
    rows,
    options,
  );
}

function comparisonSection(methods: readonly MethodFigures[], options: GridOptions): readonly string[] {
  const rows = methods.map(({ label, results, stages, tasks }): readonly GridCell[] => [
    { text: printable(label) },
    { text: formatScore(results.finalAverage), style: 'bold' },
    { text: formatScore(results.maa) },
    { text: formatChange(results.bwt) },
    { text: `${stages.length}/${tasks.length}` },
  ]);
  const headings = ['method', 'ACC', 'MAA', 'BWT', 'stages'];
  const columns = headings.map((heading, index) => ({
    heading,
    align: index === 0 ? ('left' as const) : ('right' as const),
  }));
  return [
    style('Methods side by side', 'bold', options.color),
    ...renderGrid(columns, rows, options),
    ...costLines(methods, options),
  ];
}

/** What each method takes. */
function costLines(methods: readonly MethodFigures[], options: GridOptions): readonly string[] {
  const columns = costColumns(methods.map(({ info }) => info));
  const note = unmatchedNote(methods.map(({ info }) => info));
  return [
    '',
    ...renderGrid(
      ['method', ...columns.map(({ heading }) => heading)].map((heading, index) => ({
        heading,
        align: index === 0 ? ('left' as const) : ('right' as const),
      })),
      methods.map(({ label, info }) =>
        [printable(label), ...columns.map((column) => column.cell(info))].map((text) => ({ text })),
      ),
      options,
    ),
    ...(note === '' ? [] : wrap(note, options.width)),
  ];
}

function differencesSection(results: RunResults, options: GridOptions): readonly string[] {
  const differences = scoringDifferences(results);
  if (results.methods.length === 0) return [];
  if (differences.length === 0) {
    return wrap('Strict and reference scoring agree in every cell.', options.width);
  }
  const strict = methodFigures(results, 'strict');
  const figures = methodFigures(results, 'reference').map(({ label, results: reference }, index) => {
    const own = strict[index]?.results;
    const pair = (first: number | undefined, second: number): readonly GridCell[] => [
      { text: formatScore(first) },
      { text: formatScore(second) },
    ];
    return [
      { text: printable(label) },
      ...pair(own?.finalAverage, reference.finalAverage),
      ...pair(own?.maa, reference.maa),
      ...pair(own?.bwt, reference.bwt),
    ];
  });
  const labels = new Map(results.methods.map(({ name, label }) => [name, label]));
  const largest = [...differences].sort(
    (first, second) => Math.abs(second.strict - second.reference) - Math.abs(first.strict - first.reference),
  );
  const cells = largest
    .slice(0, longestDifferenceList)
    .map(({ method, after, task, strict, reference }): readonly GridCell[] => [
      { text: printable(labels.get(method) ?? 'zero-shot') },
      { text: printable(after ?? '') },
      { text: printable(task) },
      { text: formatScore(strict) },
      { text: formatScore(reference) },
    ]);
  const rest = differences.length - cells.length;
  const count = `${differences.length} ${differences.length === 1 ? 'cell differs' : 'cells differ'}`;
  return [
    ...wrap(`Strict and reference scoring: ${count}, the largest first`, options.width).map((line) =>
      style(line, 'bold', options.color),
    ),
    ...renderGrid(
      ['method', 'after', 'on', 'strict', 'reference'].map((heading, index) => ({
        heading,
        align: index < 3 ? 'left' : 'right',
      })),
      cells,
      options,
    ),
    ...(rest > 0 ? [`and ${rest} more`] : []),
    '',
    ...renderGrid(
      ['method', 'ACC strict', 'reference', 'MAA strict', 'reference', 'BWT strict', 'reference'].map(
        (heading, index) => ({ heading, align: index === 0 ? 'left' : 'right' }),
      ),
      figures,
      options,
    ),
  ];
}

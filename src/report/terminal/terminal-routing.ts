// Routing on a terminal: how each mixture uses its experts, and where methods that choose a task's expert sent questions.

import type { ChoiceCell } from '../../followups/observatory-file.ts';
import type { RunResults } from '../results.ts';
import { formatCount, formatShort } from '../words/numbers.ts';
import {
  formatBits,
  type MixtureFigures,
  mixtureFigures,
  routingSentences,
  unreadSentence,
} from '../words/routing-figures.ts';
import { type GridCell, type GridOptions, printable, renderGrid, style, wrap } from './terminal-grid.ts';

/** Sentences and tables; says so where nothing routes. */
export function renderRouting(results: RunResults, options: GridOptions): string {
  const mixtures = mixtureFigures(results);
  const choices = results.routing?.choices ?? [];
  const unread = unreadSentence(results);
  const sections = [
    ...mixtures.flatMap((figures) => [
      summary(figures, options),
      kindTable(figures, options),
      taskTable(results, figures, options),
    ]),
    ...results.methods.flatMap(({ name, label }) => {
      const own = choices.filter(({ method }) => method === name);
      return own.length === 0 ? [] : [choiceTable(results, label, own, options)];
    }),
    unread === '' ? [] : wrap(printable(unread), options.width),
  ].filter((lines) => lines.length > 0);
  if (sections.length === 0) return 'No method of this run has gates or chooses an expert for a question.';
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}

function summary(figures: MixtureFigures, { width, color }: GridOptions): readonly string[] {
  const { label, mixture, after } = figures;
  const title = `${label} after ${after}: the experts of ${mixture.layers.length} layers, over ${mixture.samples} questions of each task`;
  return [
    ...wrap(printable(title), width).map((line) => style(line, 'bold', color)),
    ...routingSentences(figures).flatMap((sentence) => wrap(printable(sentence), width)),
  ];
}

function kindTable({ kinds, mixture: { experts } }: MixtureFigures, options: GridOptions): readonly string[] {
  const rows = kinds.map((kind): readonly GridCell[] => [
    { text: kind.kind },
    { text: formatCount(kind.tokens) },
    { text: kind.perToken.toFixed(2) },
    { text: kind.inAll.toFixed(2) },
    { text: `${formatShort(kind.mostFirst)} %` },
    { text: formatBits(kind.apart) },
    { text: kind.moved === undefined ? formatShort(undefined) : `${formatShort(kind.moved)} %` },
  ]);
  const headings = [
    'tokens of the',
    'read',
    `experts per token, of ${experts}`,
    'of all tokens',
    'first most often',
    'tasks apart, bits',
    'moved',
  ];
  return table(headings, rows, options);
}

/** Percent of the weight of each task's tokens that went to other experts since the task was learned. */
function taskTable(
  { tasks }: RunResults,
  { drift, mixture: { stages } }: MixtureFigures,
  options: GridOptions,
): readonly string[] {
  if (stages.length < 2) return [];
  const shown = tasks.map((task) => stages.some(({ after }) => after === task));
  const columns = tasks.filter((_, index) => shown[index]);
  const rows = tasks.flatMap((task, index): (readonly GridCell[])[] =>
    shown[index]
      ? [
          [
            { text: printable(task) },
            ...columns.map((after): GridCell => {
              const percent = drift[index]?.[tasks.indexOf(after)];
              return { text: percent === undefined ? '' : formatShort(percent) };
            }),
          ],
        ]
      : [],
  );
  return table(['moved, in %, after', ...columns.map(printable)], rows, options);
}

/** The last stage with the share that went right, and where the run recorded it, where all went. */
function choiceTable(
  { tasks }: RunResults,
  label: string,
  cells: readonly ChoiceCell[],
  options: GridOptions,
): readonly string[] {
  const after = cells.at(-1)?.after;
  const last = cells.filter((cell) => cell.after === after);
  const columns = tasks.filter((task) => last.some(({ to }) => Object.hasOwn(to, task)));
  const rows = last.map(({ task, routed, right, to }): readonly GridCell[] => [
    { text: printable(task) },
    { text: formatCount(routed) },
    { text: `${formatShort((100 * right) / routed)} %`, style: 'bold' },
    ...columns.map((chosen): GridCell => ({ text: formatCount(to[chosen] ?? 0) })),
  ]);
  const headings = ['questions of', 'routed', 'right', ...columns.map((task) => `to ${printable(task)}`)];
  const title = `${label} after ${after}: which task's expert was chosen`;
  return [
    ...wrap(printable(title), options.width).map((line) => style(line, 'bold', options.color)),
    ...table(headings, rows, options),
  ];
}

function table(headings: readonly string[], rows: readonly (readonly GridCell[])[], options: GridOptions) {
  return renderGrid(
    headings.map((heading, index) => ({ heading, align: index === 0 ? 'left' : 'right' })),
    rows,
    options,
  );
}

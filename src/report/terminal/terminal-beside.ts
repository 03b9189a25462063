// A run beside a published row, as a table for a terminal.

import type { RunResults } from '../results.ts';
import { type BesideFigures, besideFigures, besideNotes } from '../words/beside.ts';
import { formatChange, formatScore } from '../words/numbers.ts';
import { type GridCell, type GridOptions, printable, renderGrid, style, wrap } from './terminal-grid.ts';

/** The comparison alone; says so where there is nothing to compare. */
export function renderBeside(results: RunResults, options: GridOptions): string {
  const figures = besideFigures(results);
  if (figures === undefined) return 'The run and the published row have no task in common.';
  return besideSection(figures, options).join('\n');
}

export function besideSection(figures: BesideFigures, options: GridOptions): readonly string[] {
  const { row, tasks, columns } = figures;
  const rows = tasks.flatMap((task, index) =>
    columns.map((column, position): readonly GridCell[] => {
      const { zeroShot, justTrained, final, change } = column.tasks[index] ?? {};
      return [
        { text: position === 0 ? printable(task) : '' },
        { text: printable(column.label) },
        { text: formatScore(zeroShot), style: 'dim' },
        { text: formatScore(justTrained) },
        { text: formatScore(final), style: 'bold' },
        { text: formatChange(change) },
      ];
    }),
  );
  const headings = ['task', '', 'zero-shot', 'just trained', 'final', 'change'];
  const summaries = columns.map(({ label, summary }): readonly GridCell[] => [
    { text: printable(label) },
    { text: formatScore(summary?.finalAverage), style: 'bold' },
    { text: formatScore(summary?.maa) },
    { text: formatChange(summary?.bwt) },
  ]);
  const grid = (names: readonly string[], left: number, cells: readonly (readonly GridCell[])[]) =>
    renderGrid(
      names.map((heading, index) => ({ heading, align: index < left ? 'left' : 'right' })),
      cells,
      { ...options, ruleBefore: left === 2 ? tasks.map((_, index) => index * columns.length).slice(1) : [] },
    );
  return [
    ...wrap(`Beside ${printable(row.label)}`, options.width).map((line) =>
      style(line, 'bold', options.color),
    ),
    ...grid(headings, 2, rows),
    '',
    ...grid(['', 'ACC', 'MAA', 'BWT'], 1, summaries),
    ...besideNotes(figures).flatMap((note) => wrap(printable(note), options.width)),
  ];
}

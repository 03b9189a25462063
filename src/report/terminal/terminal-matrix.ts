// A matrix on a terminal: scores on a colour scale, whoever gave them.

import type { ScoringMode } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { type MethodFigures, own } from '../words/figures.ts';
import { formatScore } from '../words/numbers.ts';
import { type GridCell, type GridOptions, printable, renderGrid } from './terminal-grid.ts';

export const shownMode: ScoringMode = 'strict';

/** The zero-shot row and a row per stage, with the mean of the seen tasks. */
export function matrixGrid(
  results: RunResults,
  { stages }: MethodFigures,
  options: GridOptions,
): readonly string[] {
  const zeroShot = results.modes[shownMode].zeroShot;
  const score = (value: number | undefined): GridCell =>
    value === undefined ? { text: '' } : { text: formatScore(value), level: value / 100 };
  const baseline = results.tasks.map((task) => own(zeroShot, task));
  const rows = [
    ...(baseline.some((value) => value !== undefined)
      ? [[{ text: 'zero-shot', style: 'dim' as const }, ...baseline.map(score), { text: '' }]]
      : []),
    ...stages.map((stage) => [
      { text: printable(stage.after) },
      ...stage.scores.map(score),
      { text: formatScore(stage.mean), style: 'bold' as const },
    ]),
  ];
  const headings = ['after', ...results.tasks.map(printable), ...(stages.length > 0 ? ['mean'] : [])];
  return renderGrid(
    headings.map((heading, index) => ({ heading, align: index === 0 ? 'left' : 'right' })),
    rows,
    { ...options, ruleBefore: rows.length > stages.length && stages.length > 0 ? [1] : [] },
  );
}

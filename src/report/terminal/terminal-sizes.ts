// How the methods of a run stand to its budget of trainable numbers: a table, and words for those that are not within 5 %
// of it. Nothing is counted here.

import type { RunConfig } from '../../config/schema.ts';
import type { MethodSize, SizesOfRun } from '../../forecast/sizes.ts';
import { formatRatio } from '../../metrics/budget.ts';
import { absent, formatCount } from '../words/numbers.ts';
import { type GridColumn, type GridOptions, renderGrid, wrap } from './terminal-grid.ts';

export function renderSizes(
  { budget, methods }: SizesOfRun,
  { rank, match }: RunConfig['adapter'],
  options: GridOptions,
): readonly string[] {
  const headings = ['method', 'rank', 'trainable', 'of the budget', 'kept between tasks', 'answering takes'];
  const columns = headings.map(
    (heading, index): GridColumn => ({
      heading,
      align: [1, 2, 3].includes(index) ? 'right' : 'left',
    }),
  );
  const rows = methods.map((size) =>
    [
      size.label,
      size.rank === undefined ? absent : formatCount(size.rank),
      formatCount(size.trainable),
      size.trainable === 0 ? absent : formatRatio(size.ratio),
      size.keeps,
      size.answering,
    ].map((text) => ({ text })),
  );
  const head =
    match === 'none'
      ? `Every method has the run's rank, ${rank} (adapter.match: none); LoRA trains ${formatCount(budget)} numbers with it.`
      : `Ranks are matched to a budget of ${formatCount(budget)} trainable numbers, those of LoRA of rank ${rank} unless another was given.`;
  return [
    ...wrap(head, options.width),
    ...renderGrid(columns, rows, options),
    ...unmatchedWords(methods, options.width),
  ];
}

/** A sentence for each method that is farther than 5 % from the budget. */
export function unmatchedWords(sizes: readonly MethodSize[], width: number): readonly string[] {
  return sizes.flatMap(({ label, ratio, why }) =>
    why === undefined ? [] : wrap(`${label} trains ${formatRatio(ratio)} of the budget: ${why}.`, width),
  );
}

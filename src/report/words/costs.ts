// What a method takes beside its scores, as columns of a table: the rows of `results/costs.ts`, written. A figure that
// was not recorded is a dash, and a figure that nobody recorded no column.
import { formatRatio, isMatched } from '../../metrics/budget.ts';
import {
  type CostName,
  type Costs,
  type CostsIn,
  type CostTable,
  type CostUnit,
  costFigures,
} from '../../results/costs.ts';
import { absent, formatBytes, formatCount, formatDuration } from './numbers.ts';

const written: { readonly [Unit in CostUnit]: (value: number) => string } = {
  numbers: formatCount,
  bytes: formatBytes,
  seconds: formatDuration,
  share: formatRatio,
};

export interface CostColumn<Row> {
  readonly name: string;
  readonly heading: string;
  cell(costs: Row): string;
}

/** The columns of the figures that any of the rows has. */
export function costColumns(rows: readonly Costs[]): readonly CostColumn<Costs>[];
export function costColumns<Table extends CostTable>(
  rows: readonly CostsIn<Table>[],
  table: Table,
): readonly CostColumn<CostsIn<Table>>[];
export function costColumns(
  rows: readonly CostsIn<CostTable>[],
  table: CostTable = costFigures,
): readonly CostColumn<CostsIn<CostTable>>[] {
  return Object.entries(table)
    .filter(([name]) => rows.some((costs) => costs[name] !== undefined))
    .map(([name, { heading, unit }]) => ({
      name,
      heading,
      cell: ({ [name]: value }) => (value === undefined ? absent : written[unit](value)),
    }));
}

/** One figure by itself. */
export function costCell(costs: Costs, name: CostName): string {
  const value = costs[name];
  return value === undefined ? absent : written[costFigures[name].unit](value);
}

/** Which methods are farther than 5 % from the budget, in words; empty where none is or no budget was set. */
export function unmatchedNote(methods: readonly (Costs & { readonly label: string })[]): string {
  const far = methods.flatMap(({ label, ofBudget }) =>
    ofBudget === undefined || isMatched(ofBudget) ? [] : [`${label} trains ${formatRatio(ofBudget)}`],
  );
  return far.length === 0
    ? ''
    : `Not within 5 % of the budget of trainable parameters: ${far.join(', ')}. Memory is not matched.`;
}

// What a method takes beside its scores, as cells: its share of the budget of trainable numbers, what it keeps between
// tasks, and what an answer takes. The figures are the journal's; one that was not recorded is a dash.
import { formatRatio, isMatched } from '../../metrics/budget.ts';
import type { CostFigures } from '../results.ts';
import { absent, formatBytes, formatCount } from './numbers.ts';

export const costHeadings = [
  'of the budget',
  'memory kept',
  'answering: parameters',
  'passes',
  'tokens added',
] as const;

export function costCells(cost: CostFigures): readonly string[] {
  const counted = (value: number | undefined) => (value === undefined ? absent : formatCount(value));
  return [
    cost.ofBudget === undefined ? absent : formatRatio(cost.ofBudget),
    cost.memoryBytes === undefined ? absent : formatBytes(cost.memoryBytes),
    counted(cost.inferenceParameters),
    counted(cost.inferencePasses),
    counted(cost.addedTokens),
  ];
}

/** Which methods are farther than 5 % from the budget, in words; empty where none is or no budget was set. */
export function unmatchedNote(methods: readonly (CostFigures & { readonly label: string })[]): string {
  const far = methods.flatMap(({ label, ofBudget }) =>
    ofBudget === undefined || isMatched(ofBudget) ? [] : [`${label} trains ${formatRatio(ofBudget)}`],
  );
  return far.length === 0
    ? ''
    : `Not within 5 % of the budget of trainable parameters: ${far.join(', ')}. Memory is not matched.`;
}

// Which methods of a run can be told apart, in words, and what the intervals beside its figures are of. The numbers are
// made elsewhere.

import type { IntervalResults, PairDifference, PairDifferences } from '../../results/intervals.ts';
import type { ScoringMode } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { formatChange, formatChangeInterval, formatCount, formatInterval, formatScore } from './numbers.ts';
import { enumerated } from './text.ts';

const figures = [
  ['acc', 'ACC'],
  ['maa', 'MAA'],
  ['bwt', 'BWT'],
] as const;

type FigureKey = (typeof figures)[number][0];

/** A sentence of two methods, one per figure of more; none where there is nothing to compare. */
export function comparisonSentences(results: RunResults, mode: ScoringMode): readonly string[] {
  const comparison = results.intervals?.[mode].comparison;
  if (comparison === undefined) return [];
  const { pairs, stages } = comparison;
  const labels = new Map(results.methods.map(({ name, label }) => [name, label]));
  const label = (name: string) => labels.get(name) ?? name;
  const part = stages < results.tasks.length ? ` after ${stages === 1 ? '1 stage' : `${stages} stages`}` : '';
  const [pair] = pairs;
  if (pairs.length === 1 && pair !== undefined) return [pairSentence(pair, label, part)];
  return figures.flatMap(([key, name]) => rankSentence(pairs, key, `${name}${part}`, label));
}

function pairSentence(pair: PairDifferences, label: (name: string) => string, part: string): string {
  const [first, second] = [label(pair.first), label(pair.second)];
  const same = figures.filter(([key]) => pair[key].tested && !pair[key].distinguishable);
  const apart = figures.filter(([key]) => pair[key].distinguishable);
  const difference = ({ value, low, high }: PairDifference) =>
    `${formatChange(value)} ${formatChangeInterval({ low, high })}`;
  const clauses = [
    ...(same.length === 0
      ? []
      : [
          `are not distinguishable in ${enumerated(same.map(([key, name]) => `${name} (${difference(pair[key])})`))}`,
        ]),
    ...apart.map(([key, name]) => {
      const { value, low, high } = pair[key];
      return value > 0
        ? `${first} is higher in ${name} by ${formatScore(value)} ${formatInterval({ low, high })}`
        : `${second} is higher in ${name} by ${formatScore(-value)} ${formatInterval({ low: -high, high: -low })}`;
    }),
  ];
  const start = same.length === 0 ? '' : `${first} and ${second} `;
  return `Of these two models: ${start}${clauses.join('; ')}${part}.`;
}

/** The highest method of a figure, those that cannot be told from it, and those that are lower. */
function rankSentence(
  all: readonly PairDifferences[],
  key: FigureKey,
  name: string,
  label: (name: string) => string,
): readonly string[] {
  const pairs = all.filter((pair) => pair[key].tested);
  const methods = [...new Set(pairs.flatMap(({ first, second }) => [first, second]))];
  // Differences of one figure add up, so that the highest is above all others.
  const highest = methods.find((method) =>
    pairs.every((pair) => {
      if (pair.first === method) return pair[key].value >= 0;
      return pair.second !== method || pair[key].value <= 0;
    }),
  );
  if (highest === undefined) return [];
  const others = pairs.flatMap((pair) => {
    if (pair.first !== highest && pair.second !== highest) return [];
    const { value, distinguishable } = pair[key];
    const method = pair.first === highest ? pair.second : pair.first;
    return [{ method: label(method), distance: Math.abs(value), distinguishable }];
  });
  const sorted = others.sort((a, b) => a.distance - b.distance);
  const names = (apart: boolean) =>
    sorted.filter(({ distinguishable }) => distinguishable === apart).map(({ method }) => method);
  const [same, lower] = [names(false), names(true)];
  const parts = [
    `Of these models ${label(highest)}'s is highest in ${name}`,
    ...(same.length === 0 ? [] : [`not distinguishable from it: ${enumerated(same)}`]),
    ...(lower.length === 0 ? [] : [`lower: ${enumerated(lower)}`]),
  ];
  return [`${parts.join('; ')}.`];
}

/** What an interval is and is not; empty where there is none. */
export function intervalNote(results: RunResults, mode: ScoringMode): string {
  const intervals: IntervalResults | undefined = results.intervals?.[mode];
  if (intervals === undefined) return '';
  const corrected =
    intervals.comparison === undefined
      ? ''
      : ' Differences are paired, and corrected over the pairs of methods by Holm’s method.';
  const few =
    intervals.few.length === 0
      ? ''
      : ` Too narrow, as there are few test images of ${enumerated(intervals.few)}.`;
  return `Brackets: 95 % intervals of ${formatCount(intervals.resamples)} draws of the test images; they are of these models, and what training again would change is not in them: one seed says nothing of methods.${corrected}${few}`;
}

// General knowledge on a terminal: per judge a matrix per method with its figures, and what could not be read.

import type { JudgeResults } from '../../followups/judging/judge-results.ts';
import type { RunResults } from '../results.ts';
import { methodFigures } from '../words/figures.ts';
import { formatChange, formatCount, formatScore } from '../words/numbers.ts';
import { type GridOptions, printable, style, wrap } from './terminal-grid.ts';
import { matrixGrid } from './terminal-matrix.ts';

/** What the figures of a judge are called; a comparison of words is never called knowledge without saying so. */
export function judgeTitle({ label, standIn }: Pick<JudgeResults, 'label' | 'standIn'>): string {
  return standIn
    ? 'General knowledge, lexical stand-in (no judge: words compared)'
    : `General knowledge by ${label}`;
}

/** All judges of a run as text; ends without a line break. */
export function renderJudges(results: RunResults, options: GridOptions): string {
  return judgeSections(results, options)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

/** One section per judge and method, strict parsing. */
export function judgeSections(results: RunResults, options: GridOptions): readonly (readonly string[])[] {
  return (results.judges ?? []).flatMap((judge) => {
    const view: RunResults = { ...results, modes: judge.modes };
    const figures = methodFigures(view, 'strict').filter(({ stages }) => stages.length > 0);
    const reference = methodFigures(view, 'reference');
    const sections = figures.map((method) => {
      const title = `${printable(method.label)}: ${printable(judgeTitle(judge))}, 0 to 100 after each stage`;
      const other = reference.find(({ name }) => name === method.name)?.results;
      const { maa, bwt, finalAverage } = method.results;
      const figure = `ACC ${formatScore(finalAverage)}  MAA ${formatScore(maa)}  BWT ${formatChange(bwt)}`;
      const asReference = `reference parser: ACC ${formatScore(other?.finalAverage)}  MAA ${formatScore(other?.maa)}  BWT ${formatChange(other?.bwt)}`;
      return [
        ...wrap(title, options.width).map((line) => style(line, 'bold', options.color)),
        ...matrixGrid(view, method, options),
        figure,
        ...wrap(asReference, options.width).map((line) => style(line, 'dim', options.color)),
      ];
    });
    return [...sections, wrap(counts(judge), options.width)];
  });
}

function counts({ answers, unparsed, crashes, open }: JudgeResults): string {
  const parts = [
    `${formatCount(answers)} answers judged`,
    ...(unparsed > 0 ? [`${formatCount(unparsed)} judgements could not be read and are left out`] : []),
    ...(crashes > 0 ? [`the reference's parser stops at ${formatCount(crashes)} of them`] : []),
    ...(open > 0 ? [`${open} evaluations not judged yet`] : []),
  ];
  return `${parts.join('; ')}.`;
}

// The tables of a run as files for other programs: CSV with whole numbers, LaTeX (booktabs) as they are shown. Which tables
// there are is said here; what is in them is computed elsewhere.

import { costFigures } from '../../results/costs.ts';
import { scoringModes } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { costCell } from '../words/costs.ts';
import { methodFigures } from '../words/figures.ts';
import { absent, formatChange, formatScore } from '../words/numbers.ts';

/** A number with how it is shown, or a word. */
export type ExportCell = string | { readonly value: number | undefined; readonly text: string };

export interface ExportTable {
  /** The name of its file, without the ending. */
  readonly name: string;
  readonly caption: string;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly ExportCell[])[];
}

const percent = (value: number | undefined): ExportCell => ({
  value: known(value),
  text: formatScore(value),
});
const points = (value: number | undefined): ExportCell => ({
  value: known(value),
  text: formatChange(value),
});

function known(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** Under both scorings each; a table without rows is left out. */
export function exportTables(results: RunResults): readonly ExportTable[] {
  return [figures(results), differences(results), matrix(results), tasks(results), costs(results)].filter(
    ({ rows }) => rows.length > 0,
  );
}

function figures(results: RunResults): ExportTable {
  const ends = ['low', 'high'] as const;
  return {
    name: 'figures',
    caption: 'ACC, MAA and BWT of every method with 95 % intervals over the test images',
    headings: [
      'method',
      'scoring',
      'stages',
      ...['ACC', 'MAA', 'BWT'].flatMap((name) => [name, ...ends.map((end) => `${name} ${end}`)]),
    ],
    rows: scoringModes.flatMap((mode) =>
      methodFigures(results, mode).map(({ label, stages, results: own, intervals }) => [
        label,
        mode,
        { value: stages.length, text: String(stages.length) },
        percent(own.finalAverage),
        ...ends.map((end) => percent(intervals?.acc[end])),
        percent(own.maa),
        ...ends.map((end) => percent(intervals?.maa[end])),
        points(own.bwt),
        ...ends.map((end) => points(intervals?.bwt[end])),
      ]),
    ),
  };
}

function differences(results: RunResults): ExportTable {
  const labels = new Map(results.methods.map(({ name, label }) => [name, label]));
  return {
    name: 'differences',
    caption: 'The first method less the second, in points, corrected over the pairs',
    headings: ['first', 'second', 'scoring', 'figure', 'difference', 'low', 'high', 'distinguishable'],
    rows: scoringModes.flatMap((mode) =>
      (results.intervals?.[mode].comparison?.pairs ?? []).flatMap((pair) =>
        (['acc', 'maa', 'bwt'] as const).map((figure) => {
          const { value, low, high, distinguishable } = pair[figure];
          const names = [pair.first, pair.second].map((name) => labels.get(name) ?? name);
          return [
            ...names,
            mode,
            figure.toUpperCase(),
            points(value),
            points(low),
            points(high),
            distinguishable ? 'yes' : 'no',
          ];
        }),
      ),
    ),
  };
}

function matrix(results: RunResults): ExportTable {
  return {
    name: 'matrix',
    caption: 'Accuracy after every stage, percent',
    headings: ['method', 'scoring', 'after', ...results.tasks, 'mean'],
    rows: scoringModes.flatMap((mode) =>
      methodFigures(results, mode).flatMap(({ label, stages }) =>
        stages.map(({ after, scores, mean }) => [label, mode, after, ...scores.map(percent), percent(mean)]),
      ),
    ),
  };
}

function tasks(results: RunResults): ExportTable {
  return {
    name: 'tasks',
    caption: 'Every task before, just after its training, and at the end, percent',
    headings: ['method', 'scoring', 'task', 'zero-shot', 'just trained', 'final', 'change'],
    rows: scoringModes.flatMap((mode) =>
      methodFigures(results, mode).flatMap(({ label, tasks: own }) =>
        own.map(({ task, zeroShot, justTrained, final, change }) => [
          label,
          mode,
          task,
          percent(zeroShot),
          percent(justTrained),
          percent(final),
          points(change),
        ]),
      ),
    ),
  };
}

function costs(results: RunResults): ExportTable {
  const names = Object.keys(costFigures) as (keyof typeof costFigures)[];
  const shown = names.filter((name) => results.methods.some((method) => method[name] !== undefined));
  return {
    name: 'costs',
    caption: 'What every method took',
    headings: ['method', ...shown.map((name) => costFigures[name].heading)],
    rows: results.methods.map((method) => [
      method.label,
      ...shown.map((name): ExportCell => ({ value: method[name], text: costCell(method, name) })),
    ]),
  };
}

/** RFC 4180 with line feeds; numbers with all their digits, an absent one empty. */
export function toCsv({ headings, rows }: ExportTable): string {
  const field = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const line = (cells: readonly ExportCell[]) =>
    `${cells.map((cell) => field(typeof cell === 'string' ? cell : cell.value === undefined ? '' : String(cell.value))).join(',')}\n`;
  return [line(headings), ...rows.map(line)].join('');
}

/** A `table` for the booktabs package; columns of numbers stand to the right. */
export function toLatex({ name, caption, headings, rows }: ExportTable): string {
  const columns = headings.map((_, index) => (typeof rows[0]?.[index] === 'string' ? 'l' : 'r')).join('');
  const line = (cells: readonly ExportCell[]) =>
    `    ${cells.map((cell) => latex(typeof cell === 'string' ? cell : cell.text)).join(' & ')} \\\\`;
  return `\\begin{table}
  \\caption{${latex(caption)}}
  \\label{tab:${name}}
  \\begin{tabular}{${columns}}
    \\toprule
${line(headings)}
    \\midrule
${rows.map(line).join('\n')}
    \\bottomrule
  \\end{tabular}
\\end{table}
`;
}

const commands: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '\u2212': '$-$',
  [absent]: '--',
};

function latex(text: string): string {
  return text
    .replace(/[\p{Cc}]/gu, ' ')
    .replace(/[\\~^\u2212\u2013]|[&%$#_{}]/g, (character) => commands[character] ?? `\\${character}`);
}

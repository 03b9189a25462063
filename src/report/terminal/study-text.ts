// A study's results for the terminal and as Markdown.
import type { StudyResults } from '../../studies/study-results.ts';
import { type StudyTable, sharingSentence, studyTables, studyWords } from '../words/study-tables.ts';
import { type GridColumn, printable, renderGrid, style, wrap } from './terminal-grid.ts';

export interface StudyTextOptions {
  readonly width: number;
  readonly color: boolean;
}

/** The columns that say which row it is are put into one, as a wide table is cut into blocks that each begin with it. */
export function renderStudy(results: StudyResults, options: StudyTextOptions): string {
  const { width, color } = options;
  const tables = studyTables(results)
    .filter(({ title }) => title !== 'Runs')
    .map(withOneLeading);
  return [
    ...tables.flatMap((table) => [
      style(table.title, 'bold', color),
      ...(table.note === undefined ? [] : wrap(table.note, width).map((line) => style(line, 'dim', color))),
      ...(table.sentences === true ? sentences(table) : grid(table, options)),
      '',
    ]),
    ...closing(results).flatMap((line) => wrap(line, width)),
  ].join('\n');
}

function grid({ headings, rows }: StudyTable, options: StudyTextOptions): readonly string[] {
  return renderGrid(
    headings.map((heading, index): GridColumn => ({ heading, align: index === 0 ? 'left' : 'right' })),
    rows.map((row) =>
      row.map(({ text, score }) => ({
        text: printable(text),
        ...(score === undefined ? {} : { level: score / 100 }),
      })),
    ),
    options,
  );
}

function sentences({ headings, rows }: StudyTable): readonly string[] {
  return rows.flatMap(([first, ...cells]) => [
    printable(first?.text ?? ''),
    ...cells.map(({ text }, index) => `  ${headings[index + 1]} ${printable(text)}`),
  ]);
}

function withOneLeading({ leading, headings, rows, ...table }: StudyTable): StudyTable {
  const joined = (texts: readonly string[]) => texts.slice(0, leading).filter(Boolean).join(' · ');
  return {
    ...table,
    leading: 1,
    headings: [joined(headings), ...headings.slice(leading)],
    rows: rows.map((row) => [{ text: joined(row.map(({ text }) => text)) }, ...row.slice(leading)]),
  };
}

/** The same bytes for the same predictions, but for the times. */
export function studyMarkdown(results: StudyResults, command: string): string {
  return [
    `# ${results.name}`,
    '',
    ...(results.question === undefined ? [] : [results.question, '']),
    `\`${command}\``,
    '',
    ...studyTables(results).flatMap(markdownTable),
    ...closing(results).flatMap((line) => [line, '']),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function closing(results: StudyResults): readonly string[] {
  return [...studyWords(results), ...results.notes, sharingSentence(results)].filter(
    (line) => line !== undefined,
  );
}

function markdownTable({ title, note, headings, rows, leading }: StudyTable): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return [
    `## ${title}`,
    '',
    ...(note === undefined ? [] : [note, '']),
    line(headings),
    `|${headings.map((_, index) => (index < leading ? '---' : '---:')).join('|')}|`,
    ...rows.map((row) => line(row.map(({ text }) => text))),
    '',
  ];
}

function escaped(text: string): string {
  return printable(text).replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

// How `coin data doctor` shows its report on a terminal: what was checked, what was found, what to do.

import { counted } from '../../base/small.ts';
import { answerStyles } from '../../data/doctor/answers.ts';
import type { DoctorReport, Finding, PartReport, TaskReport } from '../../data/doctor/findings.ts';
import { sampledImages } from '../../data/doctor/images.ts';
import { coinTasks } from '../../tasks/index.ts';
import { type Paint, painter } from './paint.ts';

const marks = { error: ['red', '✗'], warning: ['yellow', '!'], note: ['dim', '·'] } as const;

export function renderDoctorPage(report: DoctorReport, { color }: { readonly color: boolean }): string {
  const paint = painter(color);
  return [
    `${paint('bold', report.folder)}  ${paint('dim', whatWasChecked(report))}`,
    '',
    ...table(report.tasks, paint),
    ...(report.tasks.length > 0 ? [''] : []),
    ...findingLines(report.findings, paint),
    verdict(report, paint),
    '',
  ].join('\n');
}

function whatWasChecked({ instructionType, images, subset }: DoctorReport): string {
  const said = {
    sample: `up to ${sampledImages} images of each file decoded`,
    all: 'all images decoded',
    none: 'images not looked at',
  };
  return `type ${instructionType}, ${said[images]}${subset ? ', declared as a subset' : ''}`;
}

function table(tasks: readonly TaskReport[], paint: Paint): readonly string[] {
  const rows = tasks.flatMap(({ task, train, test }) =>
    [train, test].flatMap((part, index) =>
      part === undefined
        ? []
        : [[index === 0 || train === undefined ? task : '', ...cells(part, index === 0)]],
    ),
  );
  const head = ['', '', 'entries', 'questions', 'images', 'answers'];
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number) => column >= 2 && column <= 4;
  return all.map((row, index) => {
    const line = row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumber(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
    return index === 0 ? paint('dim', line) : line;
  });
}

function cells({ entries, questions, images, answers }: PartReport, isTrain: boolean): readonly string[] {
  const total = Object.values(answers).reduce((sum, count) => sum + count, 0);
  const shares = answerStyles
    .flatMap((style) => {
      const count = answers[style] ?? 0;
      return count === 0 ? [] : [{ style, share: (100 * count) / total }];
    })
    .sort((first, second) => second.share - first.share)
    .map(({ style, share }) => `${style} ${share < 1 ? '<1' : Math.round(share)} %`);
  const numbers = [entries, questions, images].map((count) => count.toLocaleString('en-US'));
  return [isTrain ? 'train' : 'test', ...numbers, shares.join(', ')];
}

/** By task in the order of the table, errors first. */
function findingLines(findings: readonly Finding[], paint: Paint): readonly string[] {
  const order = Object.keys(marks);
  const groups = [undefined, ...coinTasks]
    .map((task) => ({ task, list: findings.filter((finding) => finding.task === task) }))
    .filter(({ list }) => list.length > 0);
  return groups.flatMap(({ task, list }) => [
    paint('bold', task ?? 'The folder'),
    ...list
      .sort((first, second) => order.indexOf(first.severity) - order.indexOf(second.severity))
      .flatMap(({ severity, message, hint }) => {
        const [tint, mark] = marks[severity];
        return [
          `  ${paint(tint, mark)} ${message}`,
          ...(hint === undefined ? [] : [`    ${paint('dim', `→ ${hint}`)}`]),
        ];
      }),
    '',
  ]);
}

function verdict({ errors, warnings }: DoctorReport, paint: Paint): string {
  if (errors > 0)
    return paint('red', `${counted(errors, 'error')}, ${counted(warnings, 'warning')}: not ready for a run`);
  if (warnings > 0) return paint('yellow', `no errors, ${counted(warnings, 'warning')}: a run can start`);
  return paint('green', 'no errors, no warnings: ready for a run');
}

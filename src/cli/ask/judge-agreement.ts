// `coin judge agreement`: how far judges of a run agree, or a judge and a person; writes the sheet for the person.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import type { Agreement } from '../../followups/judging/agreement.ts';
import {
  agreementOf,
  judgeRater,
  readSheet,
  unitsOf,
  writeSheet,
} from '../../followups/judging/agreement.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { printable, renderGrid } from '../../report/terminal/terminal-grid.ts';
import { namedIn } from '../../results/sample-query.ts';
import { listJudges } from '../../runs/judge-files.ts';
import { openRun } from '../../runs/open.ts';
import { wholeNumber } from '../shell/options.ts';

export const judgeAgreement = defineCommand({
  args: {
    run: { type: 'positional', required: true, description: 'the folder of a run' },
    judges: { type: 'string', valueHint: 'A,B', description: 'folders below judging/; by default all' },
    sheet: { type: 'string', valueHint: 'FILE', description: 'a filled-in sheet, CSV or JSONL' },
    to: {
      type: 'string',
      valueHint: 'FILE',
      description: 'write a sheet to fill in, CSV or JSONL by its name',
    },
    sample: { type: 'string', default: '100', valueHint: 'NUMBER', description: 'answers on the sheet' },
    seed: { type: 'string', default: '0', valueHint: 'NUMBER', description: 'another seed, other answers' },
    json: { type: 'boolean', description: 'print JSON' },
  },
  async run({ args }) {
    const run = await openRun(args.run);
    if (args.to !== undefined) {
      const rows = writeSheet(
        run,
        args.to,
        wholeNumber('--sample', args.sample),
        wholeNumber('--seed', args.seed, 0),
      );
      process.stdout.write(
        `${args.to}: ${rows} answers. Fill in the column score, 0 to 10, and give it with --sheet.\n`,
      );
      return;
    }
    const all = listJudges(args.run);
    const known = all.map(({ id }) => id);
    const wanted = args.judges?.split(',').map((name) => namedIn('--judges', name.trim(), known, 'judging'));
    const judges = wanted === undefined ? all : all.filter(({ id }) => wanted.includes(id));
    const person = args.sheet === undefined ? [] : [readSheet(args.sheet, unitsOf(run))];
    const raters = [...person, ...judges.map((judge) => judgeRater(run, judge))];
    if (raters.length < 2) {
      throw new UserError({
        message: `expected two judges, found ${raters.length}`,
        hint: 'judge the run with another judge (coin judge), or give a filled-in sheet with --sheet',
      });
    }
    const agreement = agreementOf(raters);
    if (agreement.units === 0) {
      throw new UserError({
        message: `no answer is scored by two of ${raters.map(({ name }) => printable(name)).join(', ')}`,
        hint:
          args.sheet === undefined
            ? 'they judged other answers'
            : 'is the column score of the sheet filled in?',
      });
    }
    process.stdout.write(args.json ? `${JSON.stringify(agreement)}\n` : textOf(agreement));
  },
});

function textOf({ raters: names, units, alpha, confusion }: Agreement): string {
  // Names of models and of files are not ours.
  const raters = names.map(printable);
  const figure = (value: number | undefined) => (value === undefined ? 'undefined' : value.toFixed(3));
  const lines = [
    `${raters.join(', ')}: ${units} answers scored by at least two of them`,
    `Krippendorff's alpha: interval ${figure(alpha.interval)}, ordinal ${figure(alpha.ordinal)}, nominal ${figure(alpha.nominal)}`,
    '1 is perfect agreement, 0 what chance gives. Undefined where only one score occurs.',
    '',
    `Scores of ${raters[0]} (rows) and ${raters[1]} (columns)`,
    ...renderGrid(
      ['', ...confusion.map((_, score) => String(score))].map((heading) => ({
        heading,
        align: 'right' as const,
      })),
      confusion.map((row, score) => [
        { text: String(score), style: 'dim' as const },
        ...row.map((count) => ({ text: count === 0 ? '.' : String(count) })),
      ]),
      { width: widthOf(process.stdout), color: useColor(process.stdout) },
    ),
  ];
  return `${lines.join('\n')}\n`;
}

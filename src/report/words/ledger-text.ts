// The ledger of methods as Markdown: the rule, a row per method, then what each row rests on. The same entries give the
// same text.

import { confidenceInterval, mean } from '../../metrics/statistics.ts';
import { scoringModes } from '../../tasks/task.ts';
import type { LedgerEntry, LedgerVerdict, MethodRun, RunGroup } from '../../verification/ledger.ts';
import { costCell } from './costs.ts';
import { absent, formatChange, formatScore } from './numbers.ts';
import { capitalised } from './text.ts';

export interface LedgerText {
  /** The command that writes it. */
  readonly command: string;
  readonly versions: string;
  /** When the claims were checked, as the user says it. */
  readonly date?: string | undefined;
}

const verdicts: readonly LedgerVerdict[] = ['verified', 'partly verified', 'not verified'];

export function renderLedger(
  entries: readonly LedgerEntry[],
  { command, versions, date }: LedgerText,
): string {
  const counts = verdicts.map(
    (verdict) => `${entries.filter((entry) => entry.verdict === verdict).length} ${verdict}`,
  );
  const parts = [
    `# Reproducibility ledger

Written by \`${command}\`; not to be edited by hand. Claims checked with ${versions}${date === undefined ? '' : ` on ${date}`}, on a toy model with fixed seeds.

## The rule

- **verified**: every claim that the method makes of its mechanism holds, and the mechanism is its paper's (or it has no paper).
- **partly verified**: every claim holds, but something is a substitute, a part is left out, or it is a reading of ours; it is named.
- **not verified**: a claim fails, or there is none.

A claim is executable: it trains a toy with the real trainer and looks at what came out; tests break mechanisms one by one and see claims fail. The verdict is about the mechanism. Scores are beside it: of the runs that were given to the command, and whether they could be held against published ones.

${counts.join(', ')}.`,
    table(
      ['method', 'verdict', 'claims', 'runs', 'published figures'],
      entries.map((entry) => [
        `[${entry.label}](#${anchor(entry)})`,
        entry.verdict,
        `${entry.claims.filter(({ holds }) => holds).length} of ${entry.claims.length}`,
        entry.runs.length === 0 ? 'none' : entry.runs.map(seedsOf).join('; '),
        publishedShort(entry),
      ]),
    ),
    ...entries.map(section),
  ];
  return `${parts.join('\n\n')}\n`;
}

function section(entry: LedgerEntry): string {
  const { label, method, verdict, origin, claims } = entry;
  const lines = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [`${title}\n\n${items.map((item) => `- ${item}`).join('\n')}`];
  return [
    `## ${label}`,
    `**${verdict}.** ${capitalised(origin.source)}. Again with \`coin verify ${method}\`.`,
    ...lines('Not as in the paper:', origin.deviations),
    ...lines(
      'Variants:',
      (origin.variants ?? []).map((variant) => variant.replace(/^([\w]+(?:: [\w]+)?):/, '`$1`:')),
    ),
    table(
      ['claim', 'holds', 'found'],
      claims.map(({ statement, holds, found }) => [statement, holds ? 'yes' : '**no**', found]),
    ),
    ...entry.runs.map(runTable),
    ...published(entry),
  ].join('\n\n');
}

function runTable({ what, runs }: RunGroup): string {
  const figures = (mode: 'strict' | 'reference', { [mode]: { finalAverage, maa, bwt } }: MethodRun) => [
    formatScore(finalAverage),
    formatScore(maa),
    formatChange(bwt),
  ];
  const rows = runs.map((run) => [
    String(run.seed),
    run.began.slice(0, 10),
    run.stages === run.tasks ? String(run.tasks) : `${run.stages} of ${run.tasks}`,
    ...figures('strict', run),
    ...figures('reference', run),
    costCell(run.costs, 'trainableParameters'),
    `${costCell(run.costs, 'trainingSeconds')}, ${costCell(run.costs, 'evaluationSeconds')}`,
    `\`coin run ${run.folder}/config.json --output FOLDER\``,
  ]);
  const over = (of: (run: MethodRun) => number, write: (value: number) => string) => {
    const values = runs.map(of);
    const interval = confidenceInterval(values);
    return interval === undefined ? absent : `${write(mean(values))} ± ${formatScore(interval.margin)}`;
  };
  const summary =
    runs.length < 2
      ? []
      : [
          [
            'mean ± t interval',
            '',
            '',
            ...scoringModes.flatMap((mode) => [
              over((run) => run[mode].finalAverage, formatScore),
              over((run) => run[mode].maa, formatScore),
              over((run) => run[mode].bwt, formatChange),
            ]),
            '',
            '',
            '',
          ],
        ];
  return `Runs of ${what}; strict, then reference scoring, percent:\n\n${table(
    [
      'seed',
      'began',
      'stages',
      'ACC',
      'MAA',
      'BWT',
      'ACC',
      'MAA',
      'BWT',
      'trainable',
      'training, answering',
      'again with',
    ],
    [...rows, ...summary],
  )}`;
}

function published({ published: rows, runs }: LedgerEntry): readonly string[] {
  if (rows.length === 0) return [];
  const compared = runs.filter(({ nano }) => !nano);
  const listed = rows.map(({ id }) => `\`${id}\``).join(', ');
  if (compared.length === 0) {
    return [`Published figures of it: ${listed}. Not held against them: that takes a run of their models.`];
  }
  const figures = rows.flatMap(({ id, summary }) =>
    summary === undefined
      ? []
      : [[id, formatScore(summary.finalAverage), formatScore(summary.maa), formatChange(summary.bwt)]],
  );
  const own = compared.flatMap(({ runs: each }) =>
    each.map(({ folder, reference: { finalAverage, maa, bwt } }) => [
      `here: ${folder}`,
      formatScore(finalAverage),
      formatScore(maa),
      formatChange(bwt),
    ]),
  );
  return [
    `Beside published figures, reference scoring:\n\n${table(['row', 'ACC', 'MAA', 'BWT'], [...own, ...figures])}`,
  ];
}

function publishedShort({ published: rows, runs }: LedgerEntry): string {
  if (rows.length === 0) return 'none';
  const compared = runs.some(({ nano }) => !nano);
  return `${rows.length}, ${compared ? 'compared' : 'not compared'}`;
}

function seedsOf({ runs }: RunGroup): string {
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  return `${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`;
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), `|${headings.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

/** As GitHub makes it of a heading. */
function anchor({ label }: LedgerEntry): string {
  return label
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
}

// The tables of a study as text in rows and columns: terminal, Markdown and page draw the same ones.
import type { Difference, Estimate } from '../../metrics/comparison.ts';
import { methodAxis } from '../../studies/arms.ts';
import type { ArmResults, StudyResults } from '../../studies/study-results.ts';
import type { Track } from '../page/svg.ts';
import { differenceCell, withInterval } from './comparison-words.ts';
import { costColumns } from './costs.ts';
import { absent, formatChange, formatCount, formatDuration, formatScore, formatShort } from './numbers.ts';
import { counted } from './text.ts';

export interface StudyTable {
  readonly title: string;
  readonly note?: string;
  /** The first `leading` columns say which row it is. */
  readonly leading: number;
  /** Its cells are long: a terminal gives each a line. */
  readonly sentences?: boolean;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly StudyCell[])[];
}

export interface StudyCell {
  readonly text: string;
  /** Percent, for a colour. */
  readonly score?: number;
  /** To be drawn as well, on a line from the one number to the other. */
  readonly track?: Track;
  /** Relative to the study's folder. */
  readonly link?: string;
}

const figureNames = ['ACC', 'MAA', 'BWT'] as const;

/** Everything but the notes, in the order in which it is shown. */
export function studyTables(results: StudyResults): readonly StudyTable[] {
  return [
    figureTable(results),
    costTable(results),
    ...results.axes.flatMap((axis) => [comparisonTable(results, axis.label)]),
    ...(results.axes.length > 1
      ? results.axes.flatMap(({ label }) => [gridTable(results, label, 0), gridTable(results, label, 2)])
      : []),
    finalTable(results),
    runTable(results),
  ].filter(({ rows }) => rows.length > 0);
}

function figureTable(results: StudyResults): StudyTable {
  const seeds = results.comparedSeeds;
  const over =
    seeds.length > 1
      ? `means over seeds ${seeds.join(', ')}, and after ± the t interval over them`
      : `seed ${seeds.join()}`;
  return {
    title: 'Figures',
    note: `${results.mode} scoring; 95 % intervals over the test images${seeds.length === 0 ? '' : `; ${over}`}.`,
    leading: axesOf(results).length,
    headings: [...axesOf(results), ...figureNames],
    rows: results.arms.map((arm) => [
      ...leading(results, arm),
      ...figureNames.map((_, index) => {
        const figure = arm.figures?.[index];
        const shown = cell(progressOr(arm, withInterval(figure)));
        return figure === undefined
          ? shown
          : { ...shown, track: { ...figure, domain: domainOf(results, index) } };
      }),
    ]),
  };
}

/** The range of all rows' intervals, to the next ten, with 0 in it. */
function domainOf({ arms }: StudyResults, index: number): readonly [number, number] {
  const figures = arms.flatMap(({ figures }) => figures?.[index] ?? []);
  const low = Math.floor(Math.min(0, ...figures.map((figure) => figure.low)) / 10) * 10;
  const high = Math.ceil(Math.max(0, ...figures.map((figure) => figure.high)) / 10) * 10;
  return low === high ? [0, 10] : [low, high];
}

/** An unfinished arm says how far it is. */
function progressOr(arm: ArmResults, text: string): string {
  if (arm.figures !== undefined) return text;
  const done = arm.runs.reduce((sum, { stages }) => sum + stages, 0);
  const all = arm.runs.reduce((sum, { of }) => sum + of, 0);
  return done === all ? absent : `${done} of ${all} stages`;
}

function costTable(results: StudyResults): StudyTable {
  const columns = costColumns(results.arms.map(({ cost }) => cost));
  return {
    title: 'Cost',
    note: 'Time: the mean of the seeds, on the machine that computed it; sizes: the largest of the seeds. Answering: numbers beside the base model, its passes per question, tokens put into it, after the last stage.',
    leading: axesOf(results).length,
    headings: [...axesOf(results), ...columns.map(({ heading }) => heading)],
    rows: results.arms.map((arm) => [
      ...leading(results, arm),
      ...columns.map((column) => cell(column.cell(arm.cost))),
    ]),
  };
}

/** What changes when one axis does, everything else alike. */
function comparisonTable(results: StudyResults, axis: string): StudyTable {
  const own = results.comparisons.filter((comparison) => comparison.axis === axis);
  return {
    title: `What ${axis} changes`,
    note: `Against ${firstOf(results, axis)}, all else alike, on the same draws of the test images. Corrected over ${counted(own[0]?.corrected ?? 0, 'comparison')} by Holm's method, each figure by itself.`,
    leading: axesOf(results).length,
    sentences: true,
    headings: [...axesOf(results), ...figureNames],
    rows: own.map(({ arm, differences }) => [
      ...leading(results, armNamed(results, arm)),
      ...figureNames.map((_, index) => cell(differenceCell(differences[index]))),
    ]),
  };
}

/** One figure: an axis across, the other settings down, and the mean of each column. */
function gridTable(results: StudyResults, axis: string, figure: 0 | 2): StudyTable {
  const values = results.axes.find(({ label }) => label === axis)?.values ?? [];
  const others = axesOf(results).filter((label) => label !== axis);
  const keyOf = (arm: ArmResults) => others.map((label) => arm.coordinates[label] ?? '').join(', ');
  const keys = [...new Set(results.arms.map(keyOf))];
  const at = (key: string, value: string): Estimate | undefined =>
    results.arms.find((arm) => keyOf(arm) === key && arm.coordinates[axis] === value)?.figures?.[figure];
  const format = figure === 0 ? formatScore : formatChange;
  const shown = (value: number | undefined): StudyCell =>
    figure === 0 && value !== undefined ? { text: format(value), score: value } : cell(format(value));
  const meanOf = (value: string) => {
    const column = keys.map((key) => at(key, value)?.value);
    return column.some((each) => each === undefined)
      ? undefined
      : column.reduce<number>((sum, each) => sum + (each ?? 0), 0) / column.length;
  };
  return {
    title: `${figureNames[figure]} by ${axis}`,
    leading: 1,
    headings: [others.join(', '), ...values],
    rows: [
      ...keys.map((key) => [cell(key), ...values.map((value) => shown(at(key, value)?.value))]),
      [cell('mean'), ...values.map((value) => shown(meanOf(value)))],
    ],
  };
}

/** What is left of each task at the end. */
function finalTable(results: StudyResults): StudyTable {
  const arms = results.arms.filter(({ final }) => final !== undefined);
  const tasks = [...new Set([...results.tasks, ...arms.flatMap(({ final }) => Object.keys(final ?? {}))])];
  return {
    title: 'Tasks at the end',
    note: 'Percent right after the last stage, the mean over the seeds.',
    leading: axesOf(results).length,
    headings: [...axesOf(results), ...tasks],
    rows: arms.map((arm) => [
      ...leading(results, arm),
      ...tasks.map((task) => {
        const score = arm.final?.[task];
        return score === undefined ? cell(absent) : { text: formatShort(score), score };
      }),
    ]),
  };
}

function runTable(results: StudyResults): StudyTable {
  const runs = new Map(
    results.arms.flatMap((arm) => arm.runs.map((run) => [run.run, { run, arm }] as const)),
  );
  const axes = axesOf(results).filter((label) => label !== methodAxis);
  const whole = (name: string) =>
    results.arms
      .flatMap((arm) => arm.runs.filter(({ run }) => run === name))
      .filter(({ stages, of }) => stages === of).length;
  const methods = (name: string) =>
    results.arms.filter((arm) => arm.runs.some(({ run }) => run === name)).length;
  return {
    title: 'Runs',
    note: 'Each is a folder of its own with a report.',
    leading: 1,
    headings: ['run', ...axes, 'seed', 'methods finished'],
    rows: [...runs].map(([name, { run, arm }]) => [
      { text: name, link: `${name}/report.html` },
      ...axes.map((label) => cell(arm.coordinates[label] ?? '')),
      cell(String(run.seed)),
      cell(`${whole(name)} of ${methods(name)}`),
    ]),
  };
}

/** What can be told apart and what cannot, a sentence for each axis and figure. */
export function studyWords(results: StudyResults): readonly string[] {
  return results.axes.flatMap(({ label }) => {
    const own = results.comparisons.filter(({ axis }) => axis === label);
    return [0, 2].flatMap((figure) => {
      const named = (wanted: (difference: Difference) => boolean) =>
        own.flatMap(({ arm, differences }) => {
          const difference = differences[figure];
          return difference !== undefined && wanted(difference) ? [arm] : [];
        });
      const higher = named(({ distinguishable, low }) => distinguishable && low > 0);
      const lower = named(({ distinguishable, low }) => distinguishable && low <= 0);
      const open = named(({ distinguishable }) => !distinguishable);
      if (own.length === 0) return [];
      const parts = [
        ...(higher.length === 0 ? [] : [`higher: ${listed(higher)}`]),
        ...(lower.length === 0 ? [] : [`lower: ${listed(lower)}`]),
        ...(open.length === 0 ? [] : [`not distinguishable: ${listed(open)}`]),
      ];
      return [`${figureNames[figure]}, against ${firstOf(results, label)}: ${parts.join('. ')}.`];
    });
  });
}

/** Rows in words: many are only counted. */
function listed(names: readonly string[]): string {
  return names.length <= 8
    ? names.join('; ')
    : `${names.slice(0, 7).join('; ')} and ${names.length - 7} more`;
}

/** What was shared, and what it saved; undefined where nothing was. */
export function sharingSentence({ sharing }: Pick<StudyResults, 'sharing'>): string | undefined {
  const { steps, trainings, evaluations, trainingSeconds, evaluationSeconds } = sharing;
  if (trainings + evaluations === 0) return undefined;
  const parts = [
    ...(trainings === 0 ? [] : [`${counted(trainings, 'training')} (${formatDuration(trainingSeconds)})`]),
    ...(evaluations === 0
      ? []
      : [`${counted(evaluations, 'evaluation')} (${formatDuration(evaluationSeconds)})`]),
  ];
  return `Of ${formatCount(steps)} steps, ${parts.join(' and ')} ${trainings + evaluations === 1 ? 'was' : 'were'} taken over from a run that had computed the same, which saved ${formatDuration(trainingSeconds + evaluationSeconds)}.`;
}

function axesOf({ axes }: StudyResults): readonly string[] {
  return axes.length === 0 ? [methodAxis] : axes.map(({ label }) => label);
}

/** What the others are held against: `rank 8`, or a method by its name alone. */
function firstOf({ axes }: StudyResults, axis: string): string {
  const value = axes.find(({ label }) => label === axis)?.values[0] ?? '';
  return axis === methodAxis ? value : `${axis} ${value}`;
}

function leading(results: StudyResults, arm: ArmResults): readonly StudyCell[] {
  return axesOf(results).map((label) => cell(arm.coordinates[label] ?? ''));
}

function armNamed({ arms }: StudyResults, name: string): ArmResults {
  const arm = arms.find((each) => each.name === name);
  if (arm === undefined) throw new Error(`internal: the study has no row ${name}`);
  return arm;
}

function cell(text: string): StudyCell {
  return { text };
}

// The results of a study, computed from the predictions of its runs: figures of every arm with intervals, and what
// differs between arms that differ in one thing. Nothing is trusted that was computed before.
import { join } from 'node:path';
import type { Step } from '../config/plan.ts';
import { fewestResamples } from '../metrics/bootstrap.ts';
import { type Comparison, compareMethods, type Difference, type Estimate } from '../metrics/comparison.ts';
import { alpha } from '../results/clusters.ts';
import { type MethodCost, methodCost } from '../results/costs.ts';
import type { OpenedRun } from '../runs/open.ts';
import type { ScoringMode } from '../tasks/task.ts';
import {
  finishedArms,
  type OpenedRuns,
  type OpenedStudyRun,
  openStudyRun,
  type ScoredArm,
  scoreArm,
  stagesIn,
} from './arm-scores.ts';
import { type Arm, type ArmPair, armsOf, pairsOf, type VariedAxis, variedAxes } from './arms.ts';
import type { Study } from './load-study.ts';
import { runsIn } from './sharing.ts';

export interface StudyResultOptions {
  readonly mode?: ScoringMode;
  /** At least so many draws of the test images; more where the correction needs them. */
  readonly resamples?: number;
  /** The seed of the draws. */
  readonly seed?: number;
}

/** One run's part of an arm. */
export interface ArmRun {
  /** Its folder below the study's. */
  readonly run: string;
  readonly seed: number;
  /** Whole stages, and those of the stream. */
  readonly stages: number;
  readonly of: number;
}

export interface ArmResults {
  readonly name: string;
  /** What it was given of each axis, by the axis's label. */
  readonly coordinates: Readonly<Record<string, string>>;
  readonly runs: readonly ArmRun[];
  /** ACC, MAA and BWT over the compared seeds; absent while it is not finished. */
  readonly figures?: readonly Estimate[];
  /** Percent right at the end by task, the mean over the compared seeds. */
  readonly final?: Readonly<Record<string, number>>;
  /** Folded over its runs; where a step was taken over, what it took where it was computed. */
  readonly cost: MethodCost;
}

export interface ArmComparison {
  /** What the two differ in. */
  readonly axis: string;
  readonly arm: string;
  readonly reference: string;
  /** How many comparisons it is corrected over. */
  readonly corrected: number;
  /** ACC, MAA and BWT of the arm less those of the reference. */
  readonly differences: readonly Difference[];
}

/** Steps that were taken over from another run, of all that are recorded, and the seconds that they took there. */
export interface SharingSummary {
  readonly steps: number;
  readonly trainings: number;
  readonly trainingSeconds: number;
  readonly evaluations: number;
  readonly evaluationSeconds: number;
}

export interface StudyResults {
  readonly name: string;
  readonly question?: string;
  readonly mode: ScoringMode;
  /** With more than one value. */
  readonly axes: readonly VariedAxis[];
  readonly seeds: readonly number[];
  /** The seeds that the figures are over. */
  readonly comparedSeeds: readonly number[];
  readonly tasks: readonly string[];
  /** Test images by task. */
  readonly images: Readonly<Record<string, number>>;
  readonly resamples: number;
  readonly arms: readonly ArmResults[];
  readonly comparisons: readonly ArmComparison[];
  /** What of the study is not in the figures, and why. */
  readonly notes: readonly string[];
  readonly sharing: SharingSummary;
}

/** @throws UserError or DataError when predictions or test data of a run are missing or damaged. */
export async function computeStudyResults(
  study: Study,
  { mode = 'strict', resamples: least = 2000, seed = 0 }: StudyResultOptions = {},
): Promise<StudyResults> {
  const begun = new Set(runsIn(study.folder));
  const opened = new Map<string, OpenedStudyRun>();
  for (const { name } of study.runs) {
    if (begun.has(name)) opened.set(name, await openStudyRun(join(study.folder, name)));
  }
  const arms = armsOf(study);
  const { arms: finished, seeds: comparedSeeds } = finishedArms(arms, opened);
  const scored = finished.map((arm) => scoreArm(arm, { seeds: comparedSeeds, opened, mode }));
  const groups = groupsOf(study, scored);
  const most = Math.max(1, ...groups.map(({ pairs }) => pairs.length));
  const resamples = Math.max(least, fewestResamples(alpha / most));
  const compared = groups.map((group) => compareGroup(group, { resamples, seed }));
  const estimates = new Map(
    compared.flatMap(({ estimates }) => estimates.map(({ method, figures }) => [method, figures] as const)),
  );
  const finals = new Map(scored.map(({ arm, final }) => [arm, final]));
  return {
    name: study.name,
    question: study.question,
    mode,
    axes: variedAxes(study),
    seeds: study.seeds,
    comparedSeeds,
    tasks: study.runs[0]?.config.tasks ?? [],
    images: Object.assign({}, ...scored.map(({ images }) => images)),
    resamples,
    arms: arms.map((arm) =>
      describeArm(arm, opened, { figures: estimates.get(arm.name), final: finals.get(arm) }),
    ),
    comparisons: compared.flatMap(({ comparisons }) => comparisons),
    notes: notesOn({ study, arms, groups, comparedSeeds }),
    sharing: sharingOf([...opened.values()].map(({ run }) => run)),
  };
}

/** Arms that were tested on the same samples, and the pairs among them that differ in one thing. */
interface Group {
  readonly scored: readonly ScoredArm[];
  readonly pairs: readonly ArmPair[];
  /** Those that differ from their reference in name only, as the method has no use for what is varied. */
  readonly same: readonly Arm[];
}

function groupsOf(study: Study, scored: readonly ScoredArm[]): readonly Group[] {
  return [...new Set(scored.map(({ tested }) => tested))].map((tested) => {
    const own = scored.filter((each) => each.tested === tested);
    const arms = own.map(({ arm }) => arm);
    const isSame = ({ arm, reference }: ArmPair) => own[arm]?.made === own[reference]?.made;
    const all = pairsOf(study, arms);
    return {
      scored: own,
      pairs: all.filter((pair) => !isSame(pair)),
      same: all.filter(isSame).flatMap(({ arm }) => arms[arm] ?? []),
    };
  });
}

/** Nothing where a task has a single image, of which no interval can be made. */
function compareGroup(
  { scored, pairs }: Group,
  options: { readonly resamples: number; readonly seed: number },
): Pick<Comparison, 'estimates'> & { readonly comparisons: readonly ArmComparison[] } {
  const [first] = scored;
  if (first === undefined || lonely(first) !== undefined) return { estimates: [], comparisons: [] };
  const comparison = compareMethods({
    tasks: Object.keys(first.images),
    methods: scored.map(({ arm, orders, seeds }) => ({ name: arm.name, orders, seeds })),
    pairs: pairs.map(({ arm, reference }) => [arm, reference]),
    cells: false,
    alpha,
    ...options,
  });
  return {
    estimates: comparison.estimates,
    comparisons: pairs.map(({ axis }, index) => {
      const { first: arm = '', second: reference = '', differences = [] } = comparison.pairs[index] ?? {};
      return { axis, arm, reference, corrected: pairs.length, differences };
    }),
  };
}

/** A task whose samples are all about one image. */
function lonely({ images }: ScoredArm): string | undefined {
  return Object.keys(images).find((task) => (images[task] ?? 0) < 2);
}

function notesOn({
  study,
  arms,
  groups,
  comparedSeeds,
}: {
  readonly study: Study;
  readonly arms: readonly Arm[];
  readonly groups: readonly Group[];
  readonly comparedSeeds: readonly number[];
}): readonly string[] {
  const notes: string[] = [];
  const scored = groups.flatMap((group) => group.scored);
  if (scored.length > 0 && comparedSeeds.length < study.seeds.length) {
    notes.push(
      `Not every seed is finished: figures are over ${listOf(comparedSeeds)} of ${listOf(study.seeds)}.`,
    );
  }
  if (scored.length < arms.length) {
    notes.push(`Not finished, and without figures: ${arms.length - scored.length} of ${arms.length} rows.`);
  }
  if (groups.length > 1) {
    const names = groups.map((group) => group.scored.map(({ arm }) => arm.name).join('; '));
    notes.push(`Tested on different samples, and so not compared with each other: ${names.join(' | ')}.`);
  }
  const same = groups.flatMap((group) => group.same.map(({ name }) => name));
  if (same.length > 0) {
    notes.push(`The same models under another name, and not compared: ${[...new Set(same)].join('; ')}.`);
  }
  const single = scored.map(lonely).find((task) => task !== undefined);
  if (single !== undefined) {
    notes.push(
      `The test samples of ${single} are all about one image: no figures with intervals can be made.`,
    );
  }
  if (comparedSeeds.length === 1) {
    notes.push('One seed: how much training again would change is not in these intervals.');
  }
  return notes;
}

function listOf(seeds: readonly number[]): string {
  return seeds.join(', ');
}

function describeArm(
  arm: Arm,
  opened: OpenedRuns,
  { figures, final }: Pick<ArmResults, 'figures' | 'final'>,
): ArmResults {
  const { name, coordinates, method } = arm;
  const runs = arm.runs.flatMap((run) => opened.get(run.name) ?? []).map(({ run }) => run);
  return {
    name,
    coordinates,
    runs: arm.runs.map((run) => ({
      run: run.name,
      seed: run.config.seed,
      stages: stagesIn(arm, run.name, opened),
      of: run.config.tasks.length,
    })),
    figures,
    final,
    cost: methodCost(runs, method),
  };
}

function sharingOf(runs: readonly OpenedRun[]): SharingSummary {
  const recorded = runs.flatMap(({ steps, records }) => steps.flatMap(({ key }) => records.get(key) ?? []));
  const shared = (kind: Step['kind']) =>
    recorded.filter((record) => record.kind === kind && record.sharedFrom !== undefined);
  const seconds = (records: typeof recorded) =>
    records.reduce((sum, { measured }) => sum + (measured.seconds ?? 0), 0);
  return {
    steps: recorded.length,
    trainings: shared('train').length,
    trainingSeconds: seconds(shared('train')),
    evaluations: shared('evaluate').length,
    evaluationSeconds: seconds(shared('evaluate')),
  };
}

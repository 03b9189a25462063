// Runs compared: methods of one run, of its seeds, or of runs that differ in more, on the tasks and samples that they
// share. The statistics are in `metrics/`; which runs belong together is `compared-runs.ts`; words are made elsewhere.
import { UserError } from '../base/errors.ts';
import { fewestResamples } from '../metrics/bootstrap.ts';
import { matchedWithin } from '../metrics/budget.ts';
import { type Comparison, compareMethods } from '../metrics/comparison.ts';
import type { TaskName } from '../tasks/index.ts';
import type { ScoringMode } from '../tasks/task.ts';
import { alpha, clusteredStages, clustersOf, imageCounts } from './clusters.ts';
import {
  type ComparedGroup,
  chooseArms,
  differingSettings,
  openGroups,
  type SettingDifference,
  sharedTasks,
} from './compared-runs.ts';
import { type MethodCost, methodCost } from './costs.ts';

export interface CompareOptions {
  /** One run; seeds of one configuration; or runs that differ in their configuration or methods. */
  readonly folders: readonly string[];
  /** By default all that every run has a whole stage of. */
  readonly methods?: readonly string[];
  readonly mode?: ScoringMode;
  readonly resamples?: number;
  readonly seed?: number;
}

/** What was compared: a method of a run or of several seeds, with what it took. */
export interface ComparedArm extends MethodCost {
  /** As in the estimates and pairs: the method's name, with its run's where several configurations are compared. */
  readonly name: string;
}

export interface RunComparison extends Comparison {
  readonly mode: ScoringMode;
  readonly resamples: number;
  readonly seed: number;
  /** The seeds of each configuration's runs. */
  readonly seeds: readonly number[];
  /** That were compared, in the first run's order. */
  readonly tasks: readonly TaskName[];
  /** How many tasks the first run's whole stream has. */
  readonly streamTasks: number;
  readonly images: Readonly<Record<string, number>>;
  readonly arms: readonly ComparedArm[];
  /** Runs of more than one configuration: what each is called, and the settings in which they differ. */
  readonly across?: {
    readonly runs: readonly string[];
    readonly settings: readonly SettingDifference[];
    /** Tasks that all have learned but were tested on other samples, and methods that only one has: not compared. */
    readonly otherSamples: readonly TaskName[];
    readonly alone: readonly string[];
    /** Whether the tasks were learned in the same order. */
    readonly sameOrder: boolean;
  };
  /** Arms of which no answer was right just after any task was learned. */
  readonly learntNothing: readonly string[];
  /** Pairs whose trainable parameters differ by more than 5 %. */
  readonly unmatched: readonly {
    readonly first: string;
    readonly second: string;
    readonly percent: number;
  }[];
}

/**
 * Compares methods of runs on the tasks that all of them have learned and were tested on with the same samples.
 * @throws UserError or DataError when there is nothing to compare, or a task's images are too few to draw from.
 */
export async function compareRuns(options: CompareOptions): Promise<RunComparison> {
  const { folders, mode = 'strict', resamples = 2000, seed = 0 } = options;
  const groups = await openGroups(folders);
  const { arms, pairs, alone } = chooseArms(groups, options.methods);
  const needed = fewestResamples(alpha / pairs.length);
  if (resamples < needed) {
    throw new UserError({
      message: `--resamples: ${resamples} are too few to correct for ${pairs.length} ${pairs.length === 1 ? 'pair' : 'pairs'} of methods`,
      hint: `at least ${needed}, or fewer methods with --methods`,
    });
  }
  const { tasks, otherSamples } = sharedTasks(arms);
  if (tasks.length === 0) {
    throw new UserError({
      message: `no task was learned by all and tested on the same samples${otherSamples.length === 0 ? '' : `: ${otherSamples.join(', ')} were tested on others`}`,
      hint: 'compare runs of the same benchmark with the same testSamples and testSeed',
    });
  }
  const [first] = groups.flatMap(({ runs }) => runs).map(({ run }) => run);
  if (first === undefined) throw new Error('internal: an arm without a run');
  const clusters = new Map(tasks.map((task) => [task, clustersOf(first.evaluations.samples(task))]));
  const images = imageCounts(clusters);
  const single = tasks.find((task) => (images[task] ?? 0) < 2);
  if (single !== undefined) {
    throw new UserError(
      `the test samples of ${single} are all about one image: no interval can be made of it`,
    );
  }
  const nameOf = ({ method, group }: ComparedGroup) =>
    groups.length > 1 ? `${method} of ${group.label}` : method;
  const compared = arms.map((arm) => ({
    name: nameOf(arm),
    neverForgets: neverForgets(arm),
    orders: arm.group.runs.map(({ run }) => run.config.tasks.filter((task) => tasks.includes(task))),
    seeds: arm.group.runs.map(({ run, stages }) => {
      const order = run.config.tasks.filter((task) => tasks.includes(task));
      return clusteredStages(run, stages.get(arm.method) ?? [], clusters, mode, order);
    }),
  }));
  const sameOrder = compared.every(({ orders }) => orders.every((order) => order.join() === tasks.join()));
  const costs = arms.map(
    (arm): ComparedArm => ({
      name: nameOf(arm),
      ...methodCost(
        arm.group.runs.map(({ run }) => run),
        arm.method,
        stagesCompared(arm, tasks),
      ),
      label: arm.label,
    }),
  );
  const result = compareMethods({
    tasks,
    methods: compared,
    pairs,
    cells: sameOrder,
    resamples,
    seed,
    alpha,
  });
  const unmatched = unmatchedPairs(costs, pairs);
  return {
    mode,
    resamples,
    seed,
    seeds: (groups[0]?.runs ?? []).map(({ run }) => run.config.seed),
    tasks,
    streamTasks: first.config.tasks.length,
    images,
    arms: costs,
    ...(groups.length === 1
      ? {}
      : {
          across: {
            runs: groups.map(({ label }) => label),
            settings: differingSettings(
              groups.flatMap(({ runs: [some] }) => (some === undefined ? [] : [some.run])),
              [...new Set(arms.map(({ method }) => method))],
            ),
            otherSamples,
            alone,
            sameOrder,
          },
        }),
    learntNothing: compared
      .filter(
        ({ seeds }, index) =>
          trains(arms[index]) &&
          seeds.every((stages) => stages.every((row) => row.at(-1)?.sums.every((sum) => sum === 0) === true)),
      )
      .map(({ name }) => name),
    unmatched,
    ...result,
  };
}

function trains(arm: ComparedGroup | undefined): boolean {
  return arm?.group.runs[0]?.run.catalogue.methods.get(arm.method).stream.trains === true;
}

/** Up to the last compared task of the first run, so that what a method takes is of what was compared. */
function stagesCompared({ group }: ComparedGroup, tasks: readonly TaskName[]): number {
  const stream = group.runs[0]?.run.config.tasks ?? [];
  return Math.max(...tasks.map((task) => stream.indexOf(task) + 1));
}

/** A method that trains nothing has no counterpart and is left out. */
function unmatchedPairs(
  arms: readonly ComparedArm[],
  pairs: readonly (readonly [number, number])[],
): RunComparison['unmatched'] {
  return pairs.flatMap(([one, other]) => {
    const [first, second] = [arms[one], arms[other]];
    const [a = 0, b = 0] = [first?.trainableParameters, second?.trainableParameters];
    if (first === undefined || second === undefined || a === 0 || b === 0) return [];
    const percent = 100 * (Math.max(a, b) / Math.min(a, b) - 1);
    return percent > 100 * matchedWithin ? [{ first: first.name, second: second.name, percent }] : [];
  });
}

function neverForgets({ method, group }: ComparedGroup): boolean {
  return group.runs[0]?.run.catalogue.methods.get(method).neverForgets === true;
}

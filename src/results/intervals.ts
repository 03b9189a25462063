// Bootstrap intervals of a run's figures, and which of its methods can be told apart, for its tables and its report. Made
// as `coin compare` makes them, whose statistics are in metrics/comparison.ts.

import type { Interval } from '../metrics/bootstrap.ts';
import { fewestResamples } from '../metrics/bootstrap.ts';
import {
  type ComparedMethod,
  type Comparison,
  compareDrawn,
  drawFigures,
  figuresOf,
} from '../metrics/comparison.ts';
import type { OpenedRun } from '../runs/open.ts';
import type { ScoringMode } from '../tasks/task.ts';
import { type Clusters, clusteredStages, clustersOf, fewImages, imageCounts } from './clusters.ts';
import type { Stages } from './matrices.ts';

export interface IntervalResults {
  /** Draws of the test images. */
  readonly resamples: number;
  /** Tasks with so few images that intervals are too narrow. */
  readonly few: readonly string[];
  /** 95 % intervals by method, over its own whole stages. */
  readonly methods: Readonly<Record<string, MethodIntervals>>;
  /** Absent with a single method. */
  readonly comparison?: {
    /** As many as all the methods have. */
    readonly stages: number;
    /** Corrected over the pairs, each figure by itself. */
    readonly pairs: readonly PairDifferences[];
  };
}

export interface MethodIntervals {
  readonly acc: Interval;
  readonly maa: Interval;
  readonly bwt: Interval;
  /** The cells of seen tasks. */
  readonly cells: readonly (Interval & { readonly after: string; readonly task: string })[];
}

export interface PairDifferences {
  readonly first: string;
  readonly second: string;
  /** The first method's figure minus the second's, in points. */
  readonly acc: PairDifference;
  readonly maa: PairDifference;
  readonly bwt: PairDifference;
}

export interface PairDifference extends Interval {
  readonly value: number;
  /** False for a BWT that is 0 by construction. */
  readonly tested: boolean;
  readonly distinguishable: boolean;
}

/** More where many pairs of methods are to be corrected for. */
const RESAMPLES = 2000;
const ALPHA = 0.05;

type Stagewise = ReturnType<typeof clusteredStages>;

/** Undefined where no stage is whole, or where all questions of a task are about one image. */
export function intervalResults(
  run: OpenedRun,
  stages: Stages,
): Readonly<Record<ScoringMode, IntervalResults>> | undefined {
  const begun = [...stages].filter(([, evaluations]) => evaluations.length > 0);
  const lengths = begun.map(([, evaluations]) => evaluations.length);
  const tasks = run.config.tasks.slice(0, Math.max(0, ...lengths));
  const clusters: Clusters = new Map(tasks.map((task) => [task, clustersOf(run.evaluations.samples(task))]));
  const images = imageCounts(clusters);
  if (tasks.length === 0 || tasks.some((task) => (images[task] ?? 0) < 2)) return undefined;
  const pairs = (begun.length * (begun.length - 1)) / 2;
  const resamples = Math.max(RESAMPLES, fewestResamples(ALPHA / Math.max(1, pairs)));
  const neverForgets = (name: string) => run.catalogue.methods.get(name).neverForgets;
  const strict = begun.map(([name, evaluations]) => ({
    name,
    stages: clusteredStages(run, evaluations, clusters, 'strict'),
  }));
  const reference = begun.map(([name, evaluations], index) => {
    const scored = clusteredStages(run, evaluations, clusters, 'reference');
    return { name, stages: sharing(scored, strict[index]?.stages ?? []) };
  });
  // Both scorings on the same draws, in which what they agree on is added up once.
  const compare = (length: number, chosen: (stages: number) => boolean) => {
    const compared = (methods: typeof strict): ComparedMethod[] =>
      methods.flatMap(({ name, stages: rows }) =>
        chosen(rows.length)
          ? [{ name, neverForgets: neverForgets(name), seeds: [rows.slice(0, length)] }]
          : [],
      );
    const seen = tasks.slice(0, length);
    const methods = [...compared(strict), ...compared(reference)];
    const drawn = drawFigures({ tasks: seen, methods, resamples });
    const half = (start: number) =>
      compareDrawn(figuresOf(seen), drawn.slice(start, start + drawn.length / 2), {
        alpha: ALPHA,
        pairedCells: false,
      });
    return { strict: half(0), reference: half(drawn.length / 2) };
  };
  const shortest = Math.min(...lengths);
  const all = compare(shortest, () => true);
  const longer = [...new Set(lengths)]
    .filter((length) => length > shortest)
    .map((length) => compare(length, (count) => count === length));
  const few = tasks.filter((task) => (images[task] ?? 0) < fewImages);
  const resultsOf = (mode: ScoringMode): IntervalResults => {
    const estimates = [all, ...longer].flatMap((comparison) => comparison[mode].estimates);
    return {
      resamples,
      few,
      // Of a longer method the last is over all its stages.
      methods: Object.fromEntries(estimates.map((one) => [one.method, methodIntervals(one)])),
      ...(pairs === 0
        ? {}
        : { comparison: { stages: shortest, pairs: all[mode].pairs.map(pairDifferences) } }),
    };
  };
  return { strict: resultsOf('strict'), reference: resultsOf('reference') };
}

/** The scores with the arrays of others where both hold the same numbers. */
function sharing(scores: Stagewise, others: Stagewise): Stagewise {
  const shared = (own: Float64Array, other: Float64Array | undefined) =>
    other !== undefined && own.every((value, index) => value === other[index]) ? other : own;
  return scores.map((row, stage) =>
    row.map(({ sums, counts }, task) => {
      const other = others[stage]?.[task];
      return { sums: shared(sums, other?.sums), counts: shared(counts, other?.counts) };
    }),
  );
}

function methodIntervals({ figures }: Comparison['estimates'][number]): MethodIntervals {
  const interval = (name: string) => {
    const found = figures.find((figure) => figure.name === name);
    if (found === undefined) throw new Error(`internal: there is no estimate of ${name}`);
    return { low: found.low, high: found.high };
  };
  return {
    acc: interval('ACC'),
    maa: interval('MAA'),
    bwt: interval('BWT'),
    cells: figures.flatMap(({ task, after, low, high }) =>
      task === undefined || after === undefined ? [] : [{ after, task, low, high }],
    ),
  };
}

function pairDifferences({ first, second, differences }: Comparison['pairs'][number]): PairDifferences {
  const difference = (name: string) => {
    const found = differences.find((one) => one.name === name);
    if (found === undefined) throw new Error(`internal: there is no difference in ${name}`);
    const { value, low, high, tested, distinguishable } = found;
    return { value, low, high, tested, distinguishable };
  };
  return { first, second, acc: difference('ACC'), maa: difference('MAA'), bwt: difference('BWT') };
}

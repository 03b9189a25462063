// Bootstrap intervals of a run's figures, and which of its methods can be told apart, for its tables and its report. Made
// as `coin compare` makes them, whose statistics are in metrics/comparison.ts.
import { fewestResamples } from '../metrics/bootstrap.ts';
import { type ComparedMethod, type Comparison, compareMethods } from '../metrics/comparison.ts';
import type { IntervalResults, MethodIntervals, PairDifferences } from '../report/results.ts';
import type { ScoringMode } from '../tasks/task.ts';
import { type Clusters, clusteredStages, clustersOf, fewImages, imageCounts } from './comparison.ts';
import type { Stages } from './mode-results.ts';
import type { OpenedRun } from './run-data.ts';

/** More where many pairs of methods are to be corrected for. */
const RESAMPLES = 2000;
const ALPHA = 0.05;

/** Undefined where no stage is whole, or where all questions of a task are about one image. */
export function intervalResults(
  run: OpenedRun,
  stages: Stages,
): Readonly<Record<ScoringMode, IntervalResults>> | undefined {
  const longest = Math.max(0, ...[...stages.values()].map(({ length }) => length));
  const tasks = run.config.tasks.slice(0, longest);
  const clusters: Clusters = new Map(tasks.map((task) => [task, clustersOf(run.evaluations.samples(task))]));
  const images = imageCounts(clusters);
  if (longest === 0 || tasks.some((task) => (images[task] ?? 0) < 2)) return undefined;
  const few = tasks.filter((task) => (images[task] ?? 0) < fewImages);
  const resultsOf = (mode: ScoringMode) => ({ ...intervalsOf(run, stages, clusters, mode), few });
  return { strict: resultsOf('strict'), reference: resultsOf('reference') };
}

function intervalsOf(
  run: OpenedRun,
  stages: Stages,
  clusters: Clusters,
  mode: ScoringMode,
): Omit<IntervalResults, 'few'> {
  const compared = [...stages].flatMap(([name, evaluations]): ComparedMethod[] =>
    evaluations.length === 0 ? [] : [{ name, seeds: [clusteredStages(run, evaluations, clusters, mode)] }],
  );
  const lengthOf = ({ seeds }: ComparedMethod) => seeds[0]?.length ?? 0;
  const pairs = (compared.length * (compared.length - 1)) / 2;
  const resamples = Math.max(RESAMPLES, fewestResamples(ALPHA / Math.max(1, pairs)));
  const compare = (methods: readonly ComparedMethod[], length: number): Comparison =>
    compareMethods({
      tasks: run.config.tasks.slice(0, length),
      methods: methods.map(({ name, seeds }) => ({
        name,
        seeds: seeds.map((rows) => rows.slice(0, length)),
      })),
      resamples,
      alpha: ALPHA,
      pairedCells: false,
    });
  const shortest = Math.min(...compared.map(lengthOf));
  const all = compare(compared, shortest);
  const longer = [...new Set(compared.map(lengthOf))]
    .filter((length) => length > shortest)
    .flatMap(
      (length) =>
        compare(
          compared.filter((method) => lengthOf(method) === length),
          length,
        ).estimates,
    );
  const estimates = new Map([...all.estimates, ...longer].map((one) => [one.method, one]));
  return {
    resamples,
    methods: Object.fromEntries([...estimates.values()].map((one) => [one.method, methodIntervals(one)])),
    ...(pairs === 0 ? {} : { comparison: { stages: shortest, pairs: all.pairs.map(pairDifferences) } }),
  };
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
    const { value, low, high, distinguishable } = found;
    return { value, low, high, distinguishable };
  };
  return { first, second, acc: difference('ACC'), maa: difference('MAA'), bwt: difference('BWT') };
}

// Runs read for a comparison: which methods, stages and seeds can be compared, their scores added up by image, and what
// each method takes. The statistics are in `metrics/`; the words are the command's.
import { UserError } from '../base/errors.ts';
import type { EvaluateStep } from '../config/plan.ts';
import type { RunConfig } from '../config/schema.ts';
import type { MethodName } from '../methods/index.ts';
import { type ClusteredScores, fewestResamples } from '../metrics/bootstrap.ts';
import { matchedWithin } from '../metrics/budget.ts';
import { type Comparison, compareMethods } from '../metrics/comparison.ts';
import { type OpenedRun, openRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import type { SampleScore, ScoringMode, TestSample } from '../tasks/task.ts';
import { type MethodCost, methodCost } from './costs.ts';
import { type Stages, wholeStages } from './matrices.ts';
import { namedIn } from './sample-query.ts';

export interface CompareOptions {
  /** Runs of one configuration with different seeds; one is enough. */
  readonly folders: readonly string[];
  /** By default all that every run has a whole stage of. */
  readonly methods?: readonly string[];
  readonly mode?: ScoringMode;
  readonly resamples?: number;
  readonly seed?: number;
}

export interface RunComparison extends Comparison {
  readonly mode: ScoringMode;
  readonly resamples: number;
  readonly seed: number;
  /** Of the runs. */
  readonly seeds: readonly number[];
  /** Of the compared stages. */
  readonly tasks: readonly TaskName[];
  /** Of the whole stream. */
  readonly streamTasks: number;
  readonly images: Readonly<Record<string, number>>;
  readonly costs: readonly MethodCost[];
  /** Pairs whose trainable parameters differ by more than 5 %. */
  readonly unmatched: readonly {
    readonly first: string;
    readonly second: string;
    readonly percent: number;
  }[];
}

export const alpha = 0.05;

/** Below this many images, percentile intervals are visibly too narrow. */
export const fewImages = 30;

/**
 * Compares the methods of a run, or of several runs that differ in nothing but the seed.
 * @throws UserError or DataError when the runs cannot be compared, or a task's images are too few to draw from.
 */
export async function compareRuns(options: CompareOptions): Promise<RunComparison> {
  const { mode = 'strict', resamples = 2000, seed = 0 } = options;
  const runs: OpenedRun[] = [];
  for (const folder of options.folders) runs.push(await openRun(folder));
  const [first] = runs;
  if (first === undefined) throw new UserError('expected the folder of a run');
  requireSeedsOfOne(runs);
  const stages = runs.map((run) => wholeStages(run, run.done));
  const names = chooseMethods(first, stages, options.methods);
  const pairs = (names.length * (names.length - 1)) / 2;
  const needed = fewestResamples(alpha / pairs);
  if (resamples < needed) {
    throw new UserError({
      message: `--resamples: ${resamples} are too few to correct for ${count(pairs, 'pair')} of methods`,
      hint: `at least ${needed}, or fewer methods with --methods`,
    });
  }
  const length = Math.min(...stages.flatMap((each) => names.map((name) => each.get(name)?.length ?? 0)));
  const tasks = first.config.tasks.slice(0, length);
  const clusters = new Map(tasks.map((task) => [task, clustersOf(first.evaluations.samples(task))]));
  const images = imageCounts(clusters);
  const alone = tasks.find((task) => (images[task] ?? 0) < 2);
  if (alone !== undefined) {
    throw new UserError(
      `the test samples of ${alone} are all about one image: no interval can be made of it`,
    );
  }
  const compared = names.map((name) => ({
    name,
    seeds: runs.map((run, index) =>
      clusteredStages(run, (stages[index] as Stages).get(name)?.slice(0, length) ?? [], clusters, mode),
    ),
  }));
  const costs = names.map((name) => methodCost(runs, name, length));
  return {
    mode,
    resamples,
    seed,
    seeds: runs.map(({ config }) => config.seed),
    tasks,
    streamTasks: first.config.tasks.length,
    images,
    costs,
    unmatched: unmatchedPairs(costs),
    ...compareMethods({ tasks, methods: compared, resamples, seed, alpha }),
  };
}

/** What may differ between seeds of one configuration. Which methods a run has changes none of the others. */
function comparableConfig(
  { seed, name, output, provider, cache, methods, adapter, ...rest }: RunConfig,
  shared: readonly MethodName[],
): string {
  const own = shared.map((method) => [method, adapter.methods[method] ?? {}]);
  return JSON.stringify({ ...rest, adapter: { ...adapter, methods: own } });
}

function requireSeedsOfOne(runs: readonly OpenedRun[]): void {
  const [first, ...others] = runs;
  const seen = new Map<number, string>();
  for (const { folder, config } of runs) {
    const same = seen.get(config.seed);
    if (same !== undefined) {
      throw new UserError(`${folder}: its seed ${config.seed} is that of ${same}; expected different seeds`);
    }
    seen.set(config.seed, folder);
  }
  for (const other of others) {
    if (first === undefined) continue;
    const shared = first.config.methods.filter((method) => other.config.methods.includes(method));
    if (comparableConfig(first.config, shared) !== comparableConfig(other.config, shared)) {
      throw new UserError({
        file: other.folder,
        message: `its configuration differs from that of ${first.folder} in more than the seed`,
        hint: 'several runs are taken for seeds of one configuration; compare the two config.json',
      });
    }
    if (first.provenance.data.sha256 !== other.provenance.data.sha256) {
      throw new UserError(`${other.folder}: it was made with other data than ${first.folder}`);
    }
  }
}

function chooseMethods(
  { config, folder }: OpenedRun,
  stages: readonly Stages[],
  asked: readonly string[] | undefined,
): readonly MethodName[] {
  const begun = (name: MethodName) => stages.every((each) => (each.get(name)?.length ?? 0) > 0);
  const chosen =
    asked === undefined
      ? config.methods.filter(begun)
      : [...new Set(asked.map((name) => namedIn('--methods', name, config.methods, 'method')))];
  const notBegun = chosen.find((name) => !begun(name));
  if (notBegun !== undefined) {
    throw new UserError(`--methods: not every run has a whole stage of ${notBegun} yet`);
  }
  if (chosen.length < 2) {
    throw new UserError({
      file: folder,
      message: `expected two methods or more with a whole stage, found ${chosen.join(', ') || 'none'}`,
    });
  }
  return chosen;
}

/** By task: the number of each sample's image, by the sample's id. */
export type Clusters = ReadonlyMap<TaskName, ReadonlyMap<string, number>>;

export function imageCounts(clusters: Clusters): Readonly<Record<string, number>> {
  return Object.fromEntries([...clusters].map(([task, images]) => [task, new Set(images.values()).size]));
}

/** The evaluations of a method's stages added up by image: [stage][task], of the tasks seen. */
export function clusteredStages(
  run: OpenedRun,
  stages: readonly (readonly EvaluateStep[])[],
  clusters: Clusters,
  mode: ScoringMode,
): readonly (readonly ClusteredScores[])[] {
  const counted = new Map<TaskName, Float64Array>();
  const known = new Map<string, ClusteredScores>();
  const scoresOf = (step: EvaluateStep): ClusteredScores => {
    const { sums, counts } = addUp(
      run.evaluations.score(step, mode).samples,
      clusters.get(step.task) ?? new Map(),
    );
    const before = counted.get(step.task);
    // Equal numbers are one array, so that they are added up once in a draw.
    const same = before?.every((count, image) => count === counts[image]) ? before : counts;
    counted.set(step.task, same);
    return { sums, counts: same };
  };
  return stages.map((evaluations, stage) =>
    run.config.tasks.slice(0, stage + 1).map((task) => {
      const step = evaluations.find((evaluation) => evaluation.task === task);
      if (step === undefined)
        throw new Error(`internal: after stage ${stage + 1} there is no evaluation of ${task}`);
      // Where the model does not change over the stream, an evaluation stands in every row.
      const scores = known.get(step.key) ?? scoresOf(step);
      known.set(step.key, scores);
      return scores;
    }),
  );
}

/** The number of each sample's image, by the sample's id. A sample without an image is by itself. */
export function clustersOf(samples: readonly TestSample[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  return new Map(
    samples.map(({ id, image }) => {
      const key = image === undefined ? `sample ${id}` : `image ${image}`;
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      return [id, number];
    }),
  );
}

/** The scores of an evaluation, added up by image. */
export function addUp(
  scores: readonly SampleScore[],
  clusters: ReadonlyMap<string, number>,
): ClusteredScores {
  const size = new Set(clusters.values()).size;
  const sums = new Float64Array(size);
  const counts = new Float64Array(size);
  for (const { id, score } of scores) {
    const cluster = clusters.get(id);
    if (cluster === undefined) throw new Error(`internal: the score of ${id} belongs to no sample`);
    sums[cluster] = (sums[cluster] as number) + score;
    counts[cluster] = (counts[cluster] as number) + 1;
  }
  return { sums, counts };
}

/** A method that trains nothing has no counterpart and is left out. */
function unmatchedPairs(costs: readonly MethodCost[]): RunComparison['unmatched'] {
  return costs.flatMap((first, index) =>
    costs.slice(index + 1).flatMap((second) => {
      const [a = 0, b = 0] = [first.trainableParameters, second.trainableParameters];
      if (a === 0 || b === 0) return [];
      const percent = 100 * (Math.max(a, b) / Math.min(a, b) - 1);
      return percent > 100 * matchedWithin ? [{ first: first.method, second: second.method, percent }] : [];
    }),
  );
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

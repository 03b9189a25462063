// Methods compared on the same test samples: every cell of the matrix, ACC, MAA and BWT with bootstrap intervals, and
// their differences by pairs. Pure: scores come in added up by image, words and tables are made elsewhere.
import {
  accuracyOf,
  bootstrapPValue,
  type ClusteredScores,
  type DrawOptions,
  drawClusters,
  drawnSum,
  holm,
  type Interval,
  percentileInterval,
  percentOf,
} from './bootstrap.ts';
import { clopperPearson, nearTheEnd } from './proportion.ts';
import { type ConfidenceInterval, confidenceInterval, mean } from './statistics.ts';
import { summariseScores } from './summary.ts';
import { twoWayInterval, twoWayMean, twoWayPValue } from './two-way.ts';

export interface ComparedMethod {
  readonly name: string;
  /** Whether its BWT is 0 by construction, as of a model that is trained once for all tasks, or never. */
  readonly neverForgets?: boolean;
  /** The order of the tasks per seed, where that is not everybody's. */
  readonly orders?: readonly (readonly string[])[];
  /** Per seed: [stage][task], the evaluations of the tasks seen after each stage. */
  readonly seeds: readonly (readonly (readonly ClusteredScores[])[])[];
}

export interface ComparisonOptions {
  /** The tasks of the compared stages, in training order. */
  readonly tasks: readonly string[];
  /** In the same order of seeds each, and with the same clusters. */
  readonly methods: readonly ComparedMethod[];
  /** Whom with whom, as numbers in `methods`; by default each with every other. */
  readonly pairs?: readonly (readonly [number, number])[];
  /** Whether every cell of the matrix is compared too, which takes one order of tasks; true by default. */
  readonly cells?: boolean;
  /** Whether pairs are compared in them; true by default. */
  readonly pairedCells?: boolean;
  readonly resamples?: number;
  readonly seed?: number;
  readonly alpha?: number;
}

/** What is compared: `ACC`, `MAA`, `BWT`, or a cell. */
export interface Figure {
  readonly name: string;
  /** The task and the stage of a cell. */
  readonly task?: string;
  readonly after?: string;
}

export interface Estimate extends Figure, Interval {
  /** Percent, or percentage points of BWT; the mean over the seeds. */
  readonly value: number;
  /** The t interval over the seeds; with two seeds or more. */
  readonly overSeeds?: ConfidenceInterval;
}

/** The first method's figure minus the second's, in percentage points. */
export interface Difference extends Estimate {
  /**
   * What it is about: with one seed the two models as they were trained, with more the two methods, whatever the seed; the
   * interval then holds what seeds and images leave open together.
   */
  readonly of: 'models' | 'methods';
  /** False for a BWT that is 0 by construction: nothing of it was measured. */
  readonly tested: boolean;
  readonly distinguishable: boolean;
  /** Error rate of the interval, by Holm's correction over the pairs. */
  readonly alpha: number;
  readonly adjustedP: number;
}

export interface Comparison {
  readonly estimates: readonly { readonly method: string; readonly figures: readonly Estimate[] }[];
  readonly pairs: readonly {
    readonly first: string;
    readonly second: string;
    readonly differences: readonly Difference[];
  }[];
}

/** ACC, MAA and BWT, then the cells row by row. */
export function figuresOf(tasks: readonly string[]): readonly Figure[] {
  const cells = tasks.flatMap((after, stage) =>
    tasks.slice(0, stage + 1).map((task) => ({ name: `${task} after ${after}`, task, after })),
  );
  return [{ name: 'ACC' }, { name: 'MAA' }, { name: 'BWT' }, ...cells];
}

/**
 * Draws the images of every task anew, as many as there are, with replacement; all methods, seeds and stages are scored
 * on the same draw. A method's interval holds what the drawing of test images leaves open, for the models as they were
 * trained (of a cell that is nearly empty or full it is the exact one, as every draw of it is alike); what training again
 * leaves open is in `overSeeds`. A difference's interval holds both where there are seeds. Every figure is a family of its
 * own: Holm's correction is over the pairs, not over the cells.
 */
export function compareMethods(options: ComparisonOptions): Comparison {
  const { tasks, cells = true } = options;
  return compareDrawn(figuresOf(cells ? tasks : []), drawFigures(options), options);
}

/** A method's figures, in the order of `figuresOf`. */
export interface DrawnMethod {
  readonly name: string;
  readonly neverForgets: boolean;
  readonly points: readonly (readonly number[])[]; // [seed][figure]
  /** The mean over the seeds, per draw. */
  readonly replicates: readonly Float64Array[]; // [figure][resamples]
  /** Images that each figure is made of. */
  readonly images: readonly number[]; // [figure]
}

/** The first half of `compareMethods`: every method on the same draws. Arrays of scores that are the same are added up once. */
export function drawFigures(
  options: Pick<ComparisonOptions, 'tasks' | 'methods' | 'cells' | 'resamples' | 'seed'>,
): readonly DrawnMethod[] {
  const { tasks, methods, resamples = 2000, seed = 0, cells = true } = options;
  const figures = figuresOf(cells ? tasks : []);
  const clusters = clustersOf(methods[0], tasks);
  const all = [...clusters.values()].reduce((sum, count) => sum + count, 0);
  const images = figures.map(({ task }) => (task === undefined ? all : (clusters.get(task) ?? 0)));
  const drawnMethods = methods.map(({ name, seeds, orders, neverForgets = false }) => ({
    name,
    neverForgets,
    images,
    points: seeds.map((stages, index) =>
      valuesOf(orders?.[index] ?? tasks, stages, (scores) => accuracyOf(scores)),
    ),
    replicates: figures.map(() => new Float64Array(resamples)),
  }));
  for (let replicate = 0; replicate < resamples; replicate++) {
    const draws = new Map(
      tasks.map((stratum) => [stratum, new Draw(clusters.get(stratum) ?? 0, { seed, stratum, replicate })]),
    );
    const score = (scores: ClusteredScores, task: string) => (draws.get(task) as Draw).accuracyOf(scores);
    for (const [index, { seeds, orders }] of methods.entries()) {
      const drawn = seeds.map((stages, own) => valuesOf(orders?.[own] ?? tasks, stages, score));
      for (const [figure, values] of (drawnMethods[index] as DrawnMethod).replicates.entries()) {
        let sum = 0;
        for (const each of drawn) sum += each[figure] as number;
        values[replicate] = sum / drawn.length;
      }
    }
  }
  return drawnMethods;
}

/** The second half: intervals of the methods, and what tells them apart. */
export function compareDrawn(
  figures: readonly Figure[],
  methods: readonly DrawnMethod[],
  options: Pick<ComparisonOptions, 'alpha' | 'pairs' | 'pairedCells'> = {},
): Comparison {
  const { alpha = 0.05, pairs = everyPair(methods.length), pairedCells = true } = options;
  const estimate = (figure: number, perSeed: readonly number[], interval: Interval): Estimate => {
    const overSeeds = confidenceInterval(perSeed, 1 - alpha);
    return {
      ...(figures[figure] as Figure),
      value: mean(perSeed),
      ...interval,
      ...(overSeeds === undefined ? {} : { overSeeds }),
    };
  };
  const perSeed = (method: number, figure: number) =>
    (methods[method]?.points ?? []).map((values) => values[figure] as number);
  const imagesOf = (method: number, figure: number) => methods[method]?.images[figure] as number;
  const drawnOf = (method: number, figure: number) => methods[method]?.replicates[figure] as Float64Array;
  const estimates = methods.map(({ name }, method) => ({
    method: name,
    figures: figures.map((_, figure) =>
      estimate(
        figure,
        perSeed(method, figure),
        intervalOf(figures[figure] as Figure, drawnOf(method, figure), {
          value: mean(perSeed(method, figure)),
          images: imagesOf(method, figure),
          alpha,
        }),
      ),
    ),
  }));
  const isConstruction = (figure: number, method: number) =>
    figures[figure]?.name === 'BWT' && methods[method]?.neverForgets === true;
  const paired = figures.filter(({ task }) => pairedCells || task === undefined);
  const byFigure = paired.map((_, figure) => {
    const drawn = pairs.map(([first, second]) => {
      const other = drawnOf(second, figure);
      return drawnOf(first, figure).map((value, index) => withoutRounding(value - (other[index] as number)));
    });
    const tested = pairs.map((pair) => !pair.some((method) => isConstruction(figure, method)));
    const bySeed = pairs.map(([first, second]) => {
      const others = perSeed(second, figure);
      return perSeed(first, figure).map((value, index) => withoutRounding(value - (others[index] as number)));
    });
    const inferences = pairs.map(([first], pair) =>
      inferenceOf(bySeed[pair] as readonly number[], drawn[pair] as Float64Array, imagesOf(first, figure)),
    );
    const decisions = holm(
      inferences.flatMap(({ pValue }, pair) => (tested[pair] ? [pValue] : [])),
      alpha,
    );
    let decided = 0;
    return inferences.map(({ of, interval }, pair): Difference => {
      const decision = tested[pair] ? decisions[decided++] : undefined;
      const { alpha: own = alpha, rejected = false, adjusted = 1 } = decision ?? {};
      return {
        ...estimate(figure, bySeed[pair] as readonly number[], interval(own)),
        of,
        tested: tested[pair] as boolean,
        distinguishable: rejected,
        alpha: own,
        adjustedP: adjusted,
      };
    });
  });
  return {
    estimates,
    pairs: pairs.map(([first, second], pair) => ({
      first: methods[first]?.name ?? '',
      second: methods[second]?.name ?? '',
      differences: byFigure.map((differences) => differences[pair] as Difference),
    })),
  };
}

/** What is said of a difference: of the models by the bootstrap over images, of methods by seeds and images together. */
function inferenceOf(bySeed: readonly number[], drawn: Float64Array, images: number) {
  if (bySeed.length < 2) {
    const sorted = drawn.toSorted();
    return {
      of: 'models' as const,
      pValue: bootstrapPValue(drawn),
      interval: (alpha: number): Interval => percentileInterval(sorted, alpha),
    };
  }
  const found = twoWayMean(bySeed, drawn, images);
  return {
    of: 'methods' as const,
    pValue: twoWayPValue(found),
    interval: (alpha: number): Interval => twoWayInterval(found, alpha),
  };
}

/** The percentile interval, or the exact one of a share that is nearly 0 or 1. */
function intervalOf(
  { name }: Figure,
  drawn: Float64Array,
  { value, images, alpha }: { readonly value: number; readonly images: number; readonly alpha: number },
): Interval {
  const right = (value / 100) * images;
  const isShare = name !== 'BWT';
  if (isShare && Math.min(right, images - right) <= nearTheEnd) return clopperPearson(right, images, alpha);
  return percentileInterval(drawn.toSorted(), alpha);
}

/** One draw of a task's images. What was added up is kept: many evaluations have the same `counts`, some the same `sums`. */
class Draw {
  readonly #weights: Float64Array;
  readonly #held = new Map<Float64Array, number>();

  constructor(clusters: number, options: DrawOptions) {
    this.#weights = drawClusters(clusters, options);
  }

  accuracyOf({ sums, counts }: ClusteredScores): number {
    return percentOf(this.#sumOf(sums), this.#sumOf(counts));
  }

  #sumOf(values: Float64Array): number {
    const known = this.#held.get(values) ?? drawnSum(values, this.#weights);
    this.#held.set(values, known);
    return known;
  }
}

/** The figures in the order of `figuresOf`; `score` gives percent. */
function valuesOf(
  tasks: readonly string[],
  stages: readonly (readonly ClusteredScores[])[],
  score: (scores: ClusteredScores, task: string) => number,
): readonly number[] {
  const cells = stages.map((row) => row.map((scores, task) => score(scores, tasks[task] ?? '')));
  const { finalAverage, maa, bwt } = summariseScores(cells);
  return [finalAverage, maa, bwt, ...cells.flat()];
}

/** How many images each task has; the last row of a matrix holds every task. */
function clustersOf(
  method: ComparedMethod | undefined,
  tasks: readonly string[],
): ReadonlyMap<string, number> {
  const last = method?.seeds[0]?.at(-1) ?? [];
  return new Map((method?.orders?.[0] ?? tasks).map((task, index) => [task, last[index]?.sums.length ?? 0]));
}

function everyPair(count: number): readonly (readonly [number, number])[] {
  return Array.from({ length: count }, (_, first) =>
    Array.from({ length: count - first - 1 }, (_, offset) => [first, first + 1 + offset] as const),
  ).flat();
}

/** Two sums of the same numbers in another order are the same figure. */
function withoutRounding(difference: number): number {
  return Math.abs(difference) < 1e-9 ? 0 : difference;
}

// Scores added up by image, as every interval needs them: questions about one image are drawn together. Knows runs and
// their evaluations; the draws are `metrics/bootstrap.ts`.
import type { EvaluateStep } from '../config/plan.ts';
import type { ClusteredScores } from '../metrics/bootstrap.ts';
import type { OpenedRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import type { SampleScore, ScoringMode, TestSample } from '../tasks/task.ts';

/** Error rate of intervals and of each family of comparisons. */
export const alpha = 0.05;

/** Below this many images, percentile intervals are visibly too narrow. */
export const fewImages = 30;

/** By task: the number of each sample's image, by the sample's id. */
export type Clusters = ReadonlyMap<TaskName, ReadonlyMap<string, number>>;

export function imageCounts(clusters: Clusters): Readonly<Record<string, number>> {
  return Object.fromEntries([...clusters].map(([task, images]) => [task, new Set(images.values()).size]));
}

/**
 * The evaluations of a method's stages added up by image: [stage][task], of the tasks seen. `order` takes the stages and
 * columns of some tasks only, in training order; by default as many as there are stages.
 */
export function clusteredStages(
  run: OpenedRun,
  stages: readonly (readonly EvaluateStep[])[],
  clusters: Clusters,
  mode: ScoringMode,
  order: readonly TaskName[] = run.config.tasks.slice(0, stages.length),
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
  return order.map((learned, row) => {
    const evaluations = stages[run.config.tasks.indexOf(learned)] ?? [];
    return order.slice(0, row + 1).map((task) => {
      const step = evaluations.find((evaluation) => evaluation.task === task);
      if (step === undefined) throw new Error(`internal: after ${learned} there is no evaluation of ${task}`);
      // Where the model does not change over the stream, an evaluation stands in every row.
      const scores = known.get(step.key) ?? scoresOf(step);
      known.set(step.key, scores);
      return scores;
    });
  });
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

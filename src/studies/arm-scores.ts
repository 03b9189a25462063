// The scores of a study's arms: which are finished with which seeds, and their answers added up by image.
import type { ClusteredScores } from '../metrics/bootstrap.ts';
import { accuracyOf } from '../metrics/bootstrap.ts';
import { mean } from '../metrics/statistics.ts';
import { addUp, clustersOf } from '../results/clusters.ts';
import { type Stages, wholeStages } from '../results/matrices.ts';
import { type OpenedRun, openRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import type { ScoringMode } from '../tasks/task.ts';
import type { Arm } from './arms.ts';

export interface OpenedStudyRun {
  readonly run: OpenedRun;
  readonly stages: Stages;
}

export type OpenedRuns = ReadonlyMap<string, OpenedStudyRun>;

export async function openStudyRun(folder: string): Promise<OpenedStudyRun> {
  const run = await openRun(folder);
  return { run, stages: wholeStages(run, run.done) };
}

/** Whole stages of an arm's method in one of its runs. */
export function stagesIn({ method }: Arm, run: string, opened: OpenedRuns): number {
  return opened.get(run)?.stages.get(method)?.length ?? 0;
}

function isWhole(arm: Arm, { name, config }: Arm['runs'][number], opened: OpenedRuns): boolean {
  return stagesIn(arm, name, opened) === config.tasks.length;
}

/** Which arms figures are made of, and over which seeds: the same for all, so that they can be compared. */
export interface Finished {
  readonly arms: readonly Arm[];
  readonly seeds: readonly number[];
}

/**
 * Every arm, over the seeds that all have finished. While there is no such seed: the arms that have finished some seeds,
 * of which those with the fewest finished arms are given up one after another until there is an arm for the rest.
 */
export function finishedArms(arms: readonly Arm[], opened: OpenedRuns): Finished {
  const has = (arm: Arm, seed: number) =>
    arm.runs.some((run) => run.config.seed === seed && isWhole(arm, run, opened));
  const all = (arms[0]?.runs ?? []).map(({ config }) => config.seed);
  const common = all.filter((seed) => arms.every((arm) => has(arm, seed)));
  if (common.length > 0) return { arms, seeds: common };
  const count = (seed: number) => arms.filter((arm) => has(arm, seed)).length;
  let seeds = all.filter((seed) => count(seed) > 0);
  for (;;) {
    const finished = arms.filter((arm) => seeds.every((seed) => has(arm, seed)));
    if (seeds.length === 0) return { arms: [], seeds };
    if (finished.length > 0) return { arms: finished, seeds };
    const fewest = Math.min(...seeds.map(count));
    const dropped = seeds.findLast((seed) => count(seed) === fewest);
    seeds = seeds.filter((seed) => seed !== dropped);
  }
}

export interface ScoredArm {
  readonly arm: Arm;
  /** By seed; a random order is another one with every seed. */
  readonly orders: readonly (readonly TaskName[])[];
  /** By seed, stage and task. */
  readonly seeds: readonly (readonly (readonly ClusteredScores[])[])[];
  /** Images by task. */
  readonly images: Readonly<Record<string, number>>;
  /** Equal where arms were tested on the same samples about the same images. */
  readonly tested: string;
  /** Equal where the very same models gave the very same answers: the arms differ in name only. */
  readonly made: string;
  /** Percent right at the end by task, the mean over the seeds. */
  readonly final: Readonly<Record<string, number>>;
}

/** An arm over the given seeds, all of which it has finished. */
export function scoreArm(
  arm: Arm,
  {
    seeds,
    opened,
    mode,
  }: { readonly seeds: readonly number[]; readonly opened: OpenedRuns; readonly mode: ScoringMode },
): ScoredArm {
  const runs = arm.runs.flatMap(({ name, config }) => {
    const run = opened.get(name);
    return run !== undefined && seeds.includes(config.seed) ? [run] : [];
  });
  const [first] = runs;
  if (first === undefined) throw new Error(`internal: ${arm.name} has no finished run`);
  const tasks = first.run.config.tasks.toSorted();
  const clusters = new Map(tasks.map((task) => [task, clustersOf(first.run.evaluations.samples(task))]));
  const orders = runs.map(({ run }) => run.config.tasks);
  const bySeed = runs.map(({ run, stages }, index) =>
    (stages.get(arm.method) ?? []).map((evaluations, stage) =>
      (orders[index] ?? []).slice(0, stage + 1).map((task) => {
        const step = evaluations.find((evaluation) => evaluation.task === task);
        if (step === undefined) throw new Error(`internal: ${arm.name} has no evaluation of ${task}`);
        return addUp(run.evaluations.score(step, mode).samples, clusters.get(task) ?? new Map());
      }),
    ),
  );
  const made = runs.map(({ run, stages }) =>
    (stages.get(arm.method) ?? [])
      .flat()
      .map(({ key, trained }) => [
        trained === undefined ? {} : run.records.get(trained.key)?.files,
        run.records.get(key)?.files,
      ]),
  );
  const finalOf = (task: TaskName) =>
    bySeed.map((stages, index) => {
      const scores = stages.at(-1)?.[orders[index]?.indexOf(task) ?? 0];
      return scores === undefined ? 0 : accuracyOf(scores);
    });
  return {
    arm,
    orders,
    seeds: bySeed,
    images: Object.fromEntries(tasks.map((task) => [task, new Set(clusters.get(task)?.values()).size])),
    tested: JSON.stringify([...clusters].map(([task, ids]) => [task, [...ids]])),
    made: JSON.stringify(made),
    final: Object.fromEntries(tasks.map((task) => [task, mean(finalOf(task))])),
  };
}

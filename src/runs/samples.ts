// The samples that a run trains and tests on: a task's own, limited to a random subset where the configuration says so.
import { type TaskName, tasks } from '../tasks/index.ts';
import type { TaskSource, TestSample, TrainSample } from '../tasks/task.ts';
import { RandomStream } from '../tensor/random.ts';
import type { RunConfig } from './config-schema.ts';

/** The training samples of a task in file order; a subset depends on the seed of the run. */
export function trainSamples(config: RunConfig, source: TaskSource, task: TaskName): readonly TrainSample[] {
  const { trainSamples: limit, seed } = config;
  return subset(tasks[task].loadTrain(source), limit, new RandomStream(seed, `training subset of ${task}`));
}

/** The test samples of a task in file order; a subset is the same whatever the seed, so that runs can be compared. */
export function testSamples(
  config: Pick<RunConfig, 'testSamples'>,
  source: TaskSource,
  task: TaskName,
): readonly TestSample[] {
  return subset(
    tasks[task].loadTest(source),
    config.testSamples,
    new RandomStream(0, `test subset of ${task}`),
  );
}

function subset<T>(samples: readonly T[], limit: number | 'all', random: RandomStream): readonly T[] {
  if (limit === 'all' || samples.length <= limit) return samples;
  const chosen = random.shuffle(samples.map((_, index) => index)).slice(0, limit);
  return chosen.sort((first, second) => first - second).map((index) => samples[index] as T);
}

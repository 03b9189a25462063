// The samples that a run trains and tests on: a task's own, limited to a random subset where the configuration says so.
// A subset is the beginning of one shuffled order, so that a smaller one is part of a larger one of the same seed.
import { slimTestCount } from '../streams/coin/facts.ts';
import type { Task, TaskSource, TestSample, TrainSample } from '../tasks/task.ts';
import { RandomStream } from '../tensor/random.ts';
import type { RunConfig } from './schema.ts';

/** The training samples of a task in file order; a subset depends on the seed of the run. */
export function trainSamples(config: RunConfig, source: TaskSource, task: Task): readonly TrainSample[] {
  const { trainSamples: limit, dataVolume, seed } = config;
  const all = task.loadTrain(source);
  const share = Math.max(1, Math.round((all.length * dataVolume) / 100));
  const count = limit === 'all' ? share : Math.min(share, limit);
  return subset(all, count, new RandomStream(seed, `training subset of ${task.name}`));
}

/**
 * The test samples of a task in file order. A subset depends on `testSeed` and not on the run's seed, so that runs can
 * be compared.
 */
export function testSamples(
  config: Pick<RunConfig, 'testSamples' | 'testSeed'>,
  source: TaskSource,
  task: Task,
): readonly TestSample[] {
  const { testSamples: limit, testSeed } = config;
  const all = task.loadTest(source);
  const count = limit === 'all' ? all.length : limit === 'slim' ? slimTestCount.value : limit;
  return subset(all, count, new RandomStream(testSeed, `test subset of ${task.name}`));
}

function subset<T>(samples: readonly T[], limit: number, random: RandomStream): readonly T[] {
  if (samples.length <= limit) return samples;
  const chosen = random.shuffle(samples.map((_, index) => index)).slice(0, limit);
  return chosen.sort((first, second) => first - second).map((index) => samples[index] as T);
}

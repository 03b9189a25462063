// The samples that a run trains and tests on: a task's own, limited to a random subset where the configuration says so.
// A subset is the beginning of one shuffled order, so that a smaller one is part of a larger one of the same seed.
import { UserError } from '../base/errors.ts';
import { slimTestCount } from '../streams/coin/facts.ts';
import { isUsable } from '../tasks/skipped.ts';
import type { Task, TaskSource, TestSample, TrainSample } from '../tasks/task.ts';
import { RandomStream } from '../tensor/random.ts';
import type { RunConfig } from './schema.ts';

type Chosen = Pick<RunConfig, 'trainSamples' | 'dataVolume' | 'seed' | 'testSamples' | 'testSeed'>;

/**
 * The training samples of a task in file order, without those that the run passes over; a subset depends on the seed of
 * the run, and not on what is passed over.
 * @throws UserError when nothing is left.
 */
export function trainSamples(config: RunConfig, source: TaskSource, task: Task): readonly TrainSample[] {
  const samples = chosenForTraining(config, task, task.loadTrain(source)).filter(isUsable);
  if (samples.length > 0) return samples;
  throw new UserError(
    `${task.name}: no training sample can be used; all that the run would train on are passed over`,
  );
}

/** The training samples that a run trains on, of all that a task has. */
export function chosenForTraining<Sample>(
  { trainSamples: limit, dataVolume, seed }: Chosen,
  task: Task,
  all: readonly Sample[],
): readonly Sample[] {
  const share = Math.max(1, Math.round((all.length * dataVolume) / 100));
  const count = limit === 'all' ? share : Math.min(share, limit);
  return subset(all, count, new RandomStream(seed, `training subset of ${task.name}`));
}

/**
 * The test samples of a task in file order, with those that the run passes over, which are scored but not asked. A subset
 * depends on `testSeed` and not on the run's seed, so that runs can be compared.
 */
export function testSamples(
  config: Pick<RunConfig, 'testSamples' | 'testSeed'>,
  source: TaskSource,
  task: Task,
): readonly TestSample[] {
  return chosenForTest(config, task, task.loadTest(source));
}

/** As `testSamples`, of those only that are asked. */
export function questionsOf(
  config: Pick<RunConfig, 'testSamples' | 'testSeed'>,
  source: TaskSource,
  task: Task,
): readonly TestSample[] {
  return testSamples(config, source, task).filter(isUsable);
}

/** The test samples that a run tests on, of all that a task has. */
export function chosenForTest<Sample>(
  { testSamples: limit, testSeed }: Pick<Chosen, 'testSamples' | 'testSeed'>,
  task: Task,
  all: readonly Sample[],
): readonly Sample[] {
  const count = limit === 'all' ? all.length : limit === 'slim' ? slimTestCount.value : limit;
  return subset(all, count, new RandomStream(testSeed, `test subset of ${task.name}`));
}

function subset<T>(samples: readonly T[], limit: number, random: RandomStream): readonly T[] {
  if (samples.length <= limit) return samples;
  const chosen = random.shuffle(samples.map((_, index) => index)).slice(0, limit);
  return chosen.sort((first, second) => first - second).map((index) => samples[index] as T);
}

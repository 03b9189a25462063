// The samples behind a number: found by task, method, kind of error, or what their life lines did at a stage.
import { UserError } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import type { MethodName } from '../config/schema.ts';
import type { Fate } from '../metrics/lifelines.ts';
import type { TaskName } from '../tasks/index.ts';
import type { Aspects, SampleHistory } from './answers.ts';
import type { ErrorLabel } from './attribution.ts';

/** All that are given must hold. Stages are named by the task that they train. */
export interface SampleQuery {
  readonly task: TaskName;
  readonly method?: MethodName;
  readonly learntAt?: TaskName;
  readonly forgottenAt?: TaskName;
  readonly recoveredAt?: TaskName;
  readonly fate?: Fate;
  /** The kind of error after `after`, by default after the last stage. */
  readonly error?: ErrorLabel;
  readonly after?: TaskName;
}

export interface FoundSample {
  readonly method: MethodName;
  readonly history: SampleHistory;
}

/** In the order of the methods and of the test file. */
export function querySamples(
  aspects: Aspects,
  tasks: readonly TaskName[],
  query: SampleQuery,
): readonly FoundSample[] {
  const { task, method, learntAt, forgottenAt, recoveredAt, fate, error, after } = query;
  const stageOf = (name: TaskName | undefined) => (name === undefined ? undefined : tasks.indexOf(name));
  const [learnt, forgotten, recovered] = [learntAt, forgottenAt, recoveredAt].map(stageOf);
  return aspects.methods
    .filter((name) => method === undefined || name === method)
    .flatMap((name) =>
      aspects
        .histories(name, task)
        .filter(({ line, answers, first }) => {
          const place = after === undefined ? answers.length - 1 : tasks.indexOf(after) - first;
          return (
            (learnt === undefined || line.learntAt === learnt) &&
            (forgotten === undefined || line.forgottenAt.includes(forgotten)) &&
            (recovered === undefined || line.recoveredAt.includes(recovered)) &&
            (fate === undefined || line.fate === fate) &&
            (error === undefined || answers[place]?.error?.label === error)
          );
        })
        .map((history) => ({ method: name, history })),
    );
}

/** One of the run's own names (tasks, methods). Throws UserError with the nearest when it is none. */
export function namedIn<Name extends string>(
  option: string,
  name: string,
  known: readonly Name[],
  what: string,
): Name {
  const found = known.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  throw new UserError({
    message: `${option}: the run has no ${what} "${name}"`,
    hint: didYouMean(name, known) ?? `it has ${known.join(', ')}`,
  });
}

// Whether a run can be seen beforehand to learn nothing: too few steps, or steps too small. A bound, and no forecast: a run
// that passes may still learn nothing.
import type { Step } from '../config/plan.ts';
import type { RunConfig } from '../config/schema.ts';

/** A step to come, with its samples over all epochs. */
export interface CountedStep {
  readonly step: Step;
  readonly samples: number;
}

/** Optimiser steps of a task below which AdamW has hardly begun. */
const FEWEST_STEPS = 5;
/** A step of AdamW moves a weight by about the learning rate; adapters begin with a factor of 0 and answer alike below this. */
const SHORTEST_WAY = 1e-3;

/** A sentence about the shortest training of a run where it is too short to learn from; undefined where it is not. */
export function shortTraining(
  { training }: Pick<RunConfig, 'training'>,
  steps: readonly CountedStep[],
): string | undefined {
  const { epochs, batchSize, taskBatchSizes, accumulation, learningRate } = training;
  const counted = steps.flatMap(({ step, samples }) => {
    if (step.kind !== 'train') return [];
    const batches = Math.ceil(samples / epochs / (taskBatchSizes[step.task] ?? batchSize));
    return [{ step, count: epochs * Math.ceil(batches / accumulation) }];
  });
  const shortest = counted.reduce<(typeof counted)[number] | undefined>(
    (least, one) => (least === undefined || one.count < least.count ? one : least),
    undefined,
  );
  if (shortest === undefined) return undefined;
  const { step, count } = shortest;
  if (count >= FEWEST_STEPS && count * learningRate >= SHORTEST_WAY) return undefined;
  const taken = count === 1 ? '1 optimiser step' : `${count} optimiser steps`;
  return `This will hardly learn anything: ${taken} on ${step.task} at a learning rate of ${learningRate}. More trainSamples, more training.epochs, a smaller training.batchSize or a higher training.learningRate change that.`;
}

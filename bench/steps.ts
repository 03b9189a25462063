// Optimiser steps of LoRA on given examples, outside a run: what the commands beside the comparison time.
import type { Example } from '../src/methods/method.ts';
import type { StageTrainer } from '../src/training/stage.ts';

/** What the compared methods never ask for. */
export const notAsked = () => {
  throw new Error('internal: the method needs more than the benchmark has');
};
export const supplies = {
  samplesOf: () => [],
  tokenize: notAsked,
  embeddings: { image: notAsked, text: notAsked },
};

/** Every image has the same features, [patches, visionHidden]: the tower is not what is timed. */
export async function trainOn(
  trainer: StageTrainer,
  examples: readonly Example[],
  features: Float32Array,
  onStep: (progress: { readonly step: number; readonly loss: number; readonly seconds: number }) => void,
): Promise<void> {
  let since = performance.now();
  await trainer.train({
    examples,
    seed: 0,
    stage: 1,
    task: 'GQA',
    tasks: ['GQA'],
    ...supplies,
    fetchFeatures: async (images) => images.map(() => features),
    onStep: ({ step, loss }) => {
      onStep({ step, loss, seconds: (performance.now() - since) / 1000 });
      since = performance.now();
    },
  });
}

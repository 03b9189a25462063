// Which samples make up which step: shuffled by seed, then grouped by length so that little is padded.
import { RandomStream } from '../tensor/random.ts';

export interface StepPlan {
  /** Per micro-batch, indices of samples. */
  readonly batches: readonly (readonly number[])[];
}

export interface StepPlanOptions {
  readonly lengths: readonly number[];
  readonly epochs: number;
  readonly batchSize: number;
  /** Batches per optimiser step. */
  readonly accumulation: number;
  readonly seed: number;
  readonly stage: number;
}

/** Samples are shuffled, cut into pools of this many batches, sorted by length in a pool; the batches are shuffled again. */
const POOL_BATCHES = 16;

/** Every sample once an epoch; a pure function of its arguments. */
export function planSteps({
  lengths,
  epochs,
  batchSize,
  accumulation,
  seed,
  stage,
}: StepPlanOptions): StepPlan[] {
  const steps: StepPlan[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const random = new RandomStream(seed, `order of stage ${stage}`, epoch);
    const order = random.shuffle(lengths.map((_, index) => index));
    const batches: number[][] = [];
    for (const pool of chunks(order, batchSize * POOL_BATCHES)) {
      const sorted = [...pool].sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
      batches.push(...chunks(sorted, batchSize));
    }
    for (const group of chunks(random.shuffle(batches), accumulation)) steps.push({ batches: group });
  }
  return steps;
}

/** The items in their order, `size` together. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

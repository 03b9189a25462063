// Batches of examples with their images' features. A task's features together may not fit in memory, so they are fetched
// for some batches at a time and then let go of. Where they come from (memory, disk, the tower) is the caller's.
import type { BatchExample, Example } from '../methods/method.ts';

/** Features of image files, [rows, featureSize] each, in the order asked for. */
export type FetchFeatures = (images: readonly string[]) => Promise<readonly Float32Array[]>;

export interface FeatureBatchOptions {
  /** Images that are fetched and held together, or those of one batch where it has more. */
  readonly together?: number;
}

/** A multiple of what the tower runs at once. */
const IMAGES_TOGETHER = 32;

/** The batches in their order. */
export async function* withFeatures(
  batches: readonly (readonly Example[])[],
  fetch: FetchFeatures,
  { together = IMAGES_TOGETHER }: FeatureBatchOptions = {},
): AsyncGenerator<readonly BatchExample[], void, void> {
  // Not ahead of time: the runtime computes in the calling thread, so nothing would happen meanwhile.
  for (const group of grouped(batches, together)) yield* await fetchGroup(group, fetch);
}

/** Batches one after another until they have enough images. */
function* grouped(
  batches: readonly (readonly Example[])[],
  together: number,
): Generator<readonly (readonly Example[])[]> {
  let group: (readonly Example[])[] = [];
  let images = 0;
  for (const batch of batches) {
    const own = batch.filter(isWanting).length;
    if (group.length > 0 && images + own > together) {
      yield group;
      [group, images] = [[], 0];
    }
    group.push(batch);
    images += own;
  }
  if (group.length > 0) yield group;
}

/** What came out of a batch already has its features. */
function isWanting(example: Example): boolean {
  return example.sample.image !== undefined && !('features' in example);
}

async function fetchGroup(
  group: readonly (readonly Example[])[],
  fetch: FetchFeatures,
): Promise<readonly (readonly BatchExample[])[]> {
  const images = group
    .flat()
    .flatMap((example) => (isWanting(example) ? [example.sample.image as string] : []));
  const fetched = (images.length === 0 ? [] : await fetch(images)).values();
  return group.map((batch) =>
    batch.map((example) =>
      'features' in example
        ? (example as BatchExample)
        : { ...example, features: isWanting(example) ? fetched.next().value : undefined },
    ),
  );
}

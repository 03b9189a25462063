// Where an engine keeps image features between runs.
import { dirname, join, resolve } from 'node:path';
import type { RunConfig } from '../config/schema.ts';
import type { DiskCacheOptions } from '../formats/files/disk-cache.ts';

/** Where image features are kept between runs; undefined where they are not. */
export function featureCache({
  cache: { use, folder, maxBytes },
  output,
}: Pick<RunConfig, 'cache' | 'output'>): DiskCacheOptions | undefined {
  if (!use || maxBytes === 0) return undefined;
  return { folder: folder ?? join(dirname(resolve(output)), 'feature-cache'), maxBytes };
}

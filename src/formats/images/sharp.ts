// sharp (libvips), loaded when an image is first read or written: most commands look at none, and it takes longer to load
// than they take.
import { createRequire } from 'node:module';
import type Sharp from 'sharp';

let loaded: typeof Sharp | undefined;

export function sharp(): typeof Sharp {
  if (loaded === undefined) {
    loaded = createRequire(import.meta.url)('sharp') as typeof Sharp;
    // Every image is decoded once: keeping decoded ones in memory only costs.
    loaded.cache(false);
  }
  return loaded;
}

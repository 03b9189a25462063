// The layouts of several samples' images at once, for their prompts.
import type { ImageAspect } from '../tasks/task.ts';
import type { ImageLayout, ModelSketch } from './family.ts';

/** By sample; undefined for those without an image. */
export async function layoutsOf(
  { images }: Pick<ModelSketch, 'images'>,
  samples: readonly { readonly image?: string | undefined }[],
  aspect?: ImageAspect,
): Promise<readonly (ImageLayout | undefined)[]> {
  const files = samples.flatMap(({ image }) => image ?? []);
  const layouts = (files.length === 0 ? [] : await images.layouts(files, aspect)).values();
  return samples.map(({ image }) => (image === undefined ? undefined : layouts.next().value));
}

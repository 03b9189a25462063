// Looks at the images that instruction files name: are they there, can they be decoded, are they as large as their
// row says. Hashes those that it decodes, for the search for images that are in training and in the test.

import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { counted } from '../../base/small.ts';
import { readImage } from '../../formats/images/image.ts';
import { hashImage, type ImageHash } from '../../formats/images/image-hash.ts';
import type { CoinTask } from '../../tasks/index.ts';
import { RandomStream } from '../../tensor/random.ts';
import type { Finding, FindingCode } from './findings.ts';
import type { NamedImage } from './rows.ts';

export type ImageScope = 'sample' | 'all' | 'none';

/** Images of each file that are decoded where not all are. */
export const sampledImages = 200;
/** How many of those are the smallest files, where placeholders are found. */
const smallestFiles = 20;
/** Pixels a side below which an image shows nothing that could be asked about. */
const leastSide = 8;
/** Decoding overlaps with reading. */
const atOnce = 8;

export interface LookedAt {
  readonly image: NamedImage;
  /** Undefined for an image that is too even to have one. */
  readonly hash?: ImageHash;
}

export interface ImageCheck {
  /** All that are there. */
  readonly present: readonly NamedImage[];
  /** Those that were decoded. */
  readonly lookedAt: readonly LookedAt[];
  readonly findings: readonly Finding[];
}

export interface ImageOptions {
  readonly task: CoinTask;
  /** The data folder. */
  readonly root: string;
  /** The instruction file that names the images, relative to it. */
  readonly file: string;
  readonly images: ReadonlyMap<string, NamedImage>;
  readonly scope: ImageScope;
  readonly onDecoded?: () => void;
}

export async function checkImages(options: ImageOptions): Promise<ImageCheck> {
  const { task, root, file, scope, onDecoded } = options;
  const all = [...options.images.values()];
  if (scope === 'none') return { present: [], lookedAt: [], findings: [] };
  const findings: Finding[] = [];
  const error = (code: FindingCode, message: string, hint?: string) =>
    findings.push({ severity: 'error', task, code, message: `${file}: ${message}`, ...(hint && { hint }) });
  const shown = (path: string) => relative(root, path).replaceAll('\\', '/');

  const bytes = new Map(
    all.map((image) => [image, statSync(image.path, { throwIfNoEntry: false })?.size] as const),
  );
  const present = all.filter((image) => bytes.get(image) !== undefined);
  if (present.length < all.length) {
    const first = all.find((image) => bytes.get(image) === undefined);
    const [count, of] = [all.length - present.length, counted(all.length, 'image')];
    error(
      'image-missing',
      `${count} of ${of} ${count === 1 ? 'is' : 'are'} not there; the first: ${shown(first?.path ?? '')} (row ${first?.row})`,
      'a run stops at a missing image: put it there, or prepare the data without it (--missing skip)',
    );
  }

  const chosen =
    scope === 'all' ? present : sample(present, (image) => bytes.get(image) ?? 0, `${task} ${file}`);
  const lookedAt: LookedAt[] = [];
  const [damaged, resized, tiny]: [string[], string[], string[]] = [[], [], []];
  for (let start = 0; start < chosen.length; start += atOnce) {
    const batch = await Promise.all(chosen.slice(start, start + atOnce).map(look));
    for (const { image, looked, reason, found, side } of batch) {
      onDecoded?.();
      if (looked === undefined) damaged.push(`${shown(image.path)} (row ${image.row}): ${reason}`);
      else lookedAt.push(looked);
      if (side !== undefined && side < leastSide) tiny.push(`${shown(image.path)} (row ${image.row})`);
      if (found !== undefined) {
        resized.push(
          `${shown(image.path)} is ${found.join(' × ')}, row ${image.row} says ${image.size?.join(' × ')}`,
        );
      }
    }
  }
  const of = `${chosen.length} images looked at`;
  if (damaged.length > 0) {
    error(
      'image-undecodable',
      `${damaged.length} of ${of} cannot be decoded; the first: ${damaged[0]}`,
      'fetch it again',
    );
  }
  if (resized.length > 0) {
    const hint = 'boxes are fractions of that size: the image must be the original';
    error('image-size', `${resized.length} of ${of} have another size; the first: ${resized[0]}`, hint);
  }
  if (tiny.length > 0) {
    const hint = 'servers send such placeholders for images that they lack: fetch it again, or leave it out';
    error(
      'image-tiny',
      `${tiny.length} of ${of} ${tiny.length === 1 ? 'has' : 'have'} a side of less than ${leastSide} pixels; the first: ${tiny[0]}`,
      hint,
    );
  }
  return { present, lookedAt, findings };
}

interface Look {
  readonly image: NamedImage;
  readonly looked?: LookedAt;
  /** Why it cannot be decoded. */
  readonly reason?: string | undefined;
  /** Its size, where the row says another. */
  readonly found?: readonly [number, number];
  /** The shorter one, in pixels. */
  readonly side?: number;
}

async function look(image: NamedImage): Promise<Look> {
  try {
    const { width, height, ...rest } = await readImage(image.path);
    const hash = hashImage({ width, height, ...rest });
    const differs = image.size !== undefined && (image.size[0] !== width || image.size[1] !== height);
    return {
      image,
      looked: { image, hash },
      side: Math.min(width, height),
      ...(differs ? { found: [width, height] } : {}),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { image, reason: error.issues[0]?.message };
  }
}

/** Always the same images of a file, the smallest ones among them, in file order. */
function sample(
  images: readonly NamedImage[],
  bytesOf: (image: NamedImage) => number,
  purpose: string,
): readonly NamedImage[] {
  if (images.length <= sampledImages) return images;
  const smallest = [...images].sort((first, second) => bytesOf(first) - bytesOf(second));
  const chosen = new Set(smallest.slice(0, smallestFiles));
  for (const image of new RandomStream(0, `doctor/${purpose}`).shuffle([...images])) {
    if (chosen.size === sampledImages) break;
    chosen.add(image);
  }
  return images.filter((image) => chosen.has(image));
}

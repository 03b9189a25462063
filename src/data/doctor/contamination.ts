// Test and training images that the base model has seen: against a list of its training images, one a line, as a
// name or path, a SHA-256 of the file (64 hexadecimal digits) or our perceptual hash (32).

import { basename, relative } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { counted } from '../../base/small.ts';
import { sha256OfFile } from '../../formats/files/files.ts';
import { ImageHashIndex, parseHash } from '../../formats/images/image-hash.ts';
import { readText } from '../../formats/records/json.ts';
import type { Finding } from './findings.ts';
import type { ImageCheck } from './images.ts';
import type { TaskImages } from './leakage.ts';

interface SeenImages {
  readonly names: ReadonlySet<string>;
  readonly contents: ReadonlySet<string>;
  readonly looks: ImageHashIndex<true>;
}

/**
 * COCO's images are called `COCO_train2014_000000000009.jpg` in one release and `000000000009.jpg` in another.
 * Extensions and folders make no difference.
 */
function nameKey(path: string): string {
  return basename(path)
    .replace(/\.\w+$/, '')
    .replace(/^COCO_(train|val|test)\d{4}_/, '');
}

/** @throws UserError when there is no such file, DataError when it holds nothing. */
export function readSeenImages(file: string): SeenImages {
  const [names, contents] = [new Set<string>(), new Set<string>()];
  const looks = new ImageHashIndex<true>();
  for (const line of readText(file).split('\n')) {
    const text = line.trim();
    const hash = parseHash(text);
    if (/^[0-9a-f]{64}$/i.test(text)) contents.add(text.toLowerCase());
    else if (hash !== undefined) looks.add(hash, true);
    else if (text !== '') names.add(nameKey(text));
  }
  if (names.size + contents.size === 0 && looks.size === 0) {
    throw new DataError({
      file,
      message: 'expected an image a line (a name, a SHA-256 or a perceptual hash), found nothing',
    });
  }
  return { names, contents, looks };
}

/** Names are compared for all images, contents for those that were looked at. */
export function findContamination(
  root: string,
  all: readonly TaskImages[],
  { names, contents, looks }: SeenImages,
): readonly Finding[] {
  const seen = ({ present, lookedAt }: ImageCheck): readonly string[] => {
    const paths = new Set(present.filter(({ path }) => names.has(nameKey(path))).map(({ path }) => path));
    for (const { image, hash } of lookedAt) {
      const known =
        (contents.size > 0 && contents.has(sha256OfFile(image.path))) ||
        (hash !== undefined && looks.nearest(hash) !== undefined);
      if (known) paths.add(image.path);
    }
    return [...paths];
  };
  return all.flatMap(({ task, ...parts }) =>
    (['test', 'train'] as const).flatMap((part): readonly Finding[] => {
      const check = parts[part];
      const paths = check === undefined ? [] : seen(check);
      if (check === undefined || paths.length === 0) return [];
      const first = relative(root, paths[0] ?? '').replaceAll('\\', '/');
      const of = counted(check.present.length, part === 'test' ? 'test image' : 'training image');
      return [
        {
          severity: part === 'test' ? 'warning' : 'note',
          task,
          code: 'contamination',
          message: `the base model was trained on ${paths.length} of ${of}; the first: ${first}`,
        },
      ];
    }),
  );
}

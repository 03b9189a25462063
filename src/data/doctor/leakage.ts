// Images that are in training and in the test: the same file, the same bytes under another name, or nearly the same
// image. Nothing is compared each with each: paths by sets, bytes only where lengths are the same, images by bands
// of their hash.

import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { counted } from '../../base/small.ts';
import { sha256OfFile } from '../../formats/files/files.ts';
import { ImageHashIndex } from '../../formats/images/image-hash.ts';
import type { CoinTask } from '../../tasks/index.ts';
import type { Finding, FindingCode } from './findings.ts';
import type { ImageCheck, LookedAt } from './images.ts';
import type { NamedImage } from './rows.ts';

export interface TaskImages {
  readonly task: CoinTask;
  readonly train?: ImageCheck;
  readonly test?: ImageCheck;
}

const hint = 'the test score then shows memory: leave the images out of one side, or say so beside the score';

/** Leaks within each task, and test images that another task trains on by their path. */
export function findLeaks(root: string, all: readonly TaskImages[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { task, train, test } of all) {
    if (test === undefined) continue;
    const shown = (path: string) => relative(root, path).replaceAll('\\', '/');
    const add = (code: FindingCode, leaks: readonly string[], one: string, several: string) => {
      if (leaks.length === 0) return;
      const what = leaks.length === 1 ? one : several;
      const message = `${counted(leaks.length, 'test image')} ${what}; the first: ${leaks[0]}`;
      findings.push({ severity: 'warning', task, code, message, hint });
    };
    for (const other of all) {
      const paths = new Set(other.train?.present.map(({ path }) => path));
      const leaks = test.present.filter(({ path }) => paths.has(path)).map(({ path }) => shown(path));
      const whose = other.task === task ? 'trained on too' : `trained on by ${other.task}`;
      add('leak-path', leaks, `is ${whose}`, `are ${whose}`);
    }
    if (train === undefined) continue;
    const trained = new Set(train.present.map(({ path }) => path));
    const own = test.lookedAt.filter(({ image }) => !trained.has(image.path));
    const same = sameContent(own, train.present);
    const pair = ({ image, twin }: Leak) => `${shown(image.path)} = ${shown(twin.path)}`;
    const bytes = 'the same bytes as';
    add('leak-content', same.map(pair), `has ${bytes} a training image`, `have ${bytes} training images`);
    const known = new Set(same.map(({ image }) => image.path));
    const near = nearlySame(
      own.filter(({ image }) => !known.has(image.path)),
      train.lookedAt,
    );
    add(
      'leak-near',
      near.map((leak) => `${pair(leak).replace(' = ', ' ≈ ')} (${leak.distance} of 128 bits differ)`),
      'looks like a training image',
      'look like training images',
    );
  }
  return findings;
}

interface Leak {
  readonly image: NamedImage;
  readonly twin: NamedImage;
}

function sameContent(test: readonly LookedAt[], train: readonly NamedImage[]): readonly Leak[] {
  const bytesOf = ({ path }: NamedImage) => statSync(path).size;
  const wanted = new Set(test.map(({ image }) => bytesOf(image)));
  const twins = new Map<string, NamedImage>();
  for (const image of train) {
    if (!wanted.has(bytesOf(image))) continue;
    const hash = sha256OfFile(image.path);
    if (!twins.has(hash)) twins.set(hash, image);
  }
  if (twins.size === 0) return [];
  const lengths = new Set([...twins.values()].map(bytesOf));
  return test.flatMap(({ image }) => {
    const twin = lengths.has(bytesOf(image)) ? twins.get(sha256OfFile(image.path)) : undefined;
    return twin === undefined ? [] : [{ image, twin }];
  });
}

function nearlySame(
  test: readonly LookedAt[],
  train: readonly LookedAt[],
): readonly (Leak & { readonly distance: number })[] {
  const index = new ImageHashIndex<NamedImage>();
  for (const { image, hash } of train) if (hash !== undefined) index.add(hash, image);
  return test.flatMap(({ image, hash }) => {
    const found = hash === undefined ? undefined : index.nearest(hash);
    return found === undefined ? [] : [{ image, twin: found.label, distance: found.distance }];
  });
}

// Where CoIN's instruction files and images lie below a data folder, under all the names they have been released with.
// Finds and repairs paths; what is in a file is read by `instructions.ts`.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { DataError, UserError } from '../../base/errors.ts';
import { type RowPlace, rowError } from '../../formats/records/json.ts';
import type { TaskSource } from '../task.ts';

/** CoIN's instruction types; each is a folder of its own. */
export const instructionTypes = ['Original', 'Diverse', '10Type'] as const;
export type InstructionType = (typeof instructionTypes)[number];

/**
 * The name used today first, then older ones (reference.md, Order and file names). In `Instructions`, Diverse
 * is a file of its own.
 */
const releasedNames: Readonly<Record<string, readonly string[]>> = {
  Original: [
    'Instructions_Original',
    'Instruction_Original',
    'Instructions_Type1',
    'Instruction_Type1',
    'Instructions',
  ],
  Diverse: [
    'Instructions_Diverse',
    'Instruction_Diverse',
    'Instructions_Type2',
    'Instruction_Type2',
    'Instructions',
  ],
  '10Type': ['Instructions_10Type', 'Instruction_10Type'],
};

interface InstructionSet {
  readonly folder: string;
  /** Between a file's name and its extension: `train_new.json`. */
  readonly suffix: string;
}

/** The folder of all tasks' instruction files; where there is none, the one that is expected. */
export function instructionFolder(source: TaskSource): string {
  return findInstructionSet(source).folder;
}

/**
 * The first of `names` that the task has, e.g. `val.json`.
 * @throws UserError saying what was found instead.
 */
export function instructionFile(source: TaskSource, task: string, names: readonly string[]): string {
  const { folder, suffix } = findInstructionSet(source);
  const wanted = names.map((name) => join(folder, task, name.replace(/(?=\.json$)/, suffix)));
  const found = wanted.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const others = foldersOf(source).filter((name) => /^instruction/i.test(name));
  throw new UserError({
    message: `no ${names.join(' or ')} of the task ${task}`,
    file: wanted[0] ?? folder,
    hint: existsSync(folder)
      ? `expected a folder per task in ${folder}`
      : `expected a folder Instructions_${source.instructionType} in ${source.root}, found ${
          others.length === 0 ? 'no instruction folder' : others.join(', ')
        }`,
  });
}

function findInstructionSet(source: TaskSource): InstructionSet {
  const { root, instructionType } = source;
  const names = releasedNames[instructionType] ?? [
    `Instructions_${instructionType}`,
    `Instruction_${instructionType}`,
  ];
  // The reference's scripts look in `playground`; some of them write the names in another case.
  for (const name of names) {
    const wanted = name.toLowerCase();
    const found = foldersOf(source).find((path) => basename(path).toLowerCase() === wanted);
    const isShared = name === 'Instructions' && instructionType !== 'Original';
    if (found !== undefined) return { folder: join(root, found), suffix: isShared ? '_new' : '' };
  }
  return { folder: join(root, names[0] ?? ''), suffix: '' };
}

function foldersOf({ root }: TaskSource): readonly string[] {
  const below = (folder: string) => {
    const path = join(root, folder);
    return existsSync(path) && statSync(path).isDirectory() ? readdirSync(path).sort() : [];
  };
  return [...below('.'), ...below('playground').map((name) => join('playground', name))];
}

/** `<root>/cl_dataset/...`: images and the official annotation files. */
export function datasetPath({ root }: TaskSource, ...parts: readonly string[]): string {
  return join(root, 'cl_dataset', ...parts);
}

interface MissingImage {
  readonly place: RowPlace;
  readonly path: string;
}

/** Resolves image paths below `cl_dataset` and reports all that do not exist at once, listing each folder once. */
export class ImageFinder {
  readonly #root: string;
  readonly #folders = new Map<string, ReadonlySet<string>>();
  readonly #missing: MissingImage[] = [];
  #lastMissing: MissingImage | undefined;
  #sought = 0;

  constructor(source: TaskSource) {
    this.#root = resolve(datasetPath(source));
  }

  /** The absolute path; undefined for a row without an image. */
  find(image: string | undefined, place: RowPlace, required: boolean): string | undefined {
    if (image === undefined) {
      if (required) throw rowError(place, 'image', 'expected the path of an image, found nothing');
      return undefined;
    }
    const path = resolve(this.#root, image);
    const inside = relative(this.#root, path);
    if (isAbsolute(image) || isAbsolute(inside) || inside.startsWith('..') || inside === '') {
      throw rowError(place, 'image', `expected a path inside ${this.#root}, found "${image}"`);
    }
    this.#sought++;
    // A path that exists is never changed.
    const found = [path, ...this.#repairs(path, inside)].find((candidate) => this.#exists(candidate));
    const expected = withoutDoubledExtension(path);
    this.#lastMissing = found === undefined ? { place, path: expected } : undefined;
    if (this.#lastMissing !== undefined) this.#missing.push(this.#lastMissing);
    return found ?? expected;
  }

  /** The image that was looked for last, where it is not there; it then no longer counts as missing. */
  takeMissing(): string | undefined {
    const last = this.#missing.at(-1);
    if (last === undefined || last !== this.#lastMissing) return undefined;
    this.#missing.pop();
    return last.path;
  }

  /** @throws DataError naming the first row whose image is not there, and how many more there are. */
  requireAll(): void {
    const first = this.#missing[0];
    if (first === undefined) return;
    const { place } = first;
    throw new DataError({
      message: `image not found: ${first.path} (row ${place.row}; ${this.#missing.length} of ${this.#sought} images are missing)`,
      file: place.file,
      line: place.row,
      field: 'image',
      hint: `images are looked for in ${this.#root}`,
    });
  }

  /** What a path may stand for: x.jpg.jpg for x.jpg; a path from above cl_dataset; ImageNet under its download's name. */
  #repairs(path: string, inside: string): readonly string[] {
    const plain = withoutDoubledExtension(path);
    const below = inside.replace(/^cl_dataset[\\/]/, '');
    const renamed = below.replace(/^ImageNet_withlabel(?=[\\/])/, 'ImageNet');
    return [plain, ...[below, renamed].map((name) => withoutDoubledExtension(join(this.#root, name)))];
  }

  #exists(path: string): boolean {
    const folder = dirname(path);
    let names = this.#folders.get(folder);
    if (names === undefined) {
      names = new Set(existsSync(folder) ? readdirSync(folder) : []);
      this.#folders.set(folder, names);
    }
    return names.has(basename(path));
  }
}

function withoutDoubledExtension(path: string): string {
  return path.replace(/(\.(?:jpe?g|png))\1$/i, '$1');
}

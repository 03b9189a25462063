// A folder with what a user downloaded: finds files under the names and in the places they are published with, and
// remembers which were used, so that a change of one of them is noticed.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { UserError } from '../../base/errors.ts';

export interface RawFolderOptions {
  /** False: images are not looked for, `content` is then undefined. */
  readonly images?: boolean;
  /** ImageNet: the list of classes. */
  readonly classes?: string;
}

export interface RawInput {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly modified: number;
}

/** An image of a published data set, found or missing. */
export interface RawImage {
  /** Below `cl_dataset`, with `/`. */
  readonly path: string;
  /** A file, or its content; undefined when it was looked for and is not there. */
  readonly content: string | Uint8Array | undefined;
}

export class RawFolder {
  readonly path: string;
  readonly classes: string | undefined;
  readonly #withImages: boolean;
  readonly #inputs = new Map<string, RawInput>();
  readonly #names = new Map<string, ReadonlySet<string>>();

  /** @throws UserError when there is no such folder. */
  constructor(path: string, { images = true, classes }: RawFolderOptions = {}) {
    if (!existsSync(path)) throw new UserError({ file: path, message: 'no such folder' });
    if (!statSync(path).isDirectory()) {
      throw new UserError({ file: path, message: 'expected a folder, found a file' });
    }
    this.path = path;
    this.#withImages = images;
    this.classes = classes;
    if (classes === undefined) return;
    if (!existsSync(classes)) throw new UserError({ file: classes, message: 'no such file' });
    this.#use(classes);
  }

  /** The files that were asked for and found, with sizes and times, sorted. */
  get inputs(): readonly RawInput[] {
    return [...this.#inputs.values()].sort((first, second) => (first.path < second.path ? -1 : 1));
  }

  /** The first of some places relative to the folder that exists. */
  find(places: readonly string[]): string | undefined {
    const found = places.map((place) => join(this.path, place)).find((file) => existsSync(file));
    if (found !== undefined && statSync(found).isFile()) this.#use(found);
    return found;
  }

  /** As `find`, but one must exist. `hint` says where it comes from. */
  require(places: readonly string[], hint: string): string {
    const found = this.find(places);
    if (found !== undefined) return found;
    const [first = '', ...others] = places;
    throw new UserError({
      file: join(this.path, first),
      message: others.length === 0 ? 'no such file' : `no such file, nor ${others.join(' or ')}`,
      hint,
    });
  }

  /** Files in the folder and two levels below whose path relative to it matches, sorted. */
  matching(pattern: RegExp): readonly string[] {
    const found = this.#walk('', 2).filter((path) => pattern.test(path));
    for (const path of found) this.#use(join(this.path, path));
    return found.map((path) => join(this.path, path));
  }

  /** The names in a folder, sorted; none when there is no such folder. */
  list(place: string): readonly string[] {
    const folder = join(this.path, place);
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  }

  /** An image to be placed at `path` below `cl_dataset`, looked for in some places relative to the folder. */
  image(path: string, places: readonly string[]): RawImage {
    if (!this.#withImages) return { path, content: undefined };
    const content = places.map((place) => join(this.path, place)).find((file) => this.#exists(file));
    return { path, content };
  }

  #exists(file: string): boolean {
    const folder = dirname(file);
    let names = this.#names.get(folder);
    if (names === undefined) {
      names = new Set(existsSync(folder) ? readdirSync(folder) : []);
      this.#names.set(folder, names);
    }
    return names.has(basename(file));
  }

  #walk(place: string, depth: number): readonly string[] {
    return readdirSync(join(this.path, place), { withFileTypes: true })
      .sort((first, second) => (first.name < second.name ? -1 : 1))
      .flatMap((entry) => {
        const inner = place === '' ? entry.name : `${place}/${entry.name}`;
        if (!entry.isDirectory()) return [inner];
        return depth > 0 ? this.#walk(inner, depth - 1) : [];
      });
  }

  #use(file: string): void {
    const { size, mtimeMs } = statSync(file);
    const path = relative(this.path, file).replaceAll('\\', '/');
    this.#inputs.set(path, { path, bytes: size, modified: mtimeMs });
  }
}

// Puts a data set's images where CoIN's layout wants them: links, copies, or nothing. Images are never decoded.
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { moveIntoPlace } from '../../formats/files/files.ts';
import { writeError } from '../../formats/files/system-errors.ts';
import type { RawImage } from '../../tasks/downloads/raw-folder.ts';

export const imageModes = ['link', 'copy', 'none'] as const;
/** `link`: symbolic links to the user's files; images inside Parquet files are written out either way. */
export type ImageMode = (typeof imageModes)[number];

export class ImagePlacer {
  readonly #root: string;
  readonly #mode: ImageMode;
  readonly #folders = new Set<string>();
  readonly #suffix: string;

  /** `root` is `cl_dataset`; `owner` tells apart what several preparations write aside in one folder. */
  constructor(root: string, mode: ImageMode, owner: string) {
    this.#root = root;
    this.#mode = mode;
    this.#suffix = `.${owner}.part`;
  }

  /** Does nothing where the image already is. */
  place({ path, content }: RawImage): void {
    if (this.#mode === 'none' || content === undefined) return;
    const target = join(this.#root, path);
    try {
      if (typeof content === 'string' && this.#mode === 'link') this.#link(resolve(content), target);
      else this.#write(content, target);
    } catch (error) {
      throw linkError(error, target) ?? writeError(error, target);
    }
  }

  #link(file: string, target: string): void {
    const found = lstatSync(target, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() && readlinkSync(target) === file) return;
    if (found !== undefined && resolve(target) === file) return;
    if (found !== undefined) rmSync(target);
    this.#makeFolder(target);
    symlinkSync(file, target);
  }

  /** Not synced one by one; the length tells a whole file from what a crash left. */
  #write(content: string | Uint8Array, target: string): void {
    const bytes = typeof content === 'string' ? statSync(content).size : content.length;
    const found = lstatSync(target, { throwIfNoEntry: false });
    if (found?.isFile() && found.size === bytes) return;
    if (found !== undefined) rmSync(target);
    this.#makeFolder(target);
    const aside = target + this.#suffix;
    if (typeof content === 'string') copyFileSync(content, aside);
    else writeFileSync(aside, content);
    moveIntoPlace(aside, target);
  }

  #makeFolder(target: string): void {
    const folder = dirname(target);
    if (this.#folders.has(folder)) return;
    mkdirSync(folder, { recursive: true });
    this.#folders.add(folder);
  }
}

function linkError(error: unknown, target: string): UserError | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'symlink' || code !== 'EPERM') return undefined;
  return new UserError({
    file: target,
    message: 'symbolic links cannot be made here',
    hint: 'copy the images instead: --images copy',
  });
}

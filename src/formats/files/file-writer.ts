// Writes a large file piece by piece, so that it is there whole or not at all. Small files: `writeFileAtomic`.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder, moveIntoPlace, syncFolder } from './files.ts';
import { writeError } from './system-errors.ts';

const bufferCharacters = 1 << 20;

/** Text goes to a file aside of fixed name, which `finish` renames into place; a killed writer's is overwritten. */
export class FileWriter {
  readonly #path: string;
  readonly #aside: string;
  readonly #descriptor: number;
  readonly #hash: Hash = createHash('sha256');
  #open = true;
  #pending = '';
  #bytes = 0;

  /** @throws UserError when the place cannot be written. */
  constructor(path: string) {
    this.#path = path;
    this.#aside = join(dirname(path), `.${basename(path)}.part`);
    makeFolder(dirname(path));
    this.#descriptor = this.#checked(() => openSync(this.#aside, 'w'));
  }

  write(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= bufferCharacters) this.#flush();
  }

  /** Syncs, and moves the file into place. */
  finish(): { readonly bytes: number; readonly sha256: string } {
    this.#flush();
    this.#checked(() => {
      fsyncSync(this.#descriptor);
      this.#open = false;
      closeSync(this.#descriptor);
      moveIntoPlace(this.#aside, this.#path);
      syncFolder(dirname(this.#path));
    });
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Leaves nothing behind. For a writer whose `write` or `finish` has failed, and one that is not wanted any more. */
  abandon(): void {
    if (this.#open) closeSync(this.#descriptor);
    rmSync(this.#aside, { force: true });
  }

  #flush(): void {
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    this.#hash.update(bytes);
    this.#checked(() => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done);
    });
    this.#bytes += bytes.length;
  }

  #checked<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw writeError(error, this.#path);
    }
  }
}

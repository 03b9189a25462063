// Line files that grow: read in pieces, so that a large one is never one string; appended in groups, each synced.
// A last line without an end is a write that was cut short; it is passed over, and removed before the next is appended.
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { killableWrite } from '../../base/kill-points.ts';
import { withOpenFile } from '../files/file-bytes.ts';
import { makeFolder } from '../files/files.ts';
import { writeError } from '../files/system-errors.ts';

const pieceBytes = 1 << 20;

/** Calls `take` with every whole line, in order; returns the bytes of the whole lines. Nothing when there is no file. */
export function forEachLine(file: string, take: (line: string) => void): number {
  if (!existsSync(file)) return 0;
  return withOpenFile(file, (descriptor) => {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const decoder = new StringDecoder('utf8');
    let [rest, wholeBytes, bytes] = ['', 0, 0];
    for (;;) {
      const count = readSync(descriptor, piece, 0, piece.length, null);
      if (count === 0) return wholeBytes;
      const last = piece.subarray(0, count).lastIndexOf(10);
      if (last !== -1) wholeBytes = bytes + last + 1;
      bytes += count;
      const lines = (rest + decoder.write(piece.subarray(0, count))).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(line);
    }
  });
}

/** Appends lines to a file; what is asked for while a write is under way goes to the disk together in the next. */
export class LineLog {
  readonly #file: string;
  readonly #descriptor: number;
  #waiting: { readonly line: string; done(): void; failed(error: unknown): void }[] = [];
  #scheduled = false;

  /** `wholeBytes`: what `forEachLine` returned; anything after it is cut off. Throws UserError when it cannot be written. */
  constructor(file: string, wholeBytes: number) {
    this.#file = file;
    makeFolder(dirname(file));
    try {
      if (existsSync(file)) truncateSync(file, wholeBytes);
      this.#descriptor = openSync(file, 'a');
    } catch (error) {
      throw writeError(error, file);
    }
  }

  /** Resolves when the line is on the disk. */
  append(line: string): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ line, done, failed });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#write());
    });
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #write(): void {
    const group = this.#waiting;
    this.#waiting = [];
    this.#scheduled = false;
    try {
      const { size } = fstatSync(this.#descriptor);
      try {
        const text = group.map(({ line }) => `${line}\n`).join('');
        killableWrite('answer', this.#file, text, (part) => writeFileSync(this.#descriptor, part));
        fsyncSync(this.#descriptor);
      } catch (error) {
        truncateSync(this.#file, size);
        throw error;
      }
      for (const { done } of group) done();
    } catch (error) {
      for (const { failed } of group) failed(writeError(error, this.#file));
    }
  }
}

// Writing files so that they are there whole or not at all, and hashing them.
// Reading text is `readText` in `json.ts`. Everything is synchronous: whoever writes waits for the disk anyway.
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { threadId } from 'node:worker_threads';
import { killable, killableWrite } from '../../base/kill-points.ts';
import { withOpenFile } from './file-bytes.ts';
import { writeError } from './system-errors.ts';

const temporaryName = /\.tmp-\d+-\d+$/;
const hashChunkBytes = 1 << 20;
let temporaryFiles = 0;

/** A name beside `path` for what is not complete yet: no other process, thread or file of this one has it. */
export function temporaryBeside(path: string): string {
  return `${path}.tmp-${process.pid}-${threadId}${String(temporaryFiles++).padStart(6, '0')}`;
}

/** Renames a finished file or folder; what was there under that name is gone. Fails as `renameSync` does. */
export function moveIntoPlace(aside: string, path: string): void {
  killable('rename', path, () => renameSync(aside, path));
}

/**
 * Writes a file aside in the same folder, syncs it, and renames it into place: a reader, and a process that starts
 * after a crash, sees the old content or the new one. Missing folders are made.
 * @throws UserError naming the file when the disk is full or the place cannot be written; nothing is left behind.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  const folder = dirname(path);
  const aside = temporaryBeside(path);
  let opened = false;
  try {
    makeFolderUnchecked(folder);
    const descriptor = openSync(aside, 'wx');
    opened = true;
    try {
      killableWrite('write', path, content, (bytes) => writeFileSync(descriptor, bytes));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    moveIntoPlace(aside, path);
    syncFolder(folder);
  } catch (error) {
    if (opened) rmSync(aside, { force: true });
    throw writeError(error, path);
  }
}

/** As `writeFileAtomic`, of a value as JSON with two spaces of indentation. */
export function writeJsonAtomic(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/**
 * Appends one line and returns when it is on the disk. A write that fails half way is taken back.
 * @throws UserError naming the file when the disk is full or the file cannot be written.
 */
export function appendLineSynced(path: string, line: string): void {
  try {
    const isNew = !existsSync(path);
    if (isNew) makeFolderUnchecked(dirname(path));
    const descriptor = openSync(path, 'a');
    try {
      const length = fstatSync(descriptor).size;
      try {
        killableWrite('journal', path, `${line}\n`, (text) => writeFileSync(descriptor, text));
        fsyncSync(descriptor);
      } catch (error) {
        if (fstatSync(descriptor).isFile()) ftruncateSync(descriptor, length);
        throw error;
      }
    } finally {
      closeSync(descriptor);
    }
    if (isNew) syncFolder(dirname(path));
  } catch (error) {
    throw writeError(error, path);
  }
}

/** Makes a folder and those above it, each synced into the folder that holds it. */
export function makeFolder(path: string): void {
  try {
    makeFolderUnchecked(path);
  } catch (error) {
    throw writeError(error, path);
  }
}

/** Moves a folder of finished files into place: every file synced first, then the name. Replaces nothing. */
export function publishFolder(aside: string, path: string): void {
  try {
    syncTree(aside);
    moveIntoPlace(aside, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw writeError(error, path);
  }
}

/**
 * Gives a file a second name; where the file system has no links, a copy. For files that are never changed in place.
 * Missing folders are made; nothing is replaced.
 */
export function linkFile(from: string, to: string): void {
  try {
    makeFolderUnchecked(dirname(to));
    try {
      linkSync(from, to);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && noLinks.has(String(error.code)))) throw error;
      const aside = temporaryBeside(to);
      copyFileSync(from, aside);
      moveIntoPlace(aside, to);
    }
    syncFolder(dirname(to));
  } catch (error) {
    throw writeError(error, to);
  }
}

/** What a file system says that has no hard links, or no more for this file, or none to another. */
const noLinks = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES']);

/** The files below a folder as sorted relative paths with `/`; none when there is no folder. */
export function listFiles(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory()
        ? listFiles(join(folder, entry.name)).map((path) => `${entry.name}/${path}`)
        : [entry.name],
    )
    .sort();
}

/** Removes files and folders with all that is in them; what is not there is no mistake. */
export function remove(...paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}

/** Removes what an interrupted `writeFileAtomic` left below `folder`. Only for whoever holds the folder alone. */
export function removeTemporaryFiles(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeTemporaryFiles(path);
    else if (temporaryName.test(entry.name)) rmSync(path, { force: true });
  }
}

/** SHA-256 in lower-case hexadecimal. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** As `sha256`, of a file of any size. Throws DataError when it cannot be opened. */
export function sha256OfFile(path: string): string {
  return withOpenFile(path, (descriptor) => {
    const hash = createHash('sha256');
    const chunk = new Uint8Array(hashChunkBytes);
    for (;;) {
      const count = readSync(descriptor, chunk, 0, chunk.length, null);
      if (count === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, count));
    }
  });
}

function makeFolderUnchecked(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  for (const folder of missing.reverse()) {
    // One by one: Node's own recursion never ends where a folder is there but takes no new ones, as in /proc.
    try {
      mkdirSync(folder);
    } catch (error) {
      // Another process may have made it meanwhile; whether it is a folder shows with what is made in it.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    syncFolder(dirname(folder));
  }
  if (missing.length === 0) mkdirSync(path, { recursive: true });
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      syncTree(path);
      continue;
    }
    const descriptor = openSync(path, 'r+');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
  syncFolder(folder);
}

/** Makes the names in a folder survive a crash. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return; // A folder cannot be opened there.
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } catch (error) {
    // Some network file systems do not sync folders; the rename itself is still whole.
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return;
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

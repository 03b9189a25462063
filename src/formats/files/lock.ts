// One process per run folder: a lock file that names the process. A lock whose process is gone is taken over.
// Not a defence against the network: a lock made on another machine is never taken over, the user is told.
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { makeFolder, syncFolder } from './files.ts';
import { writeError } from './system-errors.ts';

const ownerSchema = z.object({ pid: z.int(), host: z.string(), birth: z.string().optional() });
type Owner = z.output<typeof ownerSchema>;

/** A lock without readable content is being written right now, unless it is older than this. */
const halfWrittenMs = 5_000;

/** Another process holds a folder. Not thrown for a folder that cannot be written. */
export class FolderInUse extends UserError {}

/** How the folder is called in the message, and what can be done besides waiting. */
export interface LockWords {
  readonly what?: string;
  readonly otherwise?: string;
}

/**
 * Takes the lock of a folder, which is made if it is missing; returns what releases it. The lock is on the disk before
 * anything else is written below the folder.
 * @throws FolderInUse when another process holds it; UserError when the folder cannot be written.
 */
export function lockFolder(folder: string, words: LockWords = {}): () => void {
  const file = join(folder, 'lock');
  makeFolder(folder);
  const mine = thisProcess();
  for (let attempt = 0; ; attempt++) {
    try {
      const descriptor = openSync(file, 'wx');
      try {
        writeFileSync(descriptor, JSON.stringify(mine));
        fsyncSync(descriptor);
      } catch (error) {
        rmSync(file, { force: true });
        throw error;
      } finally {
        closeSync(descriptor);
      }
      syncFolder(folder);
      return () => {
        // Where the folder was moved away meanwhile, the lock may be another's.
        if (isMine(readOwner(file))) rmSync(file, { force: true });
      };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
        throw writeError(error, file);
      const owner = readOwner(file);
      if (attempt >= 3 || !isStale(file, owner)) throw inUse(folder, file, owner, words);
      removeStale(file, owner);
    }
  }
}

/**
 * For whoever holds a folder, before something is written that cannot be taken back.
 * @throws UserError when the folder was removed or moved, or another process has taken it.
 */
export function requireHeld(folder: string): void {
  if (isMine(readOwner(join(folder, 'lock')))) return;
  throw new UserError({
    file: folder,
    message: existsSync(folder)
      ? 'the lock of this folder was removed or taken by another process while it was written to'
      : 'the folder was removed or moved while it was written to',
    hint: 'what was completed is kept where the folder went; put it back and run the same command again',
  });
}

const pollMs = 500;

/**
 * As `lockFolder`, but waits for another process, as long as `patienceMs`; `onWait` is told once whom it waits for.
 * @throws UserError at once when the folder cannot be written.
 */
export async function awaitFolder(
  folder: string,
  { patienceMs, onWait }: { readonly patienceMs: number; readonly onWait?: (why: string) => void },
): Promise<() => void> {
  for (let waited = 0; ; waited += pollMs) {
    try {
      return lockFolder(folder, { what: 'this folder', otherwise: 'try again then' });
    } catch (error) {
      if (!(error instanceof FolderInUse) || waited >= patienceMs) throw error;
      if (waited === 0) onWait?.(`Waiting: ${folder} ${error.issues[0]?.message ?? ''}`);
    }
    await sleep(pollMs);
  }
}

/** Moves the lock aside first, so that a lock which another process has taken meanwhile is noticed and put back. */
function removeStale(file: string, owner: Owner | undefined): void {
  const aside = `${file}.tmp-${process.pid}-0`;
  try {
    renameSync(file, aside);
    const moved = readOwner(aside);
    if (moved?.pid !== owner?.pid || moved?.birth !== owner?.birth) linkSync(aside, file);
  } catch (error) {
    if (
      !(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EEXIST'))
    ) {
      throw writeError(error, file);
    }
  } finally {
    rmSync(aside, { force: true });
  }
}

function thisProcess(): Owner {
  return { pid: process.pid, host: hostname(), birth: birthOf(process.pid) };
}

function isMine(owner: Owner | undefined): boolean {
  const mine = thisProcess();
  return owner?.pid === mine.pid && owner.host === mine.host && owner.birth === mine.birth;
}

function readOwner(file: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function isStale(file: string, owner: Owner | undefined): boolean {
  if (owner === undefined) return !existsSync(file) || Date.now() - statSync(file).mtimeMs > halfWrittenMs;
  if (owner.host !== hostname()) return false;
  if (!isAlive(owner.pid)) return true;
  // The number may have been given to a new process since.
  return owner.birth !== undefined && owner.birth !== birthOf(owner.pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** What tells a process from a later one of the same number: the boot and the start time in it. Linux only. */
function birthOf(pid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces; the start time is the 22nd.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined; // Ended, and not yet collected by its parent.
    const startTime = fields[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${startTime}`;
  } catch {
    return undefined;
  }
}

function inUse(
  folder: string,
  file: string,
  owner: Owner | undefined,
  { what = 'this run', otherwise = 'give another folder with --output' }: LockWords,
): FolderInUse {
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new FolderInUse({
    file: folder,
    message: `${what} is in use by ${who}`,
    hint: `wait for it or stop it, or ${otherwise}; if it is gone, delete ${file}`,
  });
}

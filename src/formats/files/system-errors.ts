// What the system says when a file cannot be read or written, in words for people. Such a failure is never a bug of ours,
// wherever it is met: a disk that is full, a folder that was removed, rights that were taken away.
import { UserError } from '../../base/errors.ts';

interface Failure {
  readonly why: string;
  readonly hint?: string;
}

const denied: Failure = {
  why: 'permission denied',
  hint: 'change the permissions, or give another place (--output)',
};
const full: Failure = {
  why: 'the disk is full',
  hint: 'free some space and run the same command again; what was completed is kept',
};
const blocked: Failure = { why: 'a part of its path is a file, not a folder' };
const gone: Failure = {
  why: 'it, or the folder that it is in, is not there',
  hint: 'was it removed or moved meanwhile? put it back and run the same command again',
};
const broken: Failure = { why: 'the disk or the connection to it failed' };

const failures: Readonly<Record<string, Failure>> = {
  ENOENT: gone,
  ENOSPC: full,
  EDQUOT: { ...full, why: 'the disk quota is used up' },
  EFBIG: { ...full, why: 'larger than the system allows' },
  EACCES: denied,
  EPERM: denied,
  EROFS: { ...denied, why: 'the file system is read-only' },
  EISDIR: { why: 'expected a file, found a folder of that name' },
  ENOTDIR: blocked,
  EEXIST: blocked,
  ENOTEMPTY: { why: 'the folder is not empty' },
  ENAMETOOLONG: { why: 'its name is too long' },
  EMFILE: { why: 'too many open files', hint: 'raise the limit (ulimit -n)' },
  ENFILE: { why: 'too many open files', hint: 'end other programs, or raise the limit of the system' },
  EBUSY: { why: 'something else uses it' },
  EIO: broken,
  ESTALE: broken,
  ENOTCONN: broken,
  ETIMEDOUT: broken,
  ELOOP: { why: 'its links lead in a circle' },
};

const reads = new Set(['read', 'scandir', 'opendir', 'stat', 'lstat', 'fstat', 'readlink', 'access']);

/** A failure of the system to read or write a file, in one sentence; undefined for anything else. */
export function systemError(error: unknown, file?: string): UserError | undefined {
  if (error instanceof UserError || !(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  const syscall = 'syscall' in error ? String(error.syscall) : '';
  const what = reads.has(syscall) ? 'read' : syscall === 'open' ? 'opened' : 'written';
  return said(what, code, 'path' in error && typeof error.path === 'string' ? error.path : file);
}

/** As `systemError`, of a write to `file`; anything that is not a failure of the system as it is. */
export function writeError(error: unknown, file: string): unknown {
  const isOfSystem = systemError(error) !== undefined;
  return isOfSystem ? said('written', String((error as NodeJS.ErrnoException).code), file) : error;
}

function said(what: string, code: string, file: string | undefined): UserError {
  const { why, hint } = failures[code] ?? { why: code };
  return new UserError({ message: `cannot be ${what}: ${why}`, file, hint });
}

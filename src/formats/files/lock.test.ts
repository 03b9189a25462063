// One process per folder: who waits, who is told at once, and whose lock is taken away.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { awaitFolder, FolderInUse, lockFolder, requireHeld } from './lock.ts';

const top = mkdtempSync(join(tmpdir(), 'coin-lock-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

describe('a folder that cannot be written', () => {
  writeFileSync(join(top, 'file'), '');
  const folder = join(top, 'file', 'below');

  it('is said at once, and is no folder that another process holds', async () => {
    const waits: string[] = [];
    const waiting = awaitFolder(folder, { patienceMs: 3_600_000, onWait: (why) => waits.push(why) });
    const error: unknown = await waiting.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error).not.toBeInstanceOf(FolderInUse);
    expect(String(error)).toMatch(/below.*cannot be written: a part of its path is a file/);
    expect(waits).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('is said where a folder is there and takes no new ones', () => {
    expect(() => lockFolder('/proc/of-nobody/run')).toThrow(/cannot be written/);
  });
});

describe('a folder that is held', () => {
  it('is waited for, and who holds it is said once', async () => {
    const folder = join(top, 'held');
    const release = lockFolder(folder);
    const waits: string[] = [];
    const waiting = awaitFolder(folder, {
      patienceMs: 3_600_000,
      onWait: (why) => {
        waits.push(why);
        release();
      },
    });
    (await waiting)();
    expect(waits).toHaveLength(1);
    expect(waits[0]).toMatch(new RegExp(`^Waiting: ${folder} .*in use by process ${process.pid} `));
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('is refused when patience is over', async () => {
    const folder = join(top, 'patience');
    lockFolder(folder);
    await expect(awaitFolder(folder, { patienceMs: 0 })).rejects.toBeInstanceOf(FolderInUse);
  });

  it('is known to be ours, until it is gone or another has it', () => {
    const folder = join(top, 'ours');
    const release = lockFolder(folder);
    const file = join(folder, 'lock');
    requireHeld(folder);
    const other = { ...JSON.parse(readFileSync(file, 'utf8')), pid: process.pid + 1 };
    writeFileSync(file, JSON.stringify(other));
    expect(() => requireHeld(folder)).toThrow(/was removed or taken by another process/);
    // Another's lock stays.
    release();
    expect(existsSync(file)).toBe(true);
    rmSync(folder, { recursive: true });
    expect(() => requireHeld(folder)).toThrow(/was removed or moved while it was written to/);
  });
});

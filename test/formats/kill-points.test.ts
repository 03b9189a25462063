// What is on the disk after a process killed itself at a stated moment: before, within and after a write, a rename, a record.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildIfStale, repository } from '../support/built.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-kill-points-'));
let folders = 0;

beforeAll(buildIfStale);
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Two files and two records by turns, in a process of its own. */
function writeKilledAt(point: string | undefined) {
  const folder = join(root, String(++folders));
  const files = pathToFileURL(join(repository, 'dist', 'formats', 'files', 'files.js')).href;
  const script = `
    import { appendLineSynced, writeFileAtomic } from ${JSON.stringify(files)};
    for (const name of ['first', 'second']) {
      writeFileAtomic(${JSON.stringify(folder)} + '/' + name, 'all of ' + name);
      appendLineSynced(${JSON.stringify(folder)} + '/journal', 'the ' + name);
    }`;
  const { COIN_KILL: _, ...others } = process.env;
  const env = point === undefined ? others : { ...others, COIN_KILL: point };
  const { signal, status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env,
    encoding: 'utf8',
  });
  const read = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : null;
  const aside = existsSync(folder) ? readdirSync(folder).filter((name) => name.includes('.tmp-')) : [];
  return {
    ended: signal ?? status,
    stderr,
    first: read('first'),
    second: read('second'),
    journal: read('journal'),
    aside: aside.map(read),
  };
}

describe('a process that is to be killed', () => {
  const whole = {
    first: 'all of first',
    second: 'all of second',
    journal: 'the first\nthe second\n',
    aside: [],
  };

  it.each([
    ['write:1:before', { first: null, second: null, journal: null, aside: [''] }],
    ['write:2:within', { second: null, journal: 'the first\n', aside: ['all of'] }],
    ['write:1:after', { first: null, second: null, journal: null, aside: ['all of first'] }],
    ['rename:1:before', { first: null, second: null, journal: null, aside: ['all of first'] }],
    ['rename:1', { second: null, journal: null }],
    ['rename:1:before:second', { second: null, journal: 'the first\n', aside: ['all of second'] }],
    ['journal:2:before', { journal: 'the first\n' }],
    ['journal:2:within', { journal: 'the first\nthe s' }],
    ['journal:1:after', { second: null, journal: 'the first\n' }],
  ])('at %s leaves what was done', (point, left) => {
    expect(writeKilledAt(point)).toMatchObject({ ...whole, ...left, ended: 'SIGKILL' });
  });

  it('ends as ever where the moment does not come, and where none is stated', () => {
    for (const point of [undefined, '', 'journal:3', 'checkpoint:1', 'rename:1:after:elsewhere']) {
      expect(writeKilledAt(point)).toMatchObject({ ...whole, ended: 0, stderr: '' });
    }
  });
});

describe('a moment that does not exist', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ['lunch:1', 'expected MOMENT:N[:PHASE[:TEXT]] of write, rename, journal, answer, checkpoint'],
    ['rename', 'expected a whole number of at least 1 after "rename:"'],
    ['rename:0', 'expected a whole number of at least 1 after "rename:"'],
    ['rename:1:within', 'expected before, after after "rename:1:"'],
    ['write:2:inside', 'expected before, within, after after "write:2:"'],
  ])('%s is refused', async (point, expected) => {
    vi.resetModules();
    vi.stubEnv('COIN_KILL', point);
    const { killable } = await import('../../src/base/kill-points.ts');
    expect(() => killable('rename', 'x', () => {})).toThrow(`COIN_KILL: ${expected}; found "${point}"`);
  });
});

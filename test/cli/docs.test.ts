// Every command that README and docs give: is there, takes those options and arguments, and has a shell's syntax as it
// stands, in bash and in zsh. Those that need no hours, no network and no weights of gigabytes are run on tiny data.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkArguments, findCommand } from '../../src/cli/shell/arguments.ts';
import { coin } from '../../src/cli/shell/commands.ts';
import { loadConfig } from '../../src/config/load.ts';
import { buildIfStale, commandLine, repository } from '../support/built.ts';

interface Command {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !file.endsWith('reproducibility.md'))
    .map((file) => join('docs', file)),
];

/** Lines of `sh` blocks, and the first cells of tables that hold a command. */
function commandsIn(file: string): readonly Command[] {
  let inBlock = false;
  return readFileSync(join(repository, file), 'utf8')
    .split('\n')
    .flatMap((content, index): readonly Command[] => {
      const at = { file, line: index + 1 };
      if (content.startsWith('```')) {
        inBlock = content === '```sh';
        return [];
      }
      if (inBlock) return content.trim() === '' ? [] : [{ ...at, text: content.trim() }];
      const cell = /^\| `((?:npx |npm |node |PEER_PYTHON=)[^`]*)` \|/.exec(content)?.[1];
      return cell === undefined ? [] : [{ ...at, text: cell.replaceAll('\\|', '|') }];
    });
}

const commands = pages.flatMap(commandsIn);
const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

/** The words of a command as a shell splits them. */
function wordsOf(text: string): readonly string[] {
  const { stdout } = spawnSync('bash', ['-c', `seed=0; printf '%s\\0' ${text.replace(/ [>|] .*$/, '')}`], {
    encoding: 'utf8',
  });
  return stdout.split('\0').slice(0, -1);
}

const ofCoin = commands.flatMap((command) => {
  const found = /(?:^|do )npx coin (.*?)(?:; done)?$/.exec(command.text)?.[1];
  return found === undefined ? [] : [{ ...command, text: found }];
});

describe('the commands of README and docs', () => {
  it('are found', () => {
    expect(ofCoin.length).toBeGreaterThan(60);
    expect(new Set(ofCoin.map(({ file }) => file)).size).toBeGreaterThan(8);
  });

  it('can be copied into any shell: no comment behind, no bare brackets, and npx before coin', () => {
    const wrong = commands.filter(({ text }) => / # |^#|^coin |\s\[/.test(text));
    expect(wrong).toEqual([]);
    for (const shell of ['bash', 'zsh'].filter(has)) {
      const { status, stderr } = spawnSync(shell, ['-n'], {
        input: commands.map(({ text }) => text).join('\n'),
        encoding: 'utf8',
      });
      expect({ shell, status, stderr }).toEqual({ shell, status: 0, stderr: '' });
    }
  });

  it.each(ofCoin.map(({ file, line, text }) => [text, `${file}:${line}`] as const))(
    'coin %s is one (%s)',
    async (text) => {
      const { entry, rest } = findCommand(coin, wordsOf(text));
      expect(entry.load).toBeDefined();
      const definitions = Object((await entry.load?.())?.args ?? {});
      expect(() => checkArguments(definitions, rest)).not.toThrow();
    },
  );

  it('of npm are scripts of the package', () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
    const called = commands.flatMap(({ text }) => /npm run ([\w:-]+)/.exec(text)?.[1] ?? []);
    expect(called.length).toBeGreaterThan(5);
    expect(called.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

/** What stands for folders and files of the reader's own; the commands themselves are as they are written. */
const places: readonly (readonly [RegExp, string])[] = [
  [/\bDATA\b|\bdata\/(?:coin|part)\b/g, 'data'],
  [/\bDIR\b/g, 'nano'],
  [/\bFILE\b(?!\.)/g, 'image.png'],
  [/\b(?:RUN|runs\/nano)\b(?!-)/g, 'runs/nano'],
];

/** Needs no model and no finished run of all stages: these are run. */
const quick =
  /^(?:config |metrics --published|study$|study orders --(?:dry-run|print)|data doctor|graph dump|model inspect)/;

describe('the quick ones, run as they are written', () => {
  let folder: string;
  beforeAll(() => {
    buildIfStale();
    folder = mkdtempSync(join(tmpdir(), 'coin-docs-'));
    const made = spawnSync(
      process.execPath,
      [commandLine, 'data', 'nano', '--to', 'data', '--train', '3', '--test', '2'],
      { cwd: folder, encoding: 'utf8' },
    );
    expect(made).toMatchObject({ status: 0 });
    writeFileSync(join(folder, 'my.yaml'), 'base: nano\n');
    // `npx coin` is the command that was built from these sources.
    mkdirSync(join(folder, 'bin'));
    const npx = `#!/bin/sh\nshift\nexec "${process.execPath}" "${commandLine}" "$@"\n`;
    writeFileSync(join(folder, 'bin', 'npx'), npx, { mode: 0o755 });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = [...new Set(ofCoin.map(({ text }) => text))].filter((text) => quick.test(text));
  it.each(run)('npx coin %s', (text) => {
    const written = places.reduce((command, [place, stands]) => command.replaceAll(place, stands), text);
    for (const shell of ['bash', 'zsh'].filter(has)) {
      const { status, stderr } = spawnSync(shell, ['-c', `npx coin ${written}`], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
      });
      // The doctor of three entries a task finds fewer than CoIN has; that is an answer, not a failure.
      const expected = text.startsWith('data doctor') ? [0, 1] : [0];
      expect({ status: expected.includes(status ?? -1), stderr: status === 0 ? '' : stderr }).toMatchObject({
        status: true,
      });
    }
  });

  it('begins a configuration of one’s own from what coin config prints', () => {
    const { stdout } = spawnSync(process.execPath, [commandLine, 'config'], {
      cwd: folder,
      encoding: 'utf8',
    });
    writeFileSync(join(folder, 'mine.yaml'), stdout);
    expect(loadConfig('mine.yaml', { workingFolder: folder })).toMatchObject({ model: 'nano' });
  });
});

// Help of every command in 80 columns, completion in real shells, and how many modules a start loads.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandEntry } from '../../src/cli/shell/command-entry.ts';
import { coin } from '../../src/cli/shell/commands.ts';
import { renderCommandHelp, renderOverview } from '../../src/cli/shell/help.ts';
import { buildIfStale, commandLine } from '../support/built.ts';

let folder: string;
beforeAll(() => {
  buildIfStale();
  folder = mkdtempSync(join(tmpdir(), 'coin-help-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function entriesBelow(entry: CommandEntry, path: string): readonly (readonly [string, CommandEntry])[] {
  return (entry.children ?? []).flatMap((child) => [
    [`${path} ${child.name}`, child] as const,
    ...entriesBelow(child, `${path} ${child.name}`),
  ]);
}
const all = entriesBelow(coin, 'coin');

describe('help', () => {
  it.each([80, 100])('of coin fits in %i columns, and names every command once', (width) => {
    const lines = renderOverview(coin, { width, color: false }).split('\n');
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    for (const { name } of coin.children ?? []) {
      expect(
        lines.filter((line) => line.startsWith(`  ${name}  `) && !/data:|model:/.test(line)),
      ).not.toEqual([]);
    }
  });

  it.each(all)('of %s fits in 80 columns, but for whole commands', async (path, entry) => {
    const command = await entry.load?.();
    const text = renderCommandHelp(path, entry, Object(command?.args ?? {}), { width: 80, color: false });
    const long = text.split('\n').filter((line) => line.length > 80 && !line.startsWith('  coin '));
    expect(long).toEqual([]);
    expect(text.startsWith(path)).toBe(true);
  });

  it('has examples whose options there are', async () => {
    for (const [path, { examples = [], load }] of all) {
      const known = Object.keys(Object((await load?.())?.args ?? {})).map((name) => `--${name}`);
      for (const [example] of examples) {
        expect(example).toContain(path);
        const options = example.split(' ').filter((word) => word.startsWith('--'));
        expect({ example, unknown: options.filter((option) => !known.includes(option)) }).toEqual({
          example,
          unknown: [],
        });
      }
    }
  });
});

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

describe('completion', () => {
  const scriptOf = (shell: string) => {
    const { status, stdout } = spawnSync(process.execPath, [commandLine, 'completion', shell], {
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    const file = join(folder, `coin.${shell}`);
    writeFileSync(file, stdout);
    return file;
  };

  it.runIf(has('bash'))('in bash knows commands, options and values', () => {
    const file = scriptOf('bash');
    const completed = (...words: readonly string[]) => {
      const { stdout, stderr } = spawnSync(
        'bash',
        [
          '-c',
          `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _coin; echo "\${COMPREPLY[*]}"`,
          file,
          ...words,
        ],
        { encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      return stdout.trim().split(' ');
    };
    expect(completed('coin', 'me')).toEqual(['metrics']);
    expect(completed('coin', 'data', '')).toEqual(['doctor', 'prepare', 'nano']);
    expect(completed('coin', 'run', 'coin-')).toEqual(['coin-qwen', 'coin-minigpt']);
    expect(completed('coin', 'run', 'nano', '--see')).toEqual(['--seed', '--seeds']);
    expect(completed('coin', 'samples', 'runs/nano', '--task', 'VQ')).toEqual(['VQAv2']);
    expect(completed('coin', 'data', 'doctor', '--ima')).toEqual(['--images']);
    expect(completed('coin', 'run', 'my')).toEqual(['']);
  });

  it.runIf(has('zsh'))('in zsh is a script that zsh reads', () => {
    expect(spawnSync('zsh', ['-n', scriptOf('zsh')], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it.runIf(has('fish'))('in fish is a script that fish reads', () => {
    expect(spawnSync('fish', ['-n', scriptOf('fish')], { encoding: 'utf8' })).toMatchObject({ status: 0 });
  });

  it('in every shell names every command', () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const text = readFileSync(scriptOf(shell), 'utf8');
      for (const [path] of all) expect(text).toContain(path.slice('coin '.length).split(' ').at(-1));
    }
  });
});

describe('a start loads no more than it needs', () => {
  /** Files that a command loads, ours and the packages'. */
  function modulesOf(...parameters: readonly string[]): readonly string[] {
    const coverage = mkdtempSync(join(folder, 'coverage-'));
    spawnSync(process.execPath, [commandLine, ...parameters], {
      cwd: folder,
      env: { ...process.env, NODE_V8_COVERAGE: coverage },
    });
    const urls = readdirSync(coverage).flatMap((file) => {
      const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as {
        readonly result: readonly { readonly url: string }[];
      };
      return result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    });
    return [...new Set(urls)];
  }

  it.each([
    [['--version'], 12],
    [['--help'], 15],
    [['data', '--help'], 15],
    [['rum'], 12],
  ])('coin %j: at most %i modules, none of a package', (parameters, most) => {
    const modules = modulesOf(...parameters);
    expect(modules.length).toBeLessThanOrEqual(most);
    expect(modules.length).toBeGreaterThan(3);
    expect(modules.filter((url) => url.includes('node_modules'))).toEqual([]);
  });

  // Runtimes, image libraries and their formats: only what computes or decodes needs them.
  it.each([
    [['run', '--help'], 480],
    [['plan', '--help'], 420],
    [['config'], 395],
    [['metrics', '--published'], 455],
    [['compare', '--help'], 415],
    [['report', '--help'], 485],
    [['score', '--help'], 165],
  ])('coin %j: at most %i modules, none of a runtime or an image library', (parameters, most) => {
    const modules = modulesOf(...parameters);
    expect(modules.length).toBeLessThanOrEqual(most);
    const packages = modules.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
    const light = ['@huggingface/jinja', '@huggingface/tokenizers', 'citty', 'yaml', 'zod'];
    expect([...new Set(packages)].filter((name) => !light.includes(name))).toEqual([]);
    expect(packages).toContain('citty');
  });
});

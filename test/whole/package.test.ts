// The package as it is published: packed, put into an empty folder with nothing beside what it declares, and used there
// from code, from the command line and with plug-ins. The registry plays no part: npm's own packing says what is in the
// package, and its declared dependencies are linked from this checkout, so that one that is not declared is not found.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildIfStale, repository } from '../support/built.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-package-'));
const installed = join(folder, 'node_modules', 'coin-bench');
const command = join(folder, 'node_modules', '.bin', 'coin');

beforeAll(() => {
  buildIfStale();
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: repository,
    encoding: 'utf8',
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', folder]);
  mkdirSync(dirname(installed), { recursive: true });
  renameSync(join(folder, 'package'), installed);
  const { dependencies, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly bin: { readonly coin: string };
  };
  for (const name of Object.keys(dependencies)) link(name);
  // As npm does with a package's commands.
  mkdirSync(dirname(command), { recursive: true });
  symlinkSync(join('..', 'coin-bench', bin.coin), command);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  for (const [name, content] of examples()) writeFileSync(join(folder, name), content);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function link(name: string): void {
  const target = join(folder, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(repository, 'node_modules', name), target);
}

/** The examples of docs/library.md; the first line of each is a comment with its name. */
function examples(): readonly (readonly [string, string])[] {
  const text = readFileSync(join(repository, 'docs', 'library.md'), 'utf8');
  return [...text.matchAll(/^```(?:js|yaml)\n(?:\/\/|#) (\S+)\n([\s\S]*?)^```$/gm)].map(
    ([, name = '', content = '']) => [name, content] as const,
  );
}

function run(file: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(file, args, { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

it('has the examples of the docs', () => {
  expect(examples().map(([name]) => name)).toEqual(['engine.mjs', 'run.mjs', 'mine.mjs', 'mine.yaml']);
});

it('trains a net with the engine alone', () => {
  expect(run(process.execPath, 'engine.mjs')).toMatchObject({ status: 0, stdout: 'loss below 0.01\n' });
});

it('starts a run from code', () => {
  const { status, stdout, stderr } = run(process.execPath, 'run.mjs');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('3 steps, 1 stage\n');
});

it('has types that hold under strict', () => {
  const types = join(folder, 'node_modules', '@types');
  mkdirSync(types);
  symlinkSync(join(repository, 'node_modules', '@types', 'node'), join(types, 'node'));
  const code = `
import { catalogueOf, defineMethod, defineTask, carriedAdapter, loadConfig, loraSpec, rightIf, startRun, z, type Method, type Task } from 'coin-bench';
import { grad, input, matmul, Program, sum, type Tensor } from 'coin-bench/tensor';

export const mine: Method = defineMethod({
  name: 'mine', label: 'Mine', summary: 'typed', origin: { source: 'a test', deviations: [] },
  settings: z.strictObject({ share: z.number().default(0.5) }),
  open: ({ adapter, own }) => { const share: number = own.share; return share > 1 ? carriedAdapter(loraSpec(adapter)) : carriedAdapter(loraSpec(adapter)); },
  claims: () => [],
});
export const counting: Task = defineTask<{ readonly count: number }>({
  name: 'Counting', summary: 'how many', maxNewTokens: 4,
  scorer: {
    strict: ({ truth }, text) => rightIf(Number(text) === truth.count, text),
    reference: { judge: ({ truth }, text) => rightIf(text === String(truth.count), text) },
  },
  samples: { train: () => [], test: () => [{ id: '1', text: 'How many?', answer: '3', truth: { count: 3 } }] },
});
export async function use(): Promise<number> {
  const config = loadConfig('nano');
  const names: readonly string[] = catalogueOf(config).methods.names;
  const w: Tensor = input('w', 'float32', [2, 2]);
  const [dw] = grad(sum(matmul(w, w)), [w]);
  if (dw !== undefined) await (await Program.compile({ dw })).dispose();
  return (await startRun(config)).executed + names.length;
}
// @ts-expect-error a task needs a scorer
defineTask({ name: 'X', summary: '', maxNewTokens: 1 });
// @ts-expect-error nothing but the surface is there
export * from 'coin-bench/dist/engine/engine.js';
`;
  writeFileSync(join(folder, 'typed.ts'), code);
  const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
  const compiler = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
  expect(run(process.execPath, compiler, ...options, '--ignoreConfig', 'typed.ts')).toMatchObject({
    status: 0,
    stdout: '',
  });
});

/** A family whose folders say `toy` and hold a model of another family one floor below. */
const toyFamily = `
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtIn, defineFamily } from 'coin-bench';

const llava = builtIn.families.get('llava');
const inner = (folder) => join(folder, 'inner');
export const families = [
  defineFamily({
    ...llava,
    name: 'toy',
    label: 'Toy',
    layouts: 'a folder that says toy',
    recognises: (folder) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).model_type === 'toy',
    files: (folder) => llava.files(inner(folder)).map((file) => join('inner', file)),
    outline: (folder) => llava.outline(inner(folder)),
    sketch: (folder) => llava.sketch(inner(folder)),
    open: (folder, options) => llava.open(inner(folder), options),
    inspect: (folder) => llava.inspect(inner(folder)),
  }),
];
`;
const toyRun = `
base: nano
name: mine
model: ./toy
plugins: [./mine.mjs, ./toy-family.mjs]
tasks: [Parity, GQA]
methods: [damped]
methodSettings: {damped: {factor: 0.8}}
trainSamples: 8
testSamples: 4
adapter: {rank: 4, alpha: 8, dropout: 0}
training: {batchSize: 4, learningRate: 0.002}
evaluation: {maxNewTokens: 4}
`;

it('runs a method, a task and a family of plug-ins, killed and gone on with, by several engines', () => {
  writeFileSync(join(folder, 'toy-family.mjs'), toyFamily);
  writeFileSync(join(folder, 'toy.yaml'), toyRun);
  mkdirSync(join(folder, 'toy'));
  writeFileSync(join(folder, 'toy', 'config.json'), '{ "model_type": "toy" }');
  symlinkSync(join(installed, 'assets', 'nano'), join(folder, 'toy', 'inner'));
  const one = ['run', 'toy.yaml', '--quiet'];
  const args = [...one, '--jobs', '2'];
  const journal = join(folder, 'runs', 'mine', 'journal.jsonl');
  // Killed while the first stage is put into its place.
  const env = { ...process.env, COIN_KILL: 'rename:1:after:1-Parity/adapter' };
  const killed = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' });
  expect(killed.signal, killed.stderr).toBe('SIGKILL');
  expect(readFileSync(journal, 'utf8')).not.toContain('1-Parity/train');
  const finished = run(command, ...args);
  expect(finished.status, finished.stderr).toBe(0);
  expect(finished.stdout).toContain('Damped LoRA');
  const records = readFileSync(journal, 'utf8');
  expect(records).toContain('"factor":0.8');
  const report = readFileSync(join(folder, 'runs', 'mine', 'report.html'), 'utf8');
  expect(report).toContain('Damped LoRA');
  expect(report).toContain('Parity');

  // The same run in one engine, never killed, has the same bytes.
  const whole = run(command, ...one, '--jobs', '1', '--output', 'runs/whole');
  expect(whole.status, whole.stderr).toBe(0);
  const bytes = (name: string) =>
    ['damped/2-GQA/adapter/adapter_model.safetensors', 'damped/2-GQA/predictions/Parity.jsonl'].map((file) =>
      readFileSync(join(folder, 'runs', name, file), 'base64'),
    );
  expect(bytes('mine')).toEqual(bytes('whole'));

  writeFileSync(join(folder, 'mine.mjs'), `${readFileSync(join(folder, 'mine.mjs'), 'utf8')}// changed\n`);
  const changed = run(command, ...args);
  expect(changed.status).toBe(2);
  expect(changed.stderr).toContain('the plug-ins changed since the run began');
});

it('verifies a plug-in and shows its settings', () => {
  const verified = run(command, 'verify', 'damped', '--plugin', './mine.mjs');
  expect(verified).toMatchObject({ status: 0 });
  expect(verified.stdout).toContain('holds  the second task begins at damped values');
  const shown = run(command, 'config', 'mine.yaml');
  expect(shown.stdout).toMatch(/damped:\n\s+factor: 0.8/);
});

it('spares the CUDA libraries when it is installed, unless they are asked for', () => {
  const apart = join(folder, 'apart', 'node_modules');
  const runtime = join(apart, 'onnxruntime-node');
  const platform = `${process.platform}/${process.arch}`;
  const libraries = join(runtime, 'bin', 'napi-v6', platform);
  mkdirSync(libraries, { recursive: true });
  mkdirSync(join(runtime, 'script'));
  writeFileSync(join(runtime, 'package.json'), '{}');
  const metadata = {
    requirements: { [platform]: ['cuda12'] },
    manifests: { [`${platform}:cuda12`]: { './cuda.so': {}, './there.so': {} } },
  };
  writeFileSync(
    join(runtime, 'script', 'install-metadata.js'),
    `module.exports = ${JSON.stringify(metadata)};`,
  );
  writeFileSync(join(libraries, 'there.so'), 'real');
  const script = join(apart, 'coin-bench', 'tools', 'spare-cuda.mjs');
  mkdirSync(dirname(script), { recursive: true });
  writeFileSync(script, readFileSync(join(installed, 'tools', 'spare-cuda.mjs')));
  const installs = (asked: Readonly<Record<string, string>>) =>
    spawnSync(process.execPath, [script], { env: { PATH: process.env.PATH, ...asked } }).status;
  expect(installs({ ONNXRUNTIME_NODE_INSTALL: 'cuda12' })).toBe(0);
  expect(existsSync(join(libraries, 'cuda.so'))).toBe(false);
  expect(installs({})).toBe(0);
  expect(readFileSync(join(libraries, 'cuda.so'), 'utf8')).toBe('');
  expect(readFileSync(join(libraries, 'there.so'), 'utf8')).toBe('real');
  // Whatever is amiss there, the installation goes on.
  rmSync(runtime, { recursive: true });
  expect(installs({})).toBe(0);
});

// The shape of the repository: imports go downward and in no circle, files and folders stay short, every file says what it
// is, tests stand in the rooms they test, and what comments and docs call by name is there.
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { circles, importsOf, repositoryFiles, textOf } from './support/source-tree.ts';

/** From the ground up: a room may import itself and those before it. */
const rooms = [
  'base',
  'tensor',
  'formats',
  'nn',
  'adapters',
  'metrics',
  'tasks',
  'models',
  'methods',
  'streams',
  'data',
  'training',
  'evaluation',
  'nano',
  'config',
  'engine',
  'forecast',
  'runs',
  'results',
  'followups',
  'studies',
  'verification',
  'report',
  'cli',
] as const;
/** What the package is from outside; nothing in it imports this. */
const door = 'src/index.ts';
/** Folders of `test` that are no room: the whole way, what PyTorch says, and what tests are made of. */
const besideRooms = ['whole', 'parity', 'fuzz', 'support', 'fixtures'];
const mostLines = 400;
const mostFiles = 24;

const all = repositoryFiles();
const code = all.filter((file) => /\.m?ts$|\.mjs$/.test(file) && !file.startsWith('assets/'));
const source = code.filter((file) => file.startsWith('src/'));
const shipped = source.filter((file) => !file.endsWith('.test.ts'));

const roomOf = (file: string) =>
  file === door ? rooms.length : rooms.findIndex((room) => file.startsWith(`src/${room}/`));

function upwardImports(file: string, text: string): readonly string[] {
  return importsOf(file, text)
    .filter(({ target }) => roomOf(target) > roomOf(file) || roomOf(target) === -1)
    .map(({ target }) => `${file} imports ${target}`);
}

it('has only files in rooms, and no room without files', () => {
  expect(source.filter((file) => roomOf(file) === -1)).toEqual([]);
  const used = new Set(source.map((file) => rooms[roomOf(file)]));
  expect(rooms.filter((room) => !used.has(room))).toEqual([]);
});

it('imports downward only', () => {
  expect(shipped.flatMap((file) => upwardImports(file, textOf(file)))).toEqual([]);
});

it('would notice an upward import, however it is written', () => {
  const found = (text: string) => upwardImports('src/nn/layers.ts', text).length;
  expect(found(`import { a } from '../runs/plan.ts';`)).toBe(1);
  expect(found(`import {\n  type A,\n  b,\n} from '../runs/plan.ts';`)).toBe(1);
  expect(found(`export * from '../runs/plan.ts';`)).toBe(1);
  expect(found(`import '../runs/plan.ts';`)).toBe(1);
  expect(found(`const a = await import('../runs/plan.ts');`)).toBe(1);
  expect(found(`import type { A } from '../runs/plan.ts';`)).toBe(1);
  expect(found(`import type { Task } from '../tasks/task.ts';`)).toBe(1);
  expect(found(`import { x } from '../other/room.ts';`)).toBe(1);
  expect(found(`import { x } from '../errors.ts';`)).toBe(1);
  expect(
    found(`import { add } from '../tensor/ops.ts';\nimport { UserError } from '../base/errors.ts';`),
  ).toBe(0);
  expect(found(`import { linear } from './linear.ts';`)).toBe(0);
  expect(found(`import { join } from 'node:path';`)).toBe(0);
});

it('sees every import that there is', () => {
  // By lines that end as relative imports do, found by a pattern of its own.
  const ends = (text: string) =>
    text.match(/(?:from |^import |[ (]import\()'\.\.?\/[^']+'\)?/gm)?.length ?? 0;
  const lacking = shipped.filter((file) => importsOf(file, textOf(file)).length !== ends(textOf(file)));
  expect(lacking).toEqual([]);
  expect(shipped.flatMap((file) => importsOf(file, textOf(file))).length).toBeGreaterThan(1000);
});

it('imports nothing that is not there, built or as source', () => {
  const known = new Set(all);
  const lacking = code
    .filter((file) => file !== 'test/architecture.test.ts')
    .flatMap((file) => importsOf(file, textOf(file)))
    .map(({ file, target }) => ({ file, target: target.replace(/^dist\/(.*)\.js$/, 'src/$1.ts') }))
    .filter(({ target }) => !known.has(target));
  expect(lacking).toEqual([]);
});

/** Who may name a family: its own files and parts, the list of families, and what makes the embedded model, a LLaVA. */
const namesFamilies = /^src\/(models\/(llava|parts)\/|models\/index\.ts$|nano\/pretraining\/)/;

it('names a family of models only in its own files, the list and what makes the embedded model', () => {
  const named = shipped
    .filter((file) => !namesFamilies.test(file))
    .flatMap((file) => importsOf(file, textOf(file)))
    .filter(({ target }) => /^src\/models\/(llava|parts)\//.test(target));
  expect(named).toEqual([]);
  const listed = importsOf('src/models/index.ts', textOf('src/models/index.ts'))
    .map(({ target }) => target)
    .filter((target) => /^src\/models\/(llava|parts)\//.test(target));
  expect(listed).toEqual(['src/models/llava/index.ts']);
});

it('has no circle of files', () => {
  expect(circles(shipped.flatMap((file) => importsOf(file, textOf(file))))).toEqual([]);
});

it('would notice a circle', () => {
  const graph = (...edges: readonly string[]) => edges.map((edge) => ({ file: edge[0]!, target: edge[1]! }));
  expect(circles(graph('ab', 'bc', 'cd', 'ad', 'bd'))).toEqual([]);
  expect(circles(graph('ab', 'ba'))).toEqual([['a', 'b']]);
  expect(circles(graph('ab', 'bc', 'cd', 'db', 'de', 'ef', 'fe'))).toEqual([
    ['e', 'f'],
    ['b', 'c', 'd'],
  ]);
  expect(circles(graph('aa'))).toEqual([['a']]);
});

it(`keeps files at ${mostLines} lines or fewer`, () => {
  const long = code.map((file) => ({ file, lines: textOf(file).split('\n').length - 1 }));
  expect(long.filter(({ lines }) => lines > mostLines)).toEqual([]);
});

it(`keeps folders at ${mostFiles} files of source or fewer, tests beside them counted apart`, () => {
  const counts = new Map<string, number>();
  for (const file of code) {
    const kind = `${dirname(file)} (${file.endsWith('.test.ts') ? 'tests' : 'source'})`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > mostFiles)).toEqual([]);
});

it('has a comment at the top of every file that says what it is', () => {
  const silent = code.filter((file) => {
    // A test beside what it tests is said by its name.
    if (file.startsWith('src/') && file.endsWith('.test.ts')) return false;
    const lines = textOf(file).split('\n');
    const first = lines[0]?.startsWith('#!') ? 1 : 0;
    return !/^\/\/ \S.{10,}/.test(lines[first] ?? '') && !/^\/\*\*/.test(lines[first] ?? '');
  });
  expect(silent).toEqual([]);
});

it('keeps tests in the rooms they test', () => {
  const known = new Set<string>([...rooms, ...besideRooms]);
  const astray = all
    .filter((file) => file.startsWith('test/'))
    .filter((file) => file !== 'test/architecture.test.ts' && !known.has(file.split('/')[1] ?? ''));
  expect(astray).toEqual([]);
});

/** Files named in a text: in backticks anywhere, and paths that begin with a folder of the repository. */
function filesNamedIn(text: string): readonly string[] {
  const quoted = text.matchAll(/`([\w./-]+\.(?:ts|mts|mjs))`/g);
  const paths = text.matchAll(/(?<![\w./-])((?:src|test|tools)\/[\w./-]*\w)/g);
  return [...quoted, ...paths].map(([, name]) => name!);
}

const folders = new Set(
  all.flatMap((file) => {
    const parts = file.split('/');
    return parts.slice(1).map((_, depth) => parts.slice(0, depth + 1).join('/'));
  }),
);
/** A file may be named by the last parts of its path. */
const exists = (name: string) =>
  [...all, ...folders].some((file) => file === name || file.endsWith(`/${name}`));

it('names no file in a comment or in the docs that is not there', () => {
  const comments = (file: string) => textOf(file).match(/^\s*(?:\/\/|\/?\*).*$|\/\*\*.*\*\//gm) ?? [];
  const stale = [
    ...code.flatMap((file) => filesNamedIn(comments(file).join('\n')).map((name) => ({ file, name }))),
    ...all
      .filter((file) => file.endsWith('.md') && !file.startsWith('test/'))
      .flatMap((file) => filesNamedIn(textOf(file)).map((name) => ({ file, name }))),
  ];
  expect(stale.length).toBeGreaterThan(50);
  expect(stale.filter(({ name }) => !exists(name))).toEqual([]);
});

it('would notice a stale name', () => {
  const named = filesNamedIn('see `config/schema.ts`, `nowhere-at-all.ts`, src/none/such and src/tensor.');
  expect(named).toEqual(['config/schema.ts', 'nowhere-at-all.ts', 'src/none/such', 'src/tensor']);
  expect(named.filter((name) => !exists(name))).toEqual(['nowhere-at-all.ts', 'src/none/such']);
});

// The shape of the source: imports go downward only, files stay short and say what they are.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** A room may import itself and those before it. */
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
  'benchmarks',
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

/** Shared vocabulary: types that earlier rooms may know too. */
const vocabulary = ['tasks/task.ts'];
const forEveryone: readonly string[] = [];
const mostLines = 400;

const source = fileURLToPath(new URL('../src/', import.meta.url));
const files = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(source, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  .sort();
const shipped = files.filter((file) => !file.endsWith('.test.ts'));
const textOf = (file: string) => readFileSync(join(source, file), 'utf8');

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

/** Relative imports, static and dynamic, as paths below `src`. */
function importsOf(file: string, text: string): readonly Import[] {
  const statements = text.matchAll(
    /^(?:import|export)\s(type\s)?[^;'"]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm,
  );
  return [...statements].map(([statement, type, from, bare, dynamic]) => {
    const path = resolve(source, dirname(file), from ?? bare ?? dynamic ?? '');
    const names =
      /\{([^}]*)\}/
        .exec(statement)?.[1]
        ?.split(',')
        .map((name) => name.trim()) ?? [];
    const onlyTypes = names.length > 0 && names.filter(Boolean).every((name) => name.startsWith('type '));
    return {
      target: relative(source, path).replaceAll('\\', '/'),
      typeOnly: type !== undefined || (from !== undefined && onlyTypes),
    };
  });
}

const roomOf = (file: string) => rooms.findIndex((room) => file.startsWith(`${room}/`));

function upwardImports(file: string, text: string): readonly string[] {
  return importsOf(file, text)
    .filter(({ target }) => !forEveryone.includes(target))
    .filter(({ target, typeOnly }) => !(typeOnly && vocabulary.includes(target)))
    .filter(({ target }) => roomOf(target) > roomOf(file) || roomOf(target) === -1)
    .map(({ target }) => `${file} imports ${target}`);
}

it('has only files in rooms', () => {
  expect(files.filter((file) => roomOf(file) === -1)).toEqual(forEveryone);
});

it('imports downward only', () => {
  expect(shipped.flatMap((file) => upwardImports(file, textOf(file)))).toEqual([]);
});

it('would notice an upward import', () => {
  const found = (text: string) => upwardImports('nn/layers.ts', text).length;
  expect(found(`import { a } from '../runs/plan.ts';`)).toBe(1);
  expect(found(`import {\n  type A,\n  b,\n} from '../runs/plan.ts';`)).toBe(1);
  expect(found(`export * from '../runs/plan.ts';`)).toBe(1);
  expect(found(`const a = await import('../runs/plan.ts');`)).toBe(1);
  expect(found(`import type { A } from '../runs/plan.ts';`)).toBe(1);
  expect(found(`import { tasks } from '../tasks/task.ts';`)).toBe(1);
  expect(found(`import { x } from '../other/room.ts';`)).toBe(1);
  expect(found(`import type { Task } from '../tasks/task.ts';`)).toBe(0);
  expect(found(`import { type Task } from '../tasks/task.ts';`)).toBe(0);
  expect(
    found(`import { add } from '../tensor/ops.ts';\nimport { UserError } from '../base/errors.ts';`),
  ).toBe(0);
  expect(found(`import { linear } from './linear.ts';`)).toBe(0);
});

it('finds the imports that there are', () => {
  // Guards against a pattern that matches nothing.
  const count = shipped.flatMap((file) => importsOf(file, textOf(file))).length;
  expect(count).toBeGreaterThan(100);
});

it('keeps files under 400 lines', () => {
  const long = files
    .map((file) => ({ file, lines: textOf(file).split('\n').length - 1 }))
    .filter(({ lines }) => lines > mostLines);
  expect(long).toEqual([]);
});

it('has a comment at the top of every file that says what it is', () => {
  const silent = shipped.filter((file) => {
    const lines = textOf(file).split('\n');
    const first = lines[0]?.startsWith('#!') ? 1 : 0;
    return !/^\/\/ \S.{10,}/.test(lines[first] ?? '') && !/^\/\*\*/.test(lines[first] ?? '');
  });
  expect(silent).toEqual([]);
});

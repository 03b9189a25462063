// Reads a run's configuration: YAML or a built-in one, with overrides from the command line, checked by the schema.
// Every error says where it stands: file, line and column, or the option it came from.
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument, parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { type Issue, UserError } from '../errors.ts';
import { describe, isObject, readText } from '../formats/json.ts';
import { type ConfigProblem, configSchema, crossCheck, type RunConfig } from './config-schema.ts';
import { didYouMean } from './nearest.ts';
import { givenByUser, presets } from './presets.ts';

export type { RunConfig } from './config-schema.ts';

/** A value given on the command line, and how it was written there. */
export interface ConfigOverride {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly label: string;
}

export interface LoadConfigOptions {
  readonly overrides?: readonly ConfigOverride[];
  /** Relative names are below it. */
  readonly workingFolder?: string;
}

/** A configuration before it is checked: its values and where each stands. */
interface Source {
  readonly value: unknown;
  readonly name: string;
  /** What relative paths in it are relative to. */
  readonly folder: string;
  place(path: readonly PropertyKey[], atKey?: boolean): Pick<Issue, 'file' | 'line' | 'column'>;
}

/**
 * The configuration named `nameOrFile`: a built-in one, or a YAML file.
 * Paths in a file are relative to that file; the default output, `runs/<name>`, is below the working folder.
 * @throws UserError with one issue per mistake, each with file, line and column.
 */
export function loadConfig(nameOrFile: string, options: LoadConfigOptions = {}): RunConfig {
  const { overrides = [], workingFolder = process.cwd() } = options;
  const preset = Object.hasOwn(presets, nameOrFile) ? presets[nameOrFile] : undefined;
  const source =
    preset === undefined ? readSource(nameOrFile, workingFolder) : presetSource(nameOrFile, preset);
  const given = (path: readonly PropertyKey[]) =>
    overrides.findLast((override) => override.path.every((key, index) => path[index] === key));
  const placed = ({ path, atKey, message, hint }: ConfigProblem): Issue => {
    const override = given(path);
    const place = override === undefined ? source.place(path, atKey) : { file: override.label };
    return { ...place, field: formatPath(path) || undefined, message, hint };
  };

  const value = overrides.reduce(withOverride, source.value);
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    throw new UserError(parsed.error.issues.flatMap((issue) => problemsOf(issue, value)).map(placed));
  }
  const { tasks, problems } = crossCheck(parsed.data);
  if (problems.length > 0) throw new UserError(problems.map(placed));

  const folderOf = (...path: readonly string[]) =>
    given(path) === undefined ? source.folder : workingFolder;
  const place = (key: 'model' | 'benchmark') => {
    const path = parsed.data[key];
    return path === 'nano' ? path : resolve(folderOf(key), path);
  };
  const { name = source.name, output, cache } = parsed.data;
  return {
    ...parsed.data,
    name,
    tasks,
    model: place('model'),
    benchmark: place('benchmark'),
    cache:
      cache.folder === undefined
        ? cache
        : { ...cache, folder: resolve(folderOf('cache', 'folder'), cache.folder) },
    output:
      output === undefined
        ? join('runs', name)
        : isAbsolute(output)
          ? output
          : relative(workingFolder, resolve(folderOf('output'), output)) || '.',
  };
}

/**
 * `training.epochs=2` as an override; the value is YAML, so lists and words work as in a file.
 * @throws UserError when there is no `=` or the value is not YAML.
 */
export function parseOverride(text: string): ConfigOverride {
  const label = `--set ${text}`;
  const equals = text.indexOf('=');
  const path = text.slice(0, equals).split('.');
  if (equals === -1 || path.includes('')) {
    throw new UserError({
      message: 'expected KEY=VALUE',
      file: label,
      hint: 'for example --set training.epochs=2',
    });
  }
  try {
    return { path, value: parseYaml(text.slice(equals + 1)), label };
  } catch (error) {
    throw new UserError({
      message: `the value is not YAML: ${error instanceof Error ? error.message : String(error)}`,
      file: label,
    });
  }
}

function presetSource(name: string, value: unknown): Source {
  return { value, name, folder: '.', place: () => ({ file: `built-in configuration ${name}` }) };
}

function readSource(file: string, workingFolder: string): Source {
  const path = resolve(workingFolder, file);
  const known = Object.keys(presets);
  const hint = didYouMean(file, known) ?? `built-in configurations: ${known.join(', ')}`;
  const lines = new LineCounter();
  const shown = isAbsolute(file) ? file : relative(process.cwd(), path);
  const document = parseDocument(readText(shown, { hint }), { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const place = (keys: readonly PropertyKey[], atKey = false) => at(offsetOf(document, keys, atKey));
  if (document.errors.length > 0) {
    throw new UserError(document.errors.map(({ message, pos }) => ({ ...at(pos[0]), message })));
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Aliases that multiply, or that name no anchor.
    throw new UserError({ file, message: error instanceof Error ? error.message : String(error) });
  }
  if (!isObject(value)) {
    throw new UserError({
      ...place([]),
      message: `expected keys and values, found ${value === null ? 'nothing' : describe(value)}`,
      hint: 'see `coin config` for every key with its default',
    });
  }
  return { value, name: basename(file, extname(file)), folder: dirname(path), place };
}

/** Where the value at `path` begins; for one that is not there, the key of the nearest value above it. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], atKey: boolean): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range[0] ?? 0;
  for (const [index, key] of path.entries()) {
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      if (pair === undefined || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else {
      node = document.getIn(path.slice(0, index + 1), true);
    }
    if (last && atKey) return offset;
    if (last && hasRange(node)) return node.range[0];
    if (hasRange(node) && !isMap(document.getIn(path.slice(0, index), true))) offset = node.range[0];
  }
  return offset;
}

function hasRange(node: unknown): node is { readonly range: readonly [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

function withOverride(target: unknown, { path, value }: ConfigOverride): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const object = isObject(target) ? target : {};
  const inner = Object.hasOwn(object, key) ? object[key] : undefined;
  // Built from entries, so that a key such as __proto__ is a key like any other.
  const entries = Object.entries(object).filter(([name]) => name !== key);
  return Object.fromEntries([...entries, [key, withOverride(inner, { path: rest, value, label: '' })]]);
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys and values',
};

function problemsOf(issue: z.core.$ZodIssue, value: unknown): readonly ConfigProblem[] {
  const { path } = issue;
  const found = describe(
    path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)?.[key], value),
  );
  const problem = (expected: string, hint?: string) => [
    { path, message: `${expected}, found ${found}`, hint },
  ];
  const given = givenByUser[path.join('.')];
  if (given !== undefined && found === 'nothing') return [{ path, message: 'is missing', hint: given }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        atKey: true,
        message: 'unknown key',
        hint: didYouMean(key, keysAt(path)) ?? `known keys: ${keysAt(path).join(', ')}`,
      }));
    case 'invalid_type':
      return problem(`expected ${typeNames[issue.expected] ?? issue.expected}`);
    case 'invalid_value': {
      const known = issue.values.map(String);
      const given = path.reduce<unknown>(
        (inner, key) => (inner as Record<PropertyKey, unknown>)?.[key],
        value,
      );
      return problem(`expected ${known.join(' or ')}`, didYouMean(String(given), known));
    }
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? problem(`expected at least ${issue.minimum} ${issue.origin === 'array' ? 'entry' : 'character'}`)
        : problem(`expected a number ${issue.inclusive ? 'of at least' : 'above'} ${issue.minimum}`);
    case 'too_big':
      return problem(`expected a number ${issue.inclusive ? 'of at most' : 'below'} ${issue.maximum}`);
    default:
      return problem(issue.message);
  }
}

/** The keys that the schema knows at `path`. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let section: unknown = configSchema;
  for (const key of path) {
    const shape = isObject(section) && isObject(section.shape) ? section.shape : {};
    section = unwrapped(shape[String(key)]);
  }
  return isObject(section) && isObject(section.shape) ? Object.keys(section.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  return isObject(schema) && typeof schema.unwrap === 'function' ? schema.unwrap() : schema;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

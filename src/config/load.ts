// Reads a run's configuration: YAML or a built-in one, with overrides from the command line, checked by the schema.
// Every error says where it stands: file, line and column, or the option it came from.
import { isAbsolute, join, relative, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { type Issue, UserError } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import { isObject } from '../formats/records/json.ts';
import { readYaml, type Source } from '../formats/records/yaml-source.ts';
import { crossCheck } from './cross-check.ts';
import { givenByUser, presets } from './presets.ts';
import { type ConfigProblem, formatPath, problemsOf } from './problems.ts';
import { configSchema, type RunConfig } from './schema.ts';

export type { RunConfig } from './schema.ts';

/** A value given on the command line or in another file, and how it was written there. */
export interface ConfigOverride {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly label: string;
  /** Where it stands, when it is from a file. */
  readonly place?: Pick<Issue, 'file' | 'line' | 'column'>;
  /** What a relative path in it is relative to; by default the working folder. */
  readonly folder?: string;
}

export interface LoadConfigOptions {
  readonly overrides?: readonly ConfigOverride[];
  /** Relative names are below it. */
  readonly workingFolder?: string;
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
    preset === undefined ? fileSource(nameOrFile, workingFolder) : presetSource(nameOrFile, preset);
  const given = (path: readonly PropertyKey[]) =>
    overrides.findLast((override) => override.path.every((key, index) => path[index] === key));
  const placed = ({ path, atKey, message, hint }: ConfigProblem): Issue => {
    const override = given(path);
    const place =
      override === undefined ? source.place(path, atKey) : (override.place ?? { file: override.label });
    return { ...place, field: formatPath(path) || undefined, message, hint };
  };

  const value = overrides.reduce(withOverride, source.value);
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    throw new UserError(
      parsed.error.issues.flatMap((issue) => problemsOf(issue, value, checkedBy)).map(placed),
    );
  }
  const { tasks, problems } = crossCheck(parsed.data);
  if (problems.length > 0) throw new UserError(problems.map(placed));

  const folderOf = (...path: readonly string[]) => {
    const override = given(path);
    return override === undefined ? source.folder : (override.folder ?? workingFolder);
  };
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

const checkedBy = { schema: configSchema, given: givenByUser };

function fileSource(file: string, workingFolder: string): Source {
  const known = Object.keys(presets);
  return readYaml(file, {
    workingFolder,
    hint: didYouMean(file, known) ?? `built-in configurations: ${known.join(', ')}`,
    keysHint: 'see `coin config` for every key with its default',
  });
}

function presetSource(name: string, value: unknown): Source {
  return { value, name, folder: '.', place: () => ({ file: `built-in configuration ${name}` }) };
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

// Reads a run's configuration: YAML or a built-in one, its bases, overrides from the command line, and below them all
// what the model and the stream are best run with; checked by the schema.
// Every error says where it stands: file, line and column, or the option it came from.
import { isAbsolute, join, relative, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { type Issue, UserError } from '../base/errors.ts';
import { isObject } from '../formats/records/json.ts';
import { builtIn, type Catalogue } from './catalogue.ts';
import { crossCheck } from './cross-check.ts';
import { layerOf, merged, mergedLayers, readLayers } from './layers.ts';
import { catalogueOf, resolvePlugin } from './plugins.ts';
import { givenByUser, settingsFor } from './presets.ts';
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
  /** The methods and tasks that it may name beside those of its plug-ins; by default the package's. */
  readonly catalogue?: Catalogue;
  /** Relative names are below it. */
  readonly workingFolder?: string;
}

/**
 * The configuration named `nameOrFile`: a built-in one, or a YAML file. What neither it, nor its bases, nor an override
 * says follows the model and the stream, then the schema.
 * Paths in a file are relative to that file; the default output, `runs/<name>`, is below the working folder.
 * @throws UserError with one issue per mistake, each with file, line and column.
 */
export function loadConfig(nameOrFile: string, options: LoadConfigOptions = {}): RunConfig {
  const { overrides = [], catalogue: known = builtIn, workingFolder = process.cwd() } = options;
  const layers = readLayers(nameOrFile, workingFolder);
  const given = (path: readonly PropertyKey[]) =>
    overrides.findLast((override) => override.path.every((key, index) => path[index] === key));
  const placed = ({ path, atKey, message, hint }: ConfigProblem): Issue => {
    const override = given(path);
    const place =
      override === undefined
        ? layerOf(layers, path).place(path, atKey)
        : (override.place ?? { file: override.label });
    return { ...place, field: formatPath(path) || undefined, message, hint };
  };

  const base = given(['base']);
  if (base !== undefined) {
    const hint = 'name it in place of the configuration, or write it in a file';
    throw new UserError({ file: base.label, message: 'a base cannot be set from here', hint });
  }
  const written = overrides.reduce(withOverride, mergedLayers(layers));
  const value = merged(settingsFor(written), written);
  const folderOf = (...path: readonly PropertyKey[]) => {
    const override = given(path);
    return override === undefined ? layerOf(layers, path).folder : (override.folder ?? workingFolder);
  };
  const plugins = namedPlugins(value).map((specifier, index) =>
    at(placed({ path: ['plugins', index], message: '' }), () =>
      resolvePlugin(specifier, resolve(workingFolder, folderOf('plugins', index))),
    ),
  );
  const catalogue = catalogueOf({ plugins }, known);
  const schema = configSchema(catalogue);
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new UserError(
      parsed.error.issues
        .flatMap((issue) => problemsOf(issue, value, { schema, given: givenByUser }))
        .map(placed),
    );
  }
  const { tasks, problems } = crossCheck(parsed.data, catalogue);
  if (problems.length > 0) throw new UserError(problems.map(placed));

  const place = (key: 'model' | 'benchmark') => {
    const path = parsed.data[key];
    return path === 'nano' ? path : resolve(folderOf(key), path);
  };
  const { name = layers[0].name, output, cache } = parsed.data;
  return {
    ...parsed.data,
    name,
    plugins,
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

/** What stands under `plugins`; a value of another form is the schema's matter. */
function namedPlugins(value: unknown): readonly string[] {
  const { plugins }: Readonly<Record<string, unknown>> = isObject(value) ? value : {};
  const isList = Array.isArray(plugins) && plugins.every((one) => typeof one === 'string' && one !== '');
  return isList ? plugins : [];
}

/** Calls `resolved`; what is wrong is said of the place where it is written. */
function at<Value>({ file, line, column, field }: Issue, resolved: () => Value): Value {
  try {
    return resolved();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      error.issues.map(({ message, hint }) => ({ file, line, column, field, message, hint })),
    );
  }
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

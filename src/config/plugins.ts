// Plug-ins: modules from outside that bring methods, tasks and families of models. A configuration names them, and every
// process and thread that works on its run loads them by that name: what travels is the path of a file, never an object.
// They are loaded as `require` does, modules of either kind, at once: reading a configuration waits for nothing.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { shown } from '../base/shown.ts';
import { isObject } from '../formats/records/json.ts';
import type { Method } from '../methods/define.ts';
import type { Family } from '../models/index.ts';
import type { Task } from '../tasks/task.ts';
import { builtIn, type Catalogue } from './catalogue.ts';

/** What a plug-in may export, each as a list; other exports are its own. */
const exported = {
  methods: { what: 'method', functions: ['open', 'problems', 'claims'], made: 'defineMethod' },
  tasks: { what: 'task', functions: ['loadTrain', 'loadTest', 'score'], made: 'defineTask' },
  families: { what: 'family', functions: ['recognises', 'outline', 'open'], made: 'defineFamily' },
} as const;
type Exported = keyof typeof exported;

/** Names are those of folders and files. */
const namePattern = /^[A-Za-z0-9][\w.-]*$/;

/**
 * What a configuration may name: `base`, by default what the package brings, and what its plug-ins bring.
 * @throws UserError naming the plug-in that cannot be loaded, brings nothing, or something that cannot be used.
 */
export function catalogueOf(
  { plugins }: { readonly plugins: readonly string[] },
  base: Catalogue = builtIn,
): Catalogue {
  return plugins.reduce((catalogue, file) => {
    const { methods, tasks, families } = readPlugin(file);
    try {
      return {
        methods: catalogue.methods.with(methods),
        tasks: catalogue.tasks.with(tasks),
        families: catalogue.families.with(families),
      };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.issues.map((issue) => ({ ...issue, file })));
    }
  }, base);
}

/**
 * The file of a plug-in as a configuration writes it: a path, relative to `folder`, or a package that is installed there.
 * @throws UserError when there is none.
 */
export function resolvePlugin(specifier: string, folder: string): string {
  const isPath = /^\.{0,2}[\\/]|^[A-Za-z]:[\\/]/.test(specifier);
  const file = isPath ? resolve(folder, specifier) : packageEntry(specifier, folder);
  if (file !== undefined && existsSync(file)) return file;
  throw new UserError(
    isPath
      ? {
          message: `${file}: no such file`,
          hint: 'a plug-in is named by its path, relative to the configuration',
        }
      : {
          message: `the package ${specifier} is not installed for ${folder}`,
          hint: `npm install ${specifier}, or ./${specifier} for a file beside the configuration`,
        },
  );
}

/** The files of a plug-in: its own and what they import by relative paths, each once, in the order of their first mention. */
export function pluginFiles(file: string): readonly string[] {
  const files = [file];
  for (const one of files) {
    if (!/\.[cm]?[jt]s$/.test(one)) continue;
    for (const [, specifier = ''] of readFileSync(one, 'utf8').matchAll(
      /(?:from|import|require)[\s(]*['"](\.[^'"]+)['"]/g,
    )) {
      const path = resolve(dirname(one), specifier);
      if (!files.includes(path) && existsSync(path) && statSync(path).isFile()) files.push(path);
    }
  }
  return files;
}

interface Plugin {
  readonly methods: readonly Method[];
  readonly tasks: readonly Task[];
  readonly families: readonly Family[];
}

function readPlugin(file: string): Plugin {
  const module = load(file);
  const [methods, tasks] = [listOf<Method>(module, 'methods', file), listOf<Task>(module, 'tasks', file)];
  const families = listOf<Family>(module, 'families', file);
  if (methods.length + tasks.length + families.length > 0) return { methods, tasks, families };
  throw new UserError({
    file,
    message: `a plug-in exports lists named ${Object.keys(exported).join(', ')}, found ${found(module)}`,
    hint: 'for example: export const methods = [defineMethod({ … })];',
  });
}

function load(file: string): Readonly<Record<string, unknown>> {
  try {
    const module: unknown = createRequire(import.meta.url)(file);
    return typeof module === 'object' && module !== null ? (module as Readonly<Record<string, unknown>>) : {};
  } catch (error) {
    if (error instanceof UserError) {
      throw new UserError(error.issues.map((issue) => ({ file, ...issue })));
    }
    const message = error instanceof Error ? error.message : String(error);
    const waits = error instanceof Error && 'code' in error && error.code === 'ERR_REQUIRE_ASYNC_MODULE';
    throw new UserError({
      file,
      message: waits
        ? 'a plug-in is loaded at once, but this one awaits something at its top level'
        : `the plug-in cannot be loaded: ${message.split('\n')[0]}`,
      hint: waits ? 'wait inside a function of the method or the task' : placeIn(error, file),
    });
  }
}

function listOf<Entry>(
  module: Readonly<Record<string, unknown>>,
  key: Exported,
  file: string,
): readonly Entry[] {
  const { what, functions, made } = exported[key];
  const list = module[key];
  if (list === undefined) return [];
  const hint = `${made} makes one`;
  if (!Array.isArray(list)) {
    throw new UserError({ file, field: key, message: `expected a list of ${key}`, hint });
  }
  for (const [index, entry] of list.entries()) {
    const field = `${key}[${index}]`;
    if (!isObject(entry) || functions.some((name) => typeof entry[name] !== 'function')) {
      throw new UserError({ file, field, message: `expected a ${what}`, hint });
    }
    if (typeof entry.name !== 'string' || !namePattern.test(entry.name)) {
      throw new UserError({
        file,
        field: `${field}.name`,
        message: `expected a name of letters, digits, dots, dashes or underscores, found ${shown(entry.name)}`,
      });
    }
  }
  return list;
}

/** Where in the plug-in something was thrown. */
function placeIn(error: unknown, file: string): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const place = stack.slice(stack.indexOf(file) + file.length).match(/^:(\d+)/);
  return stack.includes(file) && place !== null ? `thrown at line ${place[1]}` : undefined;
}

function found(module: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(module).filter((name) => name !== '__esModule' && name !== 'module.exports');
  return names.length === 0 ? 'no exports' : `exports named ${names.slice(0, 5).join(', ')}`;
}

/** The entry of a package as `import` would find it from `folder`; `require` knows nothing of packages that are for import only. */
function packageEntry(specifier: string, folder: string): string | undefined {
  const require = createRequire(join(resolve(folder), 'configuration'));
  try {
    return require.resolve(specifier);
  } catch {
    const [name, inside] = splitSpecifier(specifier);
    for (let at = resolve(folder); ; at = dirname(at)) {
      const root = join(at, 'node_modules', name);
      if (existsSync(join(root, 'package.json'))) return importEntry(root, inside);
      if (dirname(at) === at) return undefined;
    }
  }
}

/** `@scope/name/inside` as the package's name and `./inside`. */
function splitSpecifier(specifier: string): readonly [string, string] {
  const parts = specifier.split('/');
  const count = specifier.startsWith('@') ? 2 : 1;
  return [parts.slice(0, count).join('/'), ['.', ...parts.slice(count)].join('/')];
}

function importEntry(root: string, inside: string): string | undefined {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports?: unknown };
  const target =
    isObject(exports) && inside in exports ? exports[inside] : inside === '.' ? exports : undefined;
  const path = importTarget(target);
  return path === undefined ? undefined : join(root, path);
}

function importTarget(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (!isObject(target)) return undefined;
  const found = Object.keys(target).find((condition) => ['node', 'import', 'default'].includes(condition));
  return found === undefined ? undefined : importTarget(target[found]);
}

// The folder of a run: where its files lie, and whether a configuration belongs to what is in it.
//
//   config.json        the resolved configuration
//   provenance.json    versions, machine, hashes of data and weights
//   journal.jsonl      what was completed
//   skipped.json       rows of the data that are passed over, where there are any
//   zero-shot/<Task>.jsonl
//   <method>/<n>-<Task>/adapter/…, <method>/<n>-<Task>/predictions/<Task>.jsonl
//   observatory.json   how mixtures use their experts, once asked for
//   metrics.json, report.html

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Issue, UserError } from '../base/errors.ts';
import { builtIn, type Catalogue } from '../config/catalogue.ts';
import { crossCheck } from '../config/cross-check.ts';
import { binds } from '../config/key-effects.ts';
import { catalogueOf } from '../config/plugins.ts';
import { configSchema, type RunConfig } from '../config/schema.ts';
import { listFiles, writeJsonAtomic } from '../formats/files/files.ts';
import { valueDifferences } from '../formats/records/differences.ts';
import { describe, isObject, readJsonObject } from '../formats/records/json.ts';

export const runFiles = {
  config: (folder: string) => join(folder, 'config.json'),
  provenance: (folder: string) => join(folder, 'provenance.json'),
  journal: (folder: string) => join(folder, 'journal.jsonl'),
  skipped: (folder: string) => join(folder, 'skipped.json'),
  observatory: (folder: string) => join(folder, 'observatory.json'),
  metrics: (folder: string) => join(folder, 'metrics.json'),
  report: (folder: string) => join(folder, 'report.html'),
} as const;

/** What a start leaves that failed before its first step. */
const startFiles = new Set(['lock', 'config.json', 'provenance.json']);

/** Whether anything was computed in a run's folder. */
function hasBegun(folder: string): boolean {
  return listFiles(folder).some((path) => !startFiles.has(path));
}

/**
 * Writes the configuration into a new run's folder, or checks that it is the one that the run began with. A run may gain
 * methods, as they change nothing of each other; a start that failed before its first step binds nobody.
 * @throws UserError with the keys that differ, or when the folder holds something else.
 */
export function claimRunFolder(folder: string, config: RunConfig, catalogue: Catalogue): void {
  const file = runFiles.config(folder);
  if (existsSync(file)) {
    const issues = configChanges(folder, config, catalogue);
    const last = issues.at(-1);
    if (!hasBegun(folder)) {
      // Only where it is the configuration of a run: it was read just now.
      rmSync(runFiles.provenance(folder), { force: true });
      writeJsonAtomic(file, config);
      return;
    }
    const hint = 'go on with the configuration it began with, or start another run with --output FOLDER';
    if (last !== undefined) throw new UserError([...issues.slice(0, -1), { ...last, hint }]);
    const { methods, plugins } = readKnown(folder, catalogue);
    const hasMoved = plugins.join() !== config.plugins.join();
    if (hasMoved || methods.join() !== config.methods.join()) writeJsonAtomic(file, config);
    return;
  }
  const others = readdirSync(folder).filter((name) => name !== 'lock');
  if (others.length > 0) {
    throw new UserError({
      file: folder,
      message: `expected the folder of a run or an empty one, found ${others.slice(0, 3).join(', ')}`,
      hint: 'give another folder with --output',
    });
  }
  writeJsonAtomic(file, config);
}

/**
 * The configuration of a run.
 * @param base what it may name beside what its plug-ins bring.
 * @throws UserError when `folder` is not a run.
 */
export function readRunConfig(folder: string, base: Catalogue = builtIn): RunConfig {
  return readWith(folder, (written) => catalogueOf({ plugins: pluginsIn(written) }, base));
}

/** As it was written, where what it names has been loaded: its plug-ins may have moved since. */
function readKnown(folder: string, catalogue: Catalogue): RunConfig {
  return readWith(folder, (written) =>
    knowsAllOf(catalogue, written) ? catalogue : catalogueOf({ plugins: pluginsIn(written) }),
  );
}

function readWith(folder: string, catalogueFor: (written: Written) => Catalogue): RunConfig {
  const file = runFiles.config(folder);
  const hint = 'expected the folder of a run, as `coin run` makes it';
  const written = asWritten(readJsonObject(file, { hint }));
  const catalogue = catalogueFor(written);
  const parsed = configSchema(catalogue).safeParse(written);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError({
      file,
      field: issue?.path.join('.'),
      message: issue?.message ?? 'not a configuration',
    });
  }
  const { tasks, problems } = crossCheck(parsed.data, catalogue);
  if (problems[0] !== undefined) {
    throw new UserError({ file, field: problems[0].path.join('.'), message: problems[0].message });
  }
  const { name = 'run', output = folder } = parsed.data;
  return { ...parsed.data, name, output, tasks };
}

type Written = Readonly<Record<string, unknown>>;

/** Whether nothing is named that is not in the catalogue. */
function knowsAllOf({ methods, tasks }: Catalogue, written: Readonly<Record<string, unknown>>): boolean {
  const namesIn = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
  const settings = isObject(written.methodSettings) ? Object.keys(written.methodSettings) : [];
  const named = [...namesIn(written.methods), ...settings];
  return named.every((name) => methods.has(name)) && namesIn(written.tasks).every((name) => tasks.has(name));
}

/** The schema knows their methods, so they come before it. */
function pluginsIn({ plugins }: Readonly<Record<string, unknown>>): readonly string[] {
  return Array.isArray(plugins) ? plugins.filter((file) => typeof file === 'string') : [];
}

/** Runs that began before sizes were matched gave every method the same rank. */
function asWritten(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { adapter } = config;
  return isObject(adapter) ? { ...config, adapter: { match: 'none', ...adapter } } : config;
}

/** What keeps a run that has begun from going on with a configuration; empty when it can, or has not begun. */
export function configChanges(
  folder: string,
  config: RunConfig,
  catalogue: Catalogue = catalogueOf(config),
): readonly Issue[] {
  const before = readKnown(folder, catalogue);
  if (!hasBegun(folder)) return [];
  const gained = before.methods.every((method) => config.methods.includes(method));
  const ofNewMethod = ([section, key, method]: readonly string[]) =>
    section === 'adapter' && key === 'methods' && !before.methods.some((name) => name === method);
  return valueDifferences(before, config).flatMap(({ path, first: was, second: is }) =>
    !binds(path[0] ?? '') || (path[0] === 'methods' && gained) || ofNewMethod(path)
      ? []
      : [
          {
            file: runFiles.config(folder),
            field: path.join('.'),
            message: `the run began with ${show(was)}, now it is ${show(is)}`,
          },
        ],
  );
}

function show(value: unknown): string {
  if (value === undefined || isObject(value)) return describe(value);
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}

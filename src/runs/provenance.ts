// What a run was made from: versions, machine, and the hashes of data and weights, recorded once when it begins.
// A run does not go on with other data or weights; it may go on with another version or on another machine.

import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { packageVersion, versionIn } from '../base/package.ts';
import { pluginFiles } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { listFiles, sha256, sha256OfFile, writeJsonAtomic } from '../formats/files/files.ts';
import { checkRow, readJson } from '../formats/records/json.ts';
import { families as builtInFamilies, type Family, familyOf } from '../models/index.ts';
import { describeTaskOrder } from '../streams/coin/order.ts';
import { instructionFolder } from '../tasks/layout/instruction-files.ts';
import type { TaskSource } from '../tasks/task.ts';
import { runFiles } from './run-folder.ts';

const fileSetSchema = z.object({
  folder: z.string(),
  /** Over the paths and hashes of the files. */
  sha256: z.string(),
  files: z.array(
    z.object({ path: z.string(), bytes: z.number(), modifiedMs: z.number(), sha256: z.string() }),
  ),
});

const provenanceSchema = z.object({
  began: z.string(),
  versions: z.record(z.string(), z.string()),
  machine: z.record(z.string(), z.string()),
  /** What of the benchmark the run uses: instructions, order, samples. Runs begun before this was recorded have none. */
  protocol: z.record(z.string(), z.string()).default({}),
  data: fileSetSchema,
  weights: fileSetSchema,
  /** The plug-ins, each with a hash over its files. Runs begun before there were any have none. */
  plugins: z.array(z.object({ file: z.string(), sha256: z.string() })).default([]),
  /** When data that had changed were accepted: the files, with their hashes before and after (empty where there was none). */
  changes: z
    .array(
      z.object({
        at: z.string(),
        files: z.array(z.object({ path: z.string(), before: z.string(), after: z.string() })),
      }),
    )
    .default([]),
});

export type Provenance = Readonly<z.output<typeof provenanceSchema>>;
type FileSet = Readonly<z.output<typeof fileSetSchema>>;

export interface ProvenanceOptions {
  readonly source: TaskSource;
  readonly tasks: readonly string[];
  readonly modelFolder: string;
  readonly protocol?: Readonly<Record<string, string>>;
  /** How this machine computes products with rounded weights, where the run has such. */
  readonly products?: string | undefined;
  /** Files of the configuration's plug-ins. */
  readonly plugins?: readonly string[];
  /** Those that may read the model; by default the package's. */
  readonly families?: Iterable<Family>;
  /** Record that data changed, instead of refusing to go on. */
  readonly acceptChangedData?: boolean;
}

/** What of the benchmark a run uses, in words. */
export function describeProtocol(config: RunConfig, source: TaskSource): Readonly<Record<string, string>> {
  const { tasks, seed, dataVolume, trainSamples, testSamples, testSeed } = config;
  const limit = (count: RunConfig['testSamples']) => (typeof count === 'number' ? `at most ${count}` : count);
  return {
    instructions: `${source.instructionType}, in ${basename(instructionFolder(source))}`,
    'task order': describeTaskOrder(tasks, seed),
    'training samples': `${dataVolume} %, ${limit(trainSamples)}, by seed ${seed}`,
    'test samples': testSamples === 'all' ? 'all' : `${limit(testSamples)}, by seed ${testSeed}`,
  };
}

/**
 * Records what a new run is made from, or checks that a begun one still has the same data and weights. Data is known by
 * its instruction files, not by its images; files of known size and time are not read again. Returns the files of data
 * that changed, where that is accepted.
 * @throws UserError naming the files that changed.
 */
export function recordProvenance(folder: string, options: ProvenanceOptions): readonly string[] {
  const { source, tasks, modelFolder, protocol = {}, products, families = builtInFamilies } = options;
  const plugins = (options.plugins ?? []).map(hashPlugin);
  const before = existsSync(runFiles.provenance(folder)) ? readProvenance(folder) : undefined;
  const data = hashFiles(source.root, dataFiles(source, tasks), before?.data);
  const weights = hashFiles(modelFolder, familyOf(modelFolder, families).files(modelFolder), before?.weights);
  if (before !== undefined) {
    requireUnchanged('weights', before.weights, weights);
    requireSamePlugins(folder, before.plugins, plugins);
    const files = changesBetween(before.data, data);
    if (options.acceptChangedData !== true) requireUnchanged('data', before.data, data);
    const changes =
      files.length === 0 ? before.changes : [...before.changes, { at: new Date().toISOString(), files }];
    // A run may gain methods, and with them what brings them.
    if (files.length > 0 || plugins.length > before.plugins.length) {
      writeJsonAtomic(runFiles.provenance(folder), { ...before, data, plugins, changes });
    }
    return files.map(({ path }) => path);
  }
  const provenance: Provenance = {
    began: new Date().toISOString(),
    versions: {
      'coin-bench': packageVersion(),
      node: process.versions.node,
      'onnxruntime-node': dependencyVersion('onnxruntime-node'),
    },
    machine: {
      platform: `${process.platform} ${process.arch}`,
      processor: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`,
      memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
      ...(products === undefined ? {} : { 'int8 products': products }),
    },
    protocol,
    data,
    weights,
    plugins,
    changes: [],
  };
  writeJsonAtomic(runFiles.provenance(folder), provenance);
  return [];
}

export function readProvenance(folder: string): Provenance {
  const file = runFiles.provenance(folder);
  return checkRow(provenanceSchema, readJson(file), { file, row: 1 });
}

/** Throws UserError when the test data is not what the run was made with. */
export function requireSameData(
  { data }: Provenance,
  { source, tasks }: Omit<ProvenanceOptions, 'modelFolder'>,
): void {
  requireUnchanged('data', data, hashFiles(source.root, dataFiles(source, tasks), data));
}

function dataFiles(source: TaskSource, tasks: readonly string[]): readonly string[] {
  const folder = instructionFolder(source);
  const name = relative(source.root, folder).replaceAll(sep, '/');
  return tasks.flatMap((task) =>
    listFiles(join(folder, task))
      .filter((path) => path.endsWith('.json'))
      .map((path) => `${name}/${task}/${path}`),
  );
}

function hashFiles(folder: string, paths: readonly string[], known: FileSet | undefined): FileSet {
  const knownFiles =
    known?.folder === folder ? new Map(known.files.map((file) => [file.path, file])) : new Map();
  const files = paths.map((path) => {
    const { size: bytes, mtimeMs: modifiedMs } = statSync(join(folder, path));
    const before = knownFiles.get(path);
    return before?.bytes === bytes && before.modifiedMs === modifiedMs
      ? before
      : { path, bytes, modifiedMs, sha256: sha256OfFile(join(folder, path)) };
  });
  return { folder, sha256: sha256(files.map((file) => `${file.path} ${file.sha256}\n`).join('')), files };
}

function requireUnchanged(what: 'data' | 'weights', before: FileSet, now: FileSet): void {
  if (before.sha256 === now.sha256) return;
  const files = changesBetween(before, now).map(({ path, after }) =>
    after === '' ? `${path} (gone)` : path,
  );
  throw new UserError({
    file: now.folder,
    message: `the ${what} changed since the run began: ${files.slice(0, 5).join(', ')}${files.length > 5 ? ' and more' : ''}`,
    hint:
      what === 'data'
        ? 'put back what the run began with; or go on with --accept-changed-data, which does again what was made from these files; or start another run with --output FOLDER'
        : 'put back what the run began with, or start another run with --output FOLDER',
  });
}

type HashedPlugin = Provenance['plugins'][number];

function hashPlugin(file: string): HashedPlugin {
  return { file, sha256: sha256(pluginFiles(file).map(sha256OfFile).join('\n')) };
}

function requireSamePlugins(
  folder: string,
  before: readonly HashedPlugin[],
  now: readonly HashedPlugin[],
): void {
  const changed = before.filter((plugin) => now.every(({ sha256 }) => sha256 !== plugin.sha256));
  if (changed.length === 0) return;
  throw new UserError({
    file: runFiles.provenance(folder),
    field: 'plugins',
    message: `the plug-ins changed since the run began: ${changed.map(({ file }) => file).join(', ')}`,
    hint: 'put back what the run began with, or start another run with --output FOLDER',
  });
}

/** By path; an empty hash where a file is not there. */
function changesBetween(before: FileSet, now: FileSet): Provenance['changes'][number]['files'] {
  const [was, is] = [before, now].map(
    ({ files }) => new Map(files.map(({ path, sha256 }) => [path, sha256])),
  );
  const paths = [...new Set([...now.files, ...before.files].map(({ path }) => path))];
  return paths
    .map((path) => ({ path, before: was?.get(path) ?? '', after: is?.get(path) ?? '' }))
    .filter((file) => file.before !== file.after);
}

function dependencyVersion(name: string): string {
  try {
    return versionIn(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return 'unknown';
  }
}

// Whether two runs differ, and where they part first: what they were asked (configuration), what they were made of
// (provenance, data, weights), and what every step left, down to the sample or the tensor. Compares what lies on the disk
// and trusts no hash that was written down. Times, dates and places are no differences; what is said is the report's.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UserError } from '../../base/errors.ts';
import { planRun, type Step } from '../../config/plan.ts';
import { catalogueOf } from '../../config/plugins.ts';
import type { RunConfig } from '../../config/schema.ts';
import { listFiles, sha256OfFile } from '../../formats/files/files.ts';
import { type ValueDifference, valueDifferences } from '../../formats/records/differences.ts';
import { readJson } from '../../formats/records/json.ts';
import { type JournalRecord, readJournal, recordsByKey } from '../../runs/journal.ts';
import { type Provenance, readProvenance } from '../../runs/provenance.ts';
import { readRunConfig, runFiles } from '../../runs/run-folder.ts';
import { diffPredictions, type PredictionDifference } from './predictions.ts';
import { diffTensorFiles, type TensorFileDifference } from './tensors.ts';

/** In the order in which a run comes about, which is the order of "first". */
export const diffParts = ['configuration', 'provenance', 'data', 'weights', 'steps', 'other files'] as const;

export type DiffPart = (typeof diffParts)[number];

/** A file that the two do not have alike. */
export interface FileDifference {
  /** Below the run's folder, or below the folder of the data or the model. */
  readonly path: string;
  readonly only?: 'first' | 'second';
  /** What of it differs, where it is of a kind that can be looked into. */
  readonly tensors?: TensorFileDifference;
  readonly predictions?: PredictionDifference;
  readonly values?: readonly ValueDifference[];
}

export interface StepDifference {
  /** As in the plan: `lora/3-ImageNet/train`. */
  readonly step: string;
  readonly kind: Step['kind'];
  /** One run has not completed it, or does not plan it. */
  readonly only?: 'first' | 'second';
  readonly files: readonly FileDifference[];
}

export interface RunDiff {
  readonly first: string;
  readonly second: string;
  readonly equal: boolean;
  /** The part in which the two part first; absent where they are equal. */
  readonly partsAt?: DiffPart;
  readonly configuration: readonly ValueDifference[];
  /** Versions, machine, what of the benchmark is used, and hashes of plug-ins. */
  readonly provenance: readonly ValueDifference[];
  readonly data: readonly FileDifference[];
  readonly weights: readonly FileDifference[];
  /** Those that differ, in the order of the plan. */
  readonly steps: readonly StepDifference[];
  /** Steps that both have completed. */
  readonly compared: number;
  /** Judgings, observatory and what else lies in the folders, times and pages aside. */
  readonly otherFiles: readonly FileDifference[];
}

interface RunFiles {
  readonly folder: string;
  readonly config: RunConfig;
  readonly provenance: Provenance;
  readonly records: ReadonlyMap<string, JournalRecord>;
  readonly steps: readonly Step[];
}

/**
 * @param parts what is looked at; by default everything.
 * @throws UserError or DataError when a folder is no run, or a file that its journal names is missing or torn.
 */
export function diffRuns(first: string, second: string, parts: readonly DiffPart[] = diffParts): RunDiff {
  const [one, other] = [readRunFiles(first), readRunFiles(second)];
  const asked = <Found>(part: DiffPart, find: () => readonly Found[]): readonly Found[] =>
    parts.includes(part) ? find() : [];
  const found = {
    configuration: asked('configuration', () => configurationDifferences(one, other)),
    provenance: asked('provenance', () => madeDifferences(one.provenance, other.provenance)),
    data: asked('data', () => fileSetDifferences(one.provenance.data, other.provenance.data)),
    weights: asked('weights', () => fileSetDifferences(one.provenance.weights, other.provenance.weights)),
    steps: asked('steps', () => stepDifferences(one, other)),
    otherFiles: asked('other files', () => otherDifferences(one, other)),
  };
  const byPart: Readonly<Record<DiffPart, readonly unknown[]>> = {
    ...found,
    'other files': found.otherFiles,
  };
  const partsAt = diffParts.find((part) => byPart[part].length > 0);
  return {
    first,
    second,
    equal: partsAt === undefined,
    partsAt,
    ...found,
    compared: one.steps.filter(({ key }) => one.records.has(key) && other.records.has(key)).length,
  };
}

function readRunFiles(folder: string): RunFiles {
  const config = readRunConfig(folder);
  return {
    folder,
    config,
    provenance: readProvenance(folder),
    records: recordsByKey(readJournal(runFiles.journal(folder))),
    steps: planRun(config, catalogueOf(config)),
  };
}

/** Names of places: where a run lies, its cache, and folders whose content is compared by itself. */
function configurationDifferences(one: RunFiles, other: RunFiles): readonly ValueDifference[] {
  const same = (set: 'data' | 'weights') => one.provenance[set].sha256 === other.provenance[set].sha256;
  const places = new Set([
    'name',
    'output',
    'cache',
    ...(same('weights') ? ['model'] : []),
    ...(same('data') ? ['benchmark'] : []),
  ]);
  return valueDifferences(one.config, other.config).filter(({ path: [key = ''] }) => !places.has(key));
}

function madeDifferences(one: Provenance, other: Provenance): readonly ValueDifference[] {
  const made = ({ versions, machine, protocol, plugins }: Provenance) => ({
    versions,
    machine,
    protocol,
    plugins: plugins.map(({ sha256 }) => sha256),
  });
  return valueDifferences(made(one), made(other));
}

function fileSetDifferences(one: Provenance['data'], other: Provenance['data']): readonly FileDifference[] {
  if (one.sha256 === other.sha256) return [];
  const hashes = (set: Provenance['data']) => new Map(set.files.map(({ path, sha256 }) => [path, sha256]));
  const [ours, theirs] = [hashes(one), hashes(other)];
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((path) => ours.get(path) !== theirs.get(path))
    .map((path) => ({ path, ...onlyIn(ours.has(path), theirs.has(path)) }));
}

function stepDifferences(one: RunFiles, other: RunFiles): readonly StepDifference[] {
  const steps = new Map([...one.steps, ...other.steps].map((step) => [step.key, step]));
  return [...steps.values()].flatMap((step): readonly StepDifference[] => {
    const [ours, theirs] = [one.records.get(step.key), other.records.get(step.key)];
    if (ours === undefined && theirs === undefined) return [];
    const common = { step: step.key, kind: step.kind };
    if (ours === undefined || theirs === undefined) {
      return [{ ...common, ...onlyIn(ours !== undefined, theirs !== undefined), files: [] }];
    }
    const paths = [...new Set([...Object.keys(ours.files), ...Object.keys(theirs.files)])];
    const files = paths.flatMap(
      (path) =>
        fileDifference(path, {
          first: path in ours.files ? one.folder : undefined,
          second: path in theirs.files ? other.folder : undefined,
        }) ?? [],
    );
    return files.length === 0 ? [] : [{ ...common, files }];
  });
}

/** Undefined where the bytes are the same. A folder is undefined where that run does not have the file. */
function fileDifference(
  path: string,
  folders: { readonly first: string | undefined; readonly second: string | undefined },
): FileDifference | undefined {
  const [first, second] = [folders.first, folders.second].map((folder) =>
    folder === undefined ? undefined : regularFile(folder, path),
  );
  if (first === undefined || second === undefined) {
    return { path, ...onlyIn(first !== undefined, second !== undefined) };
  }
  if (sha256OfFile(first) === sha256OfFile(second)) return undefined;
  if (path.endsWith('.safetensors')) return { path, tensors: diffTensorFiles(first, second) };
  if (path.endsWith('.json')) return { path, values: valueDifferences(readJson(first), readJson(second)) };
  if (!/(^|\/)(zero-shot|predictions)\/[^/]+\.jsonl$/.test(path) || path.startsWith('judging/'))
    return { path };
  return { path, predictions: diffPredictions(first, second) };
}

/** A file that is there, is a file, and lies in the folder; a journal may have been changed by anyone. */
function regularFile(folder: string, path: string): string {
  if (path.startsWith('/') || path.split(/[\\/]/).includes('..')) {
    throw new DataError({ file: runFiles.journal(folder), field: path, message: 'a path outside the run' });
  }
  const file = join(folder, path);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new UserError({
      file,
      message: 'no such file, though the journal says that it was made',
      hint: 'the same `coin run` again makes it',
    });
  }
  if (!found.isFile()) throw new UserError({ file, message: 'expected a file' });
  return file;
}

/** Times and what is drawn from the rest; compared by themselves; or left by a run under way. */
const passedOver =
  /(^|\/)(journal\.jsonl|lock|report\.html|config\.json|provenance\.json)$|^(tables|figures)\/|\/checkpoint\/|\.partial(\/|$)|\.earlier$/;

function otherDifferences(one: RunFiles, other: RunFiles): readonly FileDifference[] {
  const ofSteps = new Set(
    [one, other].flatMap(({ records }) => [...records.values()].flatMap(({ files }) => Object.keys(files))),
  );
  const others = ({ folder }: RunFiles) =>
    new Set(listFiles(folder).filter((path) => !ofSteps.has(path) && !passedOver.test(path)));
  const [ours, theirs] = [others(one), others(other)];
  return [...new Set([...ours, ...theirs])].sort().flatMap(
    (path) =>
      fileDifference(path, {
        first: ours.has(path) ? one.folder : undefined,
        second: theirs.has(path) ? other.folder : undefined,
      }) ?? [],
  );
}

function onlyIn(first: boolean, second: boolean): { readonly only?: 'first' | 'second' } {
  return first === second ? {} : { only: first ? 'first' : 'second' };
}

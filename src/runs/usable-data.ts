// Looks at all data of a run before its first step: every row is read, and every image that the run will look at is
// decoded, so that nothing that could have been known ends it after days. Images that were decoded once are remembered
// beside their features. Whether other problems lie in the data is `data/doctor`.
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../base/errors.ts';
import { counted } from '../base/small.ts';
import type { Catalogue } from '../config/catalogue.ts';
import { chosenForTest, chosenForTraining } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import { featureCache } from '../engine/feature-cache.ts';
import { imageDecoder, readImage } from '../formats/images/image.ts';
import { type DataPart, isUsable, type SkippedRow } from '../tasks/skipped.ts';
import type { OnUnusable, Task, TaskSource, TestSample } from '../tasks/task.ts';
import { acceptChangedData } from './changed-data.ts';
import { describeRow, describeSkipped, readSkipped, writeSkipped } from './skipped-file.ts';

export interface UsableDataOptions {
  readonly config: RunConfig;
  readonly catalogue: Catalogue;
  readonly source: TaskSource;
  /** The folder of the run, which the caller holds. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  /** Something that a person should know, in a sentence. */
  readonly notice?: (text: string) => void;
}

/**
 * The source with the rows that the run passes over.
 * @throws UserError naming the first unusable rows where the configuration refuses them.
 */
export async function usableData(options: UsableDataOptions): Promise<TaskSource> {
  const { config, folder, notice } = options;
  const known = readSkipped(folder);
  const source = { ...options.source, skipped: known };
  const found = await unusableRows({ ...options, source });
  if (found.length === 0) return source;
  if (config.onBadSample === 'refuse') throw refused(found);
  const skipped = [...known, ...found];
  writeSkipped(folder, skipped);
  notice?.(
    `Passed over as unusable: ${describeSkipped(found)}. All are named in ${join(folder, 'skipped.json')}`,
  );
  return { ...source, skipped };
}

/**
 * Accepts that files changed since the run began. Returns what to tell the user; nothing where nothing changed.
 * @throws UserError as `usableData`.
 */
export async function goOnWithChangedData(
  options: UsableDataOptions,
  files: readonly string[],
): Promise<string | undefined> {
  const { config, catalogue, folder } = options;
  const unusable = await unusableRows(options);
  if (unusable.length > 0 && config.onBadSample === 'refuse') throw refused(unusable);
  const again = acceptChangedData({ config, catalogue, folder, files, unusable });
  if (files.length === 0 && again.length === 0) return undefined;
  const what = files.length === 0 ? 'rows that can be used now, or no longer' : files.join(', ');
  const steps = again.length === 0 ? 'no step was made from it' : `done again: ${again.join(', ')}`;
  return `Changed since the run began: ${what}; ${steps}.`;
}

/** As `usableData`, for what is no run: unusable rows are passed over where that is asked for, and named nowhere. */
export async function usableSource({
  config,
  catalogue,
  source,
}: Pick<UsableDataOptions, 'config' | 'catalogue' | 'source'>): Promise<TaskSource> {
  if (config.onBadSample === 'refuse') return source;
  return { ...source, skipped: await unusableRows({ config, catalogue, source }) };
}

const namedRows = 5;

/** The first rows, each a line; the way out in the last. */
function refused(rows: readonly SkippedRow[]): UserError {
  const more = rows.length - namedRows;
  const hint =
    'mend them, or set onBadSample to skip: they are passed over by name, and tested ones count as missing';
  const lines = [
    `${counted(rows.length, 'row')} of the data cannot be used`,
    ...rows.slice(0, namedRows).map(describeRow),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
  return new UserError(
    lines.map((message, index) => (index < lines.length - 1 ? { message } : { message, hint })),
  );
}

/** A row of one of the run's files, and the image that it is about. */
interface Use extends Omit<SkippedRow, 'reason'> {}

/** The unusable rows of every file of the run; of images, those of samples that it trains or tests on. */
async function unusableRows(options: Omit<UsableDataOptions, 'folder'>): Promise<readonly SkippedRow[]> {
  const { config, catalogue, source } = options;
  const rows: SkippedRow[] = [];
  const uses = new Map<string, Use[]>();
  const read = <Sample extends Pick<TestSample, 'id' | 'image' | 'unusable'>>(
    task: Task,
    part: DataPart,
    load: (onUnusable: OnUnusable) => readonly Sample[],
    choose: (all: readonly Sample[]) => readonly Sample[],
  ) => {
    const all = load((row) => rows.push({ task: task.name, part, ...row }));
    const rowOf = new Map(all.map((sample, index) => [sample, index + 1]));
    for (const sample of choose(all).filter(isUsable)) {
      if (sample.image === undefined) continue;
      const use = { task: task.name, part, row: rowOf.get(sample) as number, id: sample.id };
      const same = uses.get(sample.image) ?? [];
      same.push(use);
      uses.set(sample.image, same);
    }
  };
  for (const task of config.tasks.map((name) => catalogue.tasks.get(name))) {
    read(
      task,
      'train',
      (tell) => task.loadTrain(source, tell),
      (all) => chosenForTraining(config, task, all),
    );
    read(
      task,
      'test',
      (tell) => task.loadTest(source, tell),
      (all) => chosenForTest(config, task, all),
    );
  }
  for (const [image, reason] of await undecodable([...uses.keys()], options)) {
    rows.push(...(uses.get(image) ?? []).map((use) => ({ ...use, reason: `${image}: ${reason}` })));
  }
  return rows;
}

/** Decoding overlaps with reading. */
const atOnce = 8;
/** Images between two words about how far it is. */
const saidEvery = 5_000;

/** The images that cannot be decoded, with why. */
async function undecodable(
  images: readonly string[],
  { config, signal, notice }: Omit<UsableDataOptions, 'folder'>,
): Promise<ReadonlyMap<string, string>> {
  const folder = featureCache(config)?.folder;
  const decoded = new DecodedImages(folder === undefined ? undefined : join(folder, 'decoded.txt'));
  const left = images.filter((image) => !decoded.has(image));
  const bad = new Map<string, string>();
  for (let start = 0; start < left.length; start += atOnce) {
    // Lets signals come in.
    await setImmediate();
    signal?.throwIfAborted();
    if (start > 0 && start % saidEvery === 0) notice?.(`${start} of ${left.length} images looked at`);
    await Promise.all(
      left.slice(start, start + atOnce).map(async (image) => {
        try {
          await readImage(image);
          decoded.add(image);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          bad.set(image, error.issues[0]?.message ?? 'cannot be decoded');
        }
      }),
    );
  }
  decoded.keep();
  // In the order of the images, not of the decoding.
  return new Map(images.flatMap((image) => (bad.has(image) ? [[image, bad.get(image) as string]] : [])));
}

/** Images that were decoded once and have not changed since: a line each, a hash of path, size, time and decoder. */
class DecodedImages {
  readonly #file: string | undefined;
  readonly #known: Set<string>;
  #added: string[] = [];

  /** Without a file nothing is remembered. */
  constructor(file: string | undefined) {
    this.#file = file;
    const text = file === undefined || !existsSync(file) ? '' : readFileSync(file, 'latin1');
    // A line that was cut short is the hash of nothing.
    this.#known = new Set(text.split('\n'));
  }

  has(image: string): boolean {
    return this.#known.has(hashOf(image));
  }

  add(image: string): void {
    this.#added.push(hashOf(image));
  }

  /** To forget them only costs the time of looking again. */
  keep(): void {
    if (this.#file === undefined || this.#added.length === 0) return;
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      appendFileSync(this.#file, `\n${this.#added.join('\n')}\n`);
    } catch {}
    this.#added = [];
  }
}

function hashOf(image: string): string {
  const stats = statSync(image, { throwIfNoEntry: false });
  const seen = `${image} ${stats?.size} ${stats?.mtimeMs} ${imageDecoder()}`;
  return createHash('sha256').update(seen).digest('hex').slice(0, 32);
}

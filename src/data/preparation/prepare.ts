// Turns the raw download of a task's data sets into CoIN's files: instruction files, images and the annotation files
// that scorers read. The same input gives the same bytes; a run that was killed is taken up where it was.
// What the raw files say is each task's `source.ts`.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Issue, UserError } from '../../base/errors.ts';
import { readChunks } from '../../formats/files/file-bytes.ts';
import { FileWriter } from '../../formats/files/file-writer.ts';
import { writeJsonAtomic } from '../../formats/files/files.ts';
import { RawFolder, type RawInput } from '../../tasks/downloads/raw-folder.ts';
import type { RawAnnotation, RawEntry, RawSplit } from '../../tasks/downloads/source.ts';
import { rawSources } from '../../tasks/downloads/sources.ts';
import type { CoinTask } from '../../tasks/index.ts';
import type { InstructionType } from '../../tasks/layout/instruction-files.ts';
import { type ImageMode, ImagePlacer } from './images.ts';
import { promptOf, templateOf } from './wordings.ts';

/** Changes whenever the same request gives other bytes. */
const PREPARATION_VERSION = 1;

export interface PrepareOptions {
  readonly task: CoinTask;
  /** Holds the raw download. */
  readonly from: string;
  /** Gets `Instructions_<type>/<task>/` and `cl_dataset/`. */
  readonly to: string;
  readonly instructionType?: InstructionType;
  /** At most this many entries of each split, the first ones. */
  readonly limit?: number;
  readonly images?: ImageMode;
  /** What becomes of entries whose image is not there. */
  readonly missing?: 'error' | 'skip';
  /** ImageNet: the list of classes. */
  readonly classes?: string;
  readonly onProgress?: (progress: PrepareProgress) => void;
}

export interface PrepareProgress {
  /** Relative to `to`. */
  readonly file: string;
  /** Entries written so far. */
  readonly entries: number;
}

export interface PreparedFile {
  /** Relative to `to`, with `/`. */
  readonly path: string;
  readonly entries: number;
  readonly turns: number;
  /** Entries left out because their image was not there. */
  readonly leftOut: number;
  /** Questions left out because the raw data has no answer to them. */
  readonly unanswered: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Preparation {
  readonly form: string;
  /** Nothing had to be done. */
  readonly complete: boolean;
  readonly files: readonly PreparedFile[];
}

/** What was asked for and what was read, and what came of it: `to/.preparation/<task>-<type>.json`. */
export interface PreparationRecord {
  readonly version: number;
  readonly task: CoinTask;
  readonly instructionType: InstructionType;
  readonly form: string;
  readonly limit: number | 'all';
  readonly images: ImageMode;
  readonly missing: 'error' | 'skip';
  readonly inputs: readonly RawInput[];
  readonly files: readonly PreparedFile[];
}

/**
 * Prepares one task.
 * @throws UserError when the download is not there or the place cannot be written, DataError naming file and row when
 * a raw file cannot be used. Nothing half-written is left under a final name.
 */
export async function prepareTask(options: PrepareOptions): Promise<Preparation> {
  const { task, from, to, instructionType = 'Original', limit, images = 'link', missing = 'error' } = options;
  const source = rawSources[task];
  const folder = new RawFolder(from, {
    images: images !== 'none',
    classes: options.classes,
  });
  const data = source.open(folder);
  const request = {
    version: PREPARATION_VERSION,
    task,
    instructionType,
    form: data.form,
    limit: limit ?? ('all' as const),
    images,
    missing,
    inputs: folder.inputs,
  };
  const recordFile = join(to, '.preparation', `${task}-${instructionType}.json`);
  const earlier = readRecord(recordFile, request);
  const finished = new Map(
    earlier.filter((file) => isThere(to, file)).map((file) => [file.path, file] as const),
  );
  const complete = earlier.length > 0;
  const files: PreparedFile[] = [];
  let written = 0;
  const add = async (path: string, make: () => Promise<PreparedFile>) => {
    const kept = finished.get(path);
    if (kept === undefined) written++;
    files.push(kept ?? (await make()));
    if (kept === undefined) writeJsonAtomic(recordFile, { ...request, files });
  };
  for (const annotation of data.annotations) {
    const path = `cl_dataset/${annotation.path}`;
    await add(path, () => writeAnnotation(to, path, annotation));
  }
  const placer = new ImagePlacer(join(to, 'cl_dataset'), images, task);
  for (const [split, name] of [
    ['train', 'train.json'],
    ['test', source.testFile],
  ] as const) {
    const path = `Instructions_${instructionType}/${task}/${name}`;
    await add(path, () =>
      writeInstructions(to, path, {
        entries: data.entries(split),
        row: (entry) => rowOf(entry, task, instructionType, split),
        place: (entry) => placeOrReport(entry, placer, images),
        skip: missing === 'skip',
        limit,
        onProgress: options.onProgress,
      }),
    );
  }
  return { form: data.form, complete: complete && written === 0, files };
}

/** The files of an earlier run with the same request and the same inputs; others count as not there. */
function readRecord(file: string, request: Omit<PreparationRecord, 'files'>): readonly PreparedFile[] {
  if (!existsSync(file)) return [];
  try {
    const { files, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as PreparationRecord;
    return JSON.stringify(rest) === JSON.stringify(request) ? files : [];
  } catch {
    return []; // Damaged: everything is made anew.
  }
}

function isThere(to: string, { path, bytes }: PreparedFile): boolean {
  return statSync(join(to, path), { throwIfNoEntry: false })?.size === bytes;
}

async function writeAnnotation(to: string, path: string, { content }: RawAnnotation): Promise<PreparedFile> {
  const pieces = typeof content === 'string' ? textChunks(content) : content();
  const file = await writing(join(to, path), async (writer) => {
    for await (const piece of pieces) writer.write(piece);
  });
  return { path, entries: 0, turns: 0, leftOut: 0, unanswered: 0, ...file };
}

function* textChunks(file: string): Generator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for (const chunk of readChunks(file, 1 << 20)) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

interface InstructionFile {
  readonly entries: Iterable<RawEntry> | AsyncIterable<RawEntry>;
  readonly row: (entry: RawEntry) => unknown;
  /** The path of an image that is not there. */
  readonly place: (entry: RawEntry) => string | undefined;
  readonly skip: boolean;
  readonly limit: number | undefined;
  readonly onProgress: PrepareOptions['onProgress'];
}

/** A row a line: such a file can be compared and looked at with line tools. */
async function writeInstructions(to: string, path: string, file: InstructionFile): Promise<PreparedFile> {
  let [entries, turns, unanswered] = [0, 0, 0];
  const missing: string[] = [];
  const written = await writing(join(to, path), async (writer) => {
    for await (const raw of file.entries) {
      if (entries === file.limit) break;
      const answered = raw.turns.filter(({ answer }) => answer.trim() !== '');
      unanswered += raw.turns.length - answered.length;
      if (answered.length === 0) continue;
      const entry = { ...raw, turns: answered };
      const absent = file.place(entry);
      if (absent !== undefined) {
        missing.push(absent);
        continue;
      }
      writer.write(`${entries === 0 ? '[' : ','}\n${JSON.stringify(file.row(entry))}`);
      entries++;
      turns += entry.turns.length;
      file.onProgress?.({ file: path, entries });
    }
    if (missing.length > 0 && !file.skip) throw missingImages(missing, entries);
    if (entries === 0) throw nothingFound(path, missing);
    writer.write('\n]\n');
  });
  return { path, entries, turns, leftOut: missing.length, unanswered, ...written };
}

async function writing(path: string, write: (writer: FileWriter) => Promise<void>) {
  const writer = new FileWriter(path);
  try {
    await write(writer);
    return writer.finish();
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

function missingImages(missing: readonly string[], found: number): UserError {
  const shown: Issue = {
    message: `${missing.length} of ${missing.length + found} entries have no image; the first is to become cl_dataset/${missing[0]}`,
    hint: 'download the rest, or leave those entries out: --missing skip',
  };
  return new UserError(shown);
}

function nothingFound(path: string, missing: readonly string[]): UserError {
  const why = missing.length === 0 ? 'the download has none' : `all ${missing.length} have no image`;
  return new UserError(`no entries for ${path}: ${why}`);
}

function placeOrReport({ image }: RawEntry, placer: ImagePlacer, mode: ImageMode): string | undefined {
  if (image === undefined || mode === 'none') return undefined;
  if (image.content === undefined) return image.path;
  placer.place(image);
  return undefined;
}

/** An entry in the schema of CoIN's train.json, or of its test.json and val.json. */
function rowOf(entry: RawEntry, task: CoinTask, type: InstructionType, split: RawSplit): unknown {
  const template = templateOf(task, type, entry.id);
  const image = entry.image === undefined ? {} : { image: entry.image.path };
  if (split === 'train') {
    const conversations = entry.turns.flatMap(({ question, answer }, index) => [
      {
        from: 'human',
        value: `${index === 0 && entry.image ? '<image>\n' : ''}${promptOf(question, template)}`,
      },
      { from: 'gpt', value: answer },
    ]);
    return { id: entry.id, ...image, conversations };
  }
  const [turn, ...others] = entry.turns;
  if (turn === undefined || others.length > 0)
    throw new Error(`internal: test entry ${entry.id} is not one turn`);
  return {
    question_id: entry.id,
    ...image,
    text: promptOf(turn.question, template),
    answer: turn.answer,
    ...turn.fields,
  };
}

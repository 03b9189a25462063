// Reads CoIN's instruction files (train.json; test.json or val.json) into validated samples.
// Knows the common row schema and where files and images lie; what a task adds to a row is the task's.
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { DataError, UserError } from '../errors.ts';
import { checkRow, type RowPlace, readJsonArray, rowError } from '../formats/json.ts';
import type { TaskSource, TestSample, TrainSample, TruthDetails, Turn } from './task.ts';

export interface InstructionOptions {
  /** CoIN's folder name of the task. */
  readonly task: string;
  readonly source: TaskSource;
  /** False where entries without a picture are part of the task (ScienceQA). */
  readonly imageRequired?: boolean;
}

export interface TestInstructionOptions extends InstructionOptions {
  /** The first that exists is read: TextVQA, VizWiz and VQAv2 test on `val.json`, whose answers are public. */
  readonly fileNames?: readonly string[];
  /** The field that holds the answer. */
  readonly answerField?: string;
  /** What the scorer needs beyond the answer. */
  readonly truth?: (row: TestRow) => TruthDetails;
}

/** A row on its way to becoming a test sample. */
export interface TestRow {
  readonly id: string;
  readonly image?: string;
  readonly value: unknown;
  readonly place: RowPlace;
}

const imagePlaceholder = '<image>';

const identifier = z
  .unknown()
  .refine(
    (id) => (typeof id === 'string' ? id !== '' : Number.isSafeInteger(id)),
    'expected an id (a string, or an integer below 2^53)',
  )
  .transform(String);
const nonEmpty = z.string().refine((text) => text.trim() !== '', 'expected text');

const trainRow = z.object({
  id: identifier.optional(),
  question_id: identifier.optional(),
  image: nonEmpty.optional(),
  conversations: z
    .array(
      z.object({
        from: z.enum(['human', 'gpt'], 'expected "human" or "gpt"'),
        value: nonEmpty,
      }),
    )
    .min(2, 'expected a question and an answer'),
});

const testRow = z.object({ question_id: identifier, text: nonEmpty, image: nonEmpty.optional() });

/** `<root>/Instructions_<type>`: the folder of all tasks' instruction files. */
export function instructionFolder({ root, instructionType }: TaskSource): string {
  return join(root, `Instructions_${instructionType}`);
}

/** `<root>/cl_dataset/...`: pictures and the official annotation files. */
export function datasetPath({ root }: TaskSource, ...parts: readonly string[]): string {
  return join(root, 'cl_dataset', ...parts);
}

/**
 * The samples of `Instructions_<type>/<task>/train.json`, in file order.
 * Ids become strings (they may repeat); the `<image>` token is taken out of the first question.
 * @throws UserError when the file is missing, DataError naming file, row and field when a row is unusable.
 */
export function readTrainInstructions(options: InstructionOptions): readonly TrainSample[] {
  const file = instructionFile(options, ['train.json']);
  const images = new ImageFinder(options.source);
  const samples = readJsonArray(file).map((value, index) => {
    const place = { file, row: index + 1 };
    const row = checkRow(trainRow, value, place);
    const id = row.id ?? row.question_id;
    if (id === undefined) throw rowError(place, 'id', 'expected an id, found neither id nor question_id');
    const image = images.find(row.image, place, options.imageRequired ?? true);
    return { id, ...(image !== undefined && { image }), turns: turnsOf(row, place) };
  });
  images.requireAll();
  return samples;
}

/**
 * The samples of the task's test file, in file order, ids as strings and unique.
 * @throws UserError when the file is missing, DataError naming file, row and field when a row is unusable.
 */
export function readTestInstructions(options: TestInstructionOptions): readonly TestSample[] {
  const { fileNames = ['test.json'], answerField = 'answer', imageRequired = true, truth } = options;
  const file = instructionFile(options, fileNames);
  const images = new ImageFinder(options.source);
  const answerRow = z.object({ [answerField]: nonEmpty });
  const rowOfId = new Map<string, number>();
  const samples = readJsonArray(file).map((value, index) => {
    const place = { file, row: index + 1 };
    const row = checkRow(testRow, value, place);
    const answer = checkRow(answerRow, value, place)[answerField] ?? '';
    const id = row.question_id;
    const earlier = rowOfId.get(id);
    if (earlier !== undefined) {
      throw rowError(place, 'question_id', `"${id}" is already the id of row ${earlier}`);
    }
    rowOfId.set(id, place.row);
    const image = images.find(row.image, place, imageRequired);
    const text = withoutPlaceholder(row.text);
    return {
      id,
      ...(image !== undefined && { image }),
      text,
      answer,
      truth: truth?.({ id, image, value, place }) ?? {},
    };
  });
  images.requireAll();
  return samples;
}

function turnsOf(row: z.output<typeof trainRow>, place: RowPlace): readonly Turn[] {
  const { conversations, image } = row;
  const turns: Turn[] = [];
  for (const [index, message] of conversations.entries()) {
    const expected = index % 2 === 0 ? 'human' : 'gpt';
    if (message.from !== expected) {
      throw rowError(
        place,
        `conversations[${index}].from`,
        `expected "${expected}" (human and gpt take turns), found "${message.from}"`,
      );
    }
    if (expected === 'human') continue;
    const question = conversations[index - 1]?.value ?? '';
    const field = `conversations[${index - 1}].value`;
    const placeholders = question.split(imagePlaceholder).length - 1;
    if (placeholders > 0 && image === undefined) {
      throw rowError(place, 'image', `${field} has ${imagePlaceholder}, but the row has no image`);
    }
    if (placeholders > 1 || (placeholders === 1 && index > 1)) {
      throw rowError(place, field, `expected one ${imagePlaceholder}, in the first question`);
    }
    const plain = withoutPlaceholder(question);
    if (plain === '') throw rowError(place, field, 'expected a question, found only the image token');
    turns.push({ question: plain, answer: message.value });
  }
  if (conversations.length % 2 === 1) {
    throw rowError(place, `conversations[${conversations.length - 1}]`, 'the last question has no answer');
  }
  return turns;
}

/** The reference trims the text around the token after taking it out; text without a token stays as it is. */
function withoutPlaceholder(text: string): string {
  return text.includes(imagePlaceholder) ? text.replace(imagePlaceholder, '').trim() : text;
}

function instructionFile({ source, task }: InstructionOptions, names: readonly string[]): string {
  const folder = join(instructionFolder(source), task);
  const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const others = existsSync(source.root)
    ? readdirSync(source.root).filter((name) => /^instruction/i.test(name))
    : [];
  throw new UserError({
    message: `no ${names.join(' or ')} of the task ${task}`,
    file: join(folder, names[0] ?? ''),
    hint: existsSync(instructionFolder(source))
      ? `expected a folder per task in ${instructionFolder(source)}`
      : `expected a folder Instructions_${source.instructionType} in ${source.root}, found ${
          others.length === 0 ? 'no instruction folder' : others.join(', ')
        }`,
  });
}

/** Resolves image paths below `cl_dataset` and reports all that do not exist at once, listing each folder once. */
class ImageFinder {
  readonly #root: string;
  readonly #folders = new Map<string, ReadonlySet<string>>();
  readonly #missing: { readonly place: RowPlace; readonly path: string }[] = [];
  #sought = 0;

  constructor(source: TaskSource) {
    this.#root = resolve(datasetPath(source));
  }

  /** The absolute path; undefined for a row without an image. */
  find(image: string | undefined, place: RowPlace, required: boolean): string | undefined {
    if (image === undefined) {
      if (required) throw rowError(place, 'image', 'expected the path of an image, found nothing');
      return undefined;
    }
    const path = resolve(this.#root, image);
    const inside = relative(this.#root, path);
    if (isAbsolute(image) || isAbsolute(inside) || inside.startsWith('..') || inside === '') {
      throw rowError(place, 'image', `expected a path inside ${this.#root}, found "${image}"`);
    }
    this.#sought++;
    // Some of CoIN's rows name x.jpg.jpg where the file is x.jpg.
    const repaired = path.replace(/(\.(?:jpe?g|png))\1$/i, '$1');
    const found = [path, repaired].find((candidate) => this.#exists(candidate));
    if (found === undefined) this.#missing.push({ place, path: repaired });
    return found ?? repaired;
  }

  /** @throws DataError naming the first row whose image is not there, and how many more there are. */
  requireAll(): void {
    const first = this.#missing[0];
    if (first === undefined) return;
    throw new DataError({
      message: `image not found: ${first.path} (row ${first.place.row}; ${this.#missing.length} of ${this.#sought} images are missing)`,
      file: first.place.file,
      line: first.place.row,
      field: 'image',
      hint: `images are looked for in ${this.#root}`,
    });
  }

  #exists(path: string): boolean {
    const folder = dirname(path);
    let names = this.#folders.get(folder);
    if (names === undefined) {
      names = new Set(existsSync(folder) ? readdirSync(folder) : []);
      this.#folders.set(folder, names);
    }
    return names.has(basename(path));
  }
}

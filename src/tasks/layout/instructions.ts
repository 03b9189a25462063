// Reads CoIN's instruction files (train.json; test.json or val.json) into validated samples, however large they are.
// Knows the common row schema; what a task adds to a row is the task's, where files lie is `instruction-files.ts`.
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { checkRow, isObject, type RowPlace, rowError } from '../../formats/records/json.ts';
import { refuseJsonLines } from '../../formats/records/json-lines.ts';
import { type JsonElement, readJsonValue, streamJson } from '../../formats/records/json-stream.ts';
import { type DataPart, type SkippedRow, skippedRows } from '../skipped.ts';
import type { OnUnusable, TaskSource, TestSample, TrainSample, TruthDetails, Turn } from '../task.ts';
import { ImageFinder, instructionFile } from './instruction-files.ts';

export interface InstructionOptions {
  /** CoIN's folder name of the task. */
  readonly task: string;
  readonly source: TaskSource;
  /** False where entries without an image are part of the task (ScienceQA). */
  readonly imageRequired?: boolean;
  /** Told of unusable rows, which then are marked; without it the first one throws. */
  readonly onUnusable?: OnUnusable;
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

/** A string or a whole number; 5 and "5" are the same id. */
export const identifier = z
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

const answerRows = new Map<string, z.ZodObject<Record<string, typeof nonEmpty>>>();

/** A row's answer under the name of its field; schemas are costly to make. */
function answerRow(field: string) {
  const made = answerRows.get(field) ?? z.object({ [field]: nonEmpty });
  answerRows.set(field, made);
  return made;
}

const testRow = z.object({ question_id: identifier, text: nonEmpty, image: nonEmpty.optional() });

/**
 * The samples of the task's train.json, in file order. Every row is checked once, now; of each is kept where it stands
 * in the file (about 200 bytes), and its turns are read again when they are asked for.
 * Ids become strings (they may repeat); the `<image>` token is taken out of the first question.
 * @throws UserError when the file is missing, DataError naming file, row and field when a row is unusable.
 */
export function readTrainInstructions(options: InstructionOptions): readonly TrainSample[] {
  const file = instructionFile(options.source, options.task, ['train.json']);
  const images = new ImageFinder(options.source);
  const passed = new PassedRows(options, 'train', images);
  const samples: TrainSample[] = [];
  for (const { value, row, line, offset, length } of streamRows(file)) {
    const place = { file, row, line };
    const read = () => {
      const entry = checkTrainRow(value, place);
      const image = images.find(entry.image, place, options.imageRequired ?? true);
      return new FiledSample(entry.id, image, place, offset, length);
    };
    samples.push(passed.usable(value, row, read) ?? { ...passed.last, turns: [] });
  }
  images.requireAll();
  return samples;
}

/**
 * The rows of an instruction file, unchecked.
 * @throws DataError where the syntax breaks, and for JSON lines, as streamJson does.
 */
export function* streamRows(file: string): Generator<JsonElement> {
  refuseJsonLines(file);
  yield* streamJson(file);
}

/** A row of train.json as its schema has it; the image is not looked for. Throws DataError. */
export function checkTrainRow(value: unknown, place: RowPlace) {
  const row = checkRow(trainRow, value, place);
  const id = row.id ?? row.question_id;
  if (id === undefined) throw rowError(place, 'id', 'expected an id, found neither id nor question_id');
  return { id, image: row.image, turns: turnsOf(row, place) };
}

/** A row of test.json or val.json as its schema has it; the image is not looked for. Throws DataError. */
export function checkTestRow(value: unknown, place: RowPlace, answerField = 'answer') {
  const { question_id, image, text } = checkRow(testRow, value, place);
  const answer = checkRow(answerRow(answerField), value, place)[answerField] ?? '';
  return { id: question_id, image, text: withoutPlaceholder(text), answer };
}

/** A training sample whose turns stay in the file. */
class FiledSample implements TrainSample {
  readonly id: string;
  declare readonly image?: string;
  readonly #place: RowPlace;
  readonly #offset: number;
  readonly #length: number;

  constructor(id: string, image: string | undefined, place: RowPlace, offset: number, length: number) {
    this.id = id;
    if (image !== undefined) this.image = image;
    this.#place = place;
    this.#offset = offset;
    this.#length = length;
  }

  get turns(): readonly Turn[] {
    const { file } = this.#place;
    const value = readJsonValue(file, this.#offset, this.#length);
    return checkTrainRow(value, this.#place).turns;
  }
}

/**
 * The samples of the task's test file, in file order, ids as strings and unique.
 * @throws UserError when the file is missing, DataError naming file, row and field when a row is unusable.
 */
export function readTestInstructions(options: TestInstructionOptions): readonly TestSample[] {
  const { fileNames = ['test.json'], answerField = 'answer', imageRequired = true, truth } = options;
  const file = instructionFile(options.source, options.task, fileNames);
  const images = new ImageFinder(options.source);
  const passed = new PassedRows(options, 'test', images);
  const ids = new UniqueIds();
  const samples: TestSample[] = [];
  for (const { value, row, line } of streamRows(file)) {
    const place = { file, row, line };
    const read = (): TestSample => {
      const { id, text, answer, ...named } = checkTestRow(value, place, answerField);
      ids.require(id, place);
      const image = images.find(named.image, place, imageRequired);
      return {
        id,
        ...(image !== undefined && { image }),
        text,
        answer,
        truth: truth?.({ id, image, value, place }) ?? {},
      };
    };
    const sample = passed.usable(value, row, read) ?? { ...passed.last, text: '', answer: '', truth: {} };
    ids.add(sample.id, place);
    samples.push(sample);
  }
  images.requireAll();
  return samples;
}

/** Tells usable rows from those that are passed over: known ones, and, where somebody is told of them, unusable ones. */
class PassedRows {
  readonly #skipped: ReadonlyMap<number, SkippedRow>;
  readonly #images: ImageFinder;
  readonly #onUnusable: OnUnusable | undefined;
  readonly #ids = new Set<string>();
  /** What stands in place of the last row that was passed over. */
  last: { readonly id: string; readonly unusable: string } = { id: '', unusable: '' };

  constructor({ source, task, onUnusable }: InstructionOptions, part: DataPart, images: ImageFinder) {
    this.#skipped = skippedRows(source, task, part);
    this.#images = images;
    this.#onUnusable = onUnusable;
  }

  /** What `read` makes of a row; undefined for one that is passed over. */
  usable<Sample extends { readonly id: string }>(
    value: unknown,
    row: number,
    read: () => Sample,
  ): Sample | undefined {
    const known = this.#skipped.get(row);
    if (known !== undefined) {
      this.last = { id: known.id, unusable: known.reason };
      return undefined;
    }
    if (this.#onUnusable === undefined) return read();
    const found = this.#attempt(read);
    if (typeof found !== 'string') {
      this.#ids.add(found.id);
      return found;
    }
    const id = this.#idOf(value, row);
    this.#ids.add(id);
    this.last = { id, unusable: found };
    this.#onUnusable({ row, id, reason: found });
    return undefined;
  }

  /** The sample, or what is wrong with its row. */
  #attempt<Sample>(read: () => Sample): Sample | string {
    try {
      const sample = read();
      const missing = this.#images.takeMissing();
      return missing === undefined ? sample : `image not found: ${missing}`;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      const { field, message = '' } = error.issues[0] ?? {};
      return field === undefined ? message : `${field}: ${message}`;
    }
  }

  #idOf(value: unknown, row: number): string {
    const { question_id, id } = isObject(value) ? value : {};
    const own = identifier.safeParse(question_id ?? id);
    return own.success && !this.#ids.has(own.data) ? own.data : `row ${row}`;
  }
}

/** Refuses an id that an earlier row has. */
export class UniqueIds {
  readonly #rowOfId = new Map<string, number>();

  add(id: string, place: RowPlace): void {
    this.require(id, place);
    this.#rowOfId.set(id, place.row);
  }

  /** Throws DataError when an earlier row has the id. */
  require(id: string, place: RowPlace): void {
    const earlier = this.#rowOfId.get(id);
    if (earlier === undefined) return;
    throw rowError(place, 'question_id', `"${id}" is already the id of row ${earlier}`);
  }
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

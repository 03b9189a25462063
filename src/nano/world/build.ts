// Writes the nano data set to a folder in CoIN's own layout and JSON schema, so that the reader of the official data
// reads it too. What the entries ask is decided in the entries-*.ts files.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { writeJsonAtomic } from '../../formats/files/files.ts';
import { sharp } from '../../formats/images/sharp.ts';
import { RandomStream } from '../../tensor/random.ts';
import { type EntryMaker, NANO_TASKS, type NanoEntry, type NanoTask, type NanoTurn } from './entries.ts';
import { scienceqaEntry } from './entries-facts.ts';
import { ocrvqaEntry, textvqaEntry, vizwizEntry } from './entries-reading.ts';
import { gqaEntry, groundingEntry, imagenetEntry, vqav2Entry } from './entries-scenes.ts';
import { render } from './render.ts';
import { IMAGE_SIZE } from './scene.ts';
import { loadWorld, type World } from './world.ts';

/** Changes whenever the same request gives other bytes. */
export const NANO_DATA_VERSION = 1;

export interface NanoDataOptions {
  /** Made if missing; gets `Instructions_Original/`, `cl_dataset/` and `manifest.json`. */
  readonly folder: string;
  readonly seed?: number;
  /** Entries per task; an entry of GQA, Grounding, VQAv2 or OCRVQA has two or three turns in training. */
  readonly trainPerTask?: number;
  readonly testPerTask?: number;
}

export interface NanoManifest {
  readonly version: number;
  readonly seed: number;
  readonly trainPerTask: number;
  readonly testPerTask: number;
  readonly complete: boolean;
  readonly files?: number;
  readonly turns?: Readonly<Record<string, { readonly train: number; readonly test: number }>>;
  /** Over the paths and contents of all files but the manifest. */
  readonly sha256?: string;
}

type DataSplit = 'train' | 'test';

interface TaskLayout {
  readonly make: EntryMaker;
  readonly testFile: 'test.json' | 'val.json';
  /** Training entries of these tasks hold two or three questions about one image. */
  readonly grouped: boolean;
  /** The image's path below cl_dataset. */
  readonly image: (split: DataSplit, id: number, entry: NanoEntry) => string;
  readonly prompt: (turn: NanoTurn) => string;
}

const SHORT_ANSWER = 'Answer the question using a single word or phrase.';
const OPTION_LETTER = "Answer with the option's letter from the given choices directly.";
const REGION = 'Please provide the bounding box coordinate of the region this sentence describes';

/** The lines that tell the model how to answer: CoIN's type `Original`. */
export const INSTRUCTION_LINES: readonly string[] = [SHORT_ANSWER, OPTION_LETTER, `${REGION}:`];

const shortPrompt = ({ question }: NanoTurn) => `${question}\n${SHORT_ANSWER}`;
const digits = (id: number, count: number) => String(id).padStart(count, '0');

const LAYOUTS: { readonly [Task in NanoTask]: TaskLayout } = {
  ScienceQA: {
    make: scienceqaEntry,
    testFile: 'test.json',
    grouped: false,
    image: (split, id) => `ScienceQA/images/${split}/${id}/image.png`,
    prompt: ({ question, choices = [] }) =>
      [question, ...choices.map((choice, index) => `${'ABCD'.charAt(index)}. ${choice}`), OPTION_LETTER].join(
        '\n',
      ),
  },
  TextVQA: {
    make: textvqaEntry,
    testFile: 'val.json',
    grouped: false,
    // The official validation images lie among the training images.
    image: (_, id) => `TextVQA/train_images/${digits(id, 16)}.png`,
    prompt: shortPrompt,
  },
  ImageNet: {
    make: imagenetEntry,
    testFile: 'test.json',
    grouped: false,
    image: (split, id, { turns }) => `ImageNet_withlabel/${split}/${turns[0]?.answer}/${digits(id, 8)}.png`,
    prompt: shortPrompt,
  },
  GQA: {
    make: gqaEntry,
    testFile: 'test.json',
    grouped: true,
    image: (_, id) => `GQA/images/n${id}.png`,
    prompt: shortPrompt,
  },
  VizWiz: {
    make: vizwizEntry,
    testFile: 'val.json',
    grouped: false,
    image: (split, id) => {
      const folder = split === 'train' ? 'train' : 'val';
      return `VizWiz/${folder}/VizWiz_${folder}_${digits(id, 8)}.png`;
    },
    prompt: shortPrompt,
  },
  Grounding: {
    make: groundingEntry,
    testFile: 'test.json',
    grouped: true,
    // RefCOCO describes regions of COCO's training images, in its test splits too.
    image: (_, id) => `COCO2014/train2014/COCO_train2014_${digits(id, 12)}.png`,
    prompt: ({ question }) => `${REGION}: ${question}.`,
  },
  VQAv2: {
    make: vqav2Entry,
    testFile: 'val.json',
    grouped: true,
    image: (split, id) => {
      const folder = split === 'train' ? 'train2014' : 'val2014';
      // Far from the ids of Grounding's images in the same folder.
      return `COCO2014/${folder}/COCO_${folder}_${digits(500_000 + id, 12)}.png`;
    },
    prompt: shortPrompt,
  },
  OCRVQA: {
    make: ocrvqaEntry,
    testFile: 'test.json',
    grouped: true,
    image: (_, id) => `OCR-VQA/images/${digits(id, 10)}.png`,
    prompt: shortPrompt,
  },
};

/**
 * Builds the data set; does nothing when the folder already holds it. The same request gives the same bytes.
 * @throws UserError when the counts are unusable or the folder holds data that this function did not write.
 */
export async function buildNanoData(options: NanoDataOptions): Promise<void> {
  const { folder, seed = 0, trainPerTask = 500, testPerTask = 100 } = options;
  for (const [name, count] of Object.entries({ trainPerTask, testPerTask })) {
    if (!Number.isInteger(count) || count < 1 || count > 100_000) {
      throw new UserError(`nano data: ${name} must be an integer from 1 to 100000, found ${count}`);
    }
  }
  const request = { version: NANO_DATA_VERSION, seed, trainPerTask, testPerTask };
  const found = readManifest(folder);
  if (found?.complete === true && JSON.stringify({ ...found, ...request }) === JSON.stringify(found)) return;
  clear(folder, found !== undefined);
  writeJsonAtomic(join(folder, 'manifest.json'), { ...request, complete: false });

  const output = new Output(folder);
  const world = await loadWorld();
  const turns: Record<string, { train: number; test: number }> = {};
  for (const task of NANO_TASKS) {
    const test = makeEntries(world, task, { seed, split: 'test', count: testPerTask });
    const train = makeEntries(world, task, { seed, split: 'train', count: trainPerTask });
    // Ids of the test entries follow those of the training entries.
    const firstOf = { train: 1, test: 1 + trainPerTask };
    await writeImages(output, world, task, 'train', train, firstOf.train);
    await writeImages(output, world, task, 'test', test, firstOf.test);
    const rows = train.map((entry, index) => trainRow(task, entry, firstOf.train + index));
    output.json(join('Instructions_Original', task, 'train.json'), rows);
    const testRows = test.map((entry, index) => testRow(task, entry, firstOf.test + index));
    output.json(join('Instructions_Original', task, LAYOUTS[task].testFile), testRows);
    writeAnnotations(output, task, train, test, firstOf);
    turns[task] = { train: train.reduce((sum, entry) => sum + entry.turns.length, 0), test: test.length };
  }
  const { files, sha256 } = output.summary();
  const manifest: NanoManifest = { ...request, complete: true, files, turns, sha256 };
  writeJsonAtomic(join(folder, 'manifest.json'), manifest);
}

function readManifest(folder: string): NanoManifest | undefined {
  const file = join(folder, 'manifest.json');
  if (!existsSync(file)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value === 'object' && value !== null && 'trainPerTask' in value) return value as NanoManifest;
  } catch {
    // Reported below, like any other file that is not ours.
  }
  throw new UserError({
    file,
    message: 'this is not the manifest of nano data',
    hint: 'choose another folder',
  });
}

/** Removes an earlier or unfinished build. */
function clear(folder: string, ours: boolean): void {
  for (const name of ['Instructions_Original', 'cl_dataset']) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    if (!ours) {
      throw new UserError({
        file: path,
        message: 'there is data here that is not nano data (no manifest.json beside it)',
        hint: 'choose another folder',
      });
    }
    rmSync(path, { recursive: true, force: true });
  }
}

/** Files below a folder, and a hash over all of them. */
class Output {
  readonly #folder: string;
  readonly #hashes = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Not synced one by one: the manifest, written last, says that all are there. */
  bytes(path: string, content: string | Uint8Array): void {
    const file = join(this.#folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    this.#hashes.set(path.replaceAll('\\', '/'), createHash('sha256').update(content).digest('hex'));
  }

  json(path: string, value: unknown): void {
    this.bytes(path, `${JSON.stringify(value, undefined, 1)}\n`);
  }

  summary(): { files: number; sha256: string } {
    const hash = createHash('sha256');
    for (const path of [...this.#hashes.keys()].sort()) hash.update(`${path}\n${this.#hashes.get(path)}\n`);
    return { files: this.#hashes.size, sha256: hash.digest('hex') };
  }
}

/** Entries with different keys, each out of its own random stream. */
function makeEntries(
  world: World,
  task: NanoTask,
  { seed, split, count }: { seed: number; split: DataSplit; count: number },
): readonly NanoEntry[] {
  const { make, grouped } = LAYOUTS[task];
  const entries = new Map<string, NanoEntry>();
  for (let index = 0; index < count; index++) {
    const random = new RandomStream(seed, `nano/data/${task}/${split}`, index);
    const turns = grouped && split === 'train' ? 2 + random.integer(2) : 1;
    for (let attempt = 0; entries.size === index; attempt++) {
      if (attempt === 10_000) {
        throw new UserError(`nano data: the world has only ${index} different ${split} entries for ${task}`);
      }
      const entry = make(world, random, { split, index, turns });
      if (entry !== undefined && !entries.has(entry.key)) entries.set(entry.key, entry);
    }
  }
  // Makers balance classes by the index; the file shows them in no order.
  return new RandomStream(seed, `nano/order/${task}/${split}`).shuffle([...entries.values()]);
}

async function writeImages(
  output: Output,
  world: World,
  task: NanoTask,
  split: DataSplit,
  entries: readonly NanoEntry[],
  firstId: number,
): Promise<void> {
  const raw = { width: IMAGE_SIZE, height: IMAGE_SIZE, channels: 3 } as const;
  const write = async (entry: NanoEntry, id: number) => {
    if (entry.scene === undefined) return;
    const { pixels } = render(world, entry.scene, { withLabels: false });
    const png = await sharp()(pixels, { raw }).png({ compressionLevel: 6 }).toBuffer();
    output.bytes(join('cl_dataset', LAYOUTS[task].image(split, id, entry)), png);
  };
  // A few at a time, so that drawing and encoding overlap.
  for (let start = 0; start < entries.length; start += 16) {
    const batch = entries.slice(start, start + 16);
    await Promise.all(batch.map((entry, index) => write(entry, firstId + start + index)));
  }
}

function trainRow(task: NanoTask, entry: NanoEntry, id: number): unknown {
  const { image, prompt } = LAYOUTS[task];
  const conversations = entry.turns.flatMap((turn, index) => [
    { from: 'human', value: `${index === 0 && entry.scene ? '<image>\n' : ''}${prompt(turn)}` },
    { from: 'gpt', value: turn.answer },
  ]);
  return { id: String(id), ...(entry.scene && { image: image('train', id, entry) }), conversations };
}

function testRow(task: NanoTask, entry: NanoEntry, id: number): unknown {
  const { image, prompt } = LAYOUTS[task];
  const turn = onlyTurn(entry);
  return {
    question_id: String(id),
    ...(entry.scene && { image: image('test', id, entry) }),
    text: prompt(turn),
    answer: turn.answer,
    // The images are square: the padded and the plain frame are one.
    ...(turn.box && {
      answer_bbox: turn.answer,
      origin_answer_bbox: turn.answer,
      size: [IMAGE_SIZE, IMAGE_SIZE],
    }),
  };
}

function onlyTurn({ turns: [turn] }: NanoEntry): NanoTurn {
  if (turn === undefined) throw new Error('internal: an entry without a turn');
  return turn;
}

/** The official annotation files that CoIN's scorers read beside the instruction files. */
function writeAnnotations(
  output: Output,
  task: NanoTask,
  train: readonly NanoEntry[],
  test: readonly NanoEntry[],
  firstOf: { readonly train: number; readonly test: number },
): void {
  const folder = join('cl_dataset', task);
  if (task === 'ScienceQA') {
    const ids = (first: number, entries: readonly NanoEntry[]) =>
      entries.map((_, index) => String(first + index));
    const problem = (split: DataSplit) => (entry: NanoEntry, index: number) => {
      const { question, choices, choiceIndex, topic } = onlyTurn(entry);
      const image = entry.scene === undefined ? null : 'image.png';
      const texts = { hint: '', task: 'closed choice', topic, lecture: '', solution: '' };
      return [
        String(firstOf[split] + index),
        { question, choices, answer: choiceIndex, image, ...texts, split },
      ] as const;
    };
    const problems = [...train.map(problem('train')), ...test.map(problem('test'))];
    output.json(join(folder, 'problems.json'), Object.fromEntries(problems));
    const splits = { train: ids(firstOf.train, train), val: [], test: ids(firstOf.test, test) };
    output.json(join(folder, 'pid_splits.json'), splits);
  }
  if (task === 'TextVQA') {
    const data = test.map((entry, index) => {
      const { question, answer } = onlyTurn(entry);
      const answers = Array.from({ length: 10 }, (_, person) => (person < 7 ? answer : answer.toLowerCase()));
      const size = { image_width: IMAGE_SIZE, image_height: IMAGE_SIZE };
      const id = firstOf.test + index;
      return { question_id: id, image_id: digits(id, 16), question, answers, ...size, set_name: 'val' };
    });
    const head = { dataset_type: 'val', dataset_name: 'textvqa', dataset_version: '0.5.1' };
    output.json(join(folder, 'TextVQA_0.5.1_val.json'), { ...head, data });
  }
  if (task === 'GQA') {
    const questions = test.map((entry, index) => {
      const { question, answer, structure } = onlyTurn(entry);
      const id = firstOf.test + index;
      const types = {
        structural: structure,
        semantic: structure === 'query' ? 'rel' : 'obj',
        detailed: structure,
      };
      const rest = { isBalanced: true, types, groups: { global: structure, local: null } };
      return [String(id), { imageId: `n${id}`, question, answer, fullAnswer: answer, ...rest }] as const;
    });
    output.json(join(folder, 'testdev_balanced_questions.json'), Object.fromEntries(questions));
  }
}

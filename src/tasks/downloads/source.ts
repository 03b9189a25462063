// What the files of a published data set say, before they become CoIN's instruction files: images with questions and
// answers. A task's `source.ts` reads its own data set; writing CoIN's layout is `data/preparation`.
import type { RawFolder, RawImage } from './raw-folder.ts';

export type RawSplit = 'train' | 'test';

export interface RawTurn {
  /** Without the wording that tells how to answer. */
  readonly question: string;
  readonly answer: string;
  /** What a test row of this task has besides. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** One image (or none) and what is asked about it. A test entry has one turn. */
export interface RawEntry {
  readonly id: string;
  readonly image?: RawImage;
  readonly turns: readonly RawTurn[];
}

/** A file that scorers read beside the instruction files. */
export interface RawAnnotation {
  /** Below `cl_dataset`. */
  readonly path: string;
  /** A file to copy, or the pieces of its content. */
  readonly content: string | (() => AsyncIterable<string>);
}

export type RawEntries = Iterable<RawEntry> | AsyncIterable<RawEntry>;

/** A data set that was found. */
export interface RawData {
  /** Which of its published forms. */
  readonly form: string;
  readonly annotations: readonly RawAnnotation[];
  /** In a fixed order. Read anew by each call. */
  entries(split: RawSplit): RawEntries;
}

export interface RawSource {
  /** CoIN's name of the test file: `val.json` where the official test answers are secret. */
  readonly testFile: 'test.json' | 'val.json';
  /** The files of each form, for help and errors. */
  readonly expects: readonly string[];
  /** @throws UserError when neither form is there, DataError naming file and row when a file cannot be used. */
  open(folder: RawFolder): RawData;
}

/** The most common of several people's answers, blank ones aside; of equally common ones the first given. */
export function mostCommonAnswer(answers: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers.filter((text) => text.trim() !== ''))
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return [...counts].find(([, count]) => count === most)?.[0] ?? '';
}

/** A question on its way into an entry; `imageId` names its image within the data set. */
export interface RawQuestion {
  readonly id: string;
  readonly imageId: string;
  readonly turn: RawTurn;
}

/** Entries of one turn, in the order of the questions. */
export function* singly(
  questions: Iterable<RawQuestion>,
  image: (imageId: string) => RawImage,
): Iterable<RawEntry> {
  for (const { id, imageId, turn } of questions) yield { id, image: image(imageId), turns: [turn] };
}

/** An entry per image with all its questions, both in the order in which they first occur; ids are the images'. */
export function* groupedByImage(
  questions: Iterable<RawQuestion>,
  image: (imageId: string) => RawImage,
): Iterable<RawEntry> {
  const turnsOf = new Map<string, RawTurn[]>();
  for (const { imageId, turn } of questions) {
    const turns = turnsOf.get(imageId);
    if (turns === undefined) turnsOf.set(imageId, [turn]);
    else turns.push(turn);
  }
  for (const [id, turns] of turnsOf) yield { id, image: image(id), turns };
}

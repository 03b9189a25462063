// What a task is: where its samples come from and how answers are scored. Shared code never asks which task it has.

import type { SkippedRow } from './skipped.ts';

/** One question and answer of a training conversation; several turns may share an image. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** An entry of CoIN's train.json, validated. `image` is an absolute path; absent for text-only entries. */
export interface TrainSample {
  readonly id: string;
  readonly image?: string;
  readonly turns: readonly Turn[];
  /** Why the run passes over it; such a sample has no turns and is never trained on. */
  readonly unusable?: string;
}

/** An entry of CoIN's test.json or val.json, validated. */
/** @typeParam Truth what the task's scorer needs beyond the answer; a task of one's own has its own. */
export interface TestSample<Truth = TruthDetails> {
  /** `question_id` as a string. Unique within a task. */
  readonly id: string;
  readonly image?: string;
  /** The whole prompt; the instruction is its last line in every task but Grounding. */
  readonly text: string;
  readonly answer: string;
  /** What a scorer needs beyond the answer (options, ten human answers, boxes, image size). */
  readonly truth: Truth;
  /** Why the run passes over it; such a sample is never asked, and counts as missing in strict scoring. */
  readonly unusable?: string;
}

export interface TruthDetails {
  /** ScienceQA: the options and the index of the right one. */
  readonly choices?: readonly string[];
  readonly choiceIndex?: number;
  /** TextVQA, and strict VQAv2 and VizWiz where they exist: ten human answers. */
  readonly humanAnswers?: readonly string[];
  /** Grounding: x1, y1, x2, y2 as fractions of the padded square, and the image's size in pixels. */
  readonly box?: readonly [number, number, number, number];
  /** The same box in MiniGPT-v2's frame: fractions of width and height, without padding. */
  readonly unpaddedBox?: readonly [number, number, number, number];
  readonly imageSize?: readonly [number, number];
  /** The raw JSON value of the entry, as the reference scorers read it. */
  readonly raw?: Readonly<Record<string, unknown>>;
}

/** One line of a prediction file. */
export interface Prediction {
  readonly question_id: string;
  readonly prompt: string;
  readonly text: string;
}

/** The one to rely on first. */
export const scoringModes = ['strict', 'reference'] as const;
export type ScoringMode = (typeof scoringModes)[number];

/** Whose answers are scored: the reference has scorers of its own for some models. */
export const scoredModels = ['llava', 'qwen', 'minigpt'] as const;
export type ScoredModel = (typeof scoredModels)[number];

/** `unparseable`: an answer was given but no answer of the task's format could be read from it. */
export type Verdict = 'right' | 'wrong' | 'missing' | 'unparseable';

/** What was read out of an answer: a letter, a normalised text, a box; null when there was nothing to read. */
export type Parsed = string | readonly number[] | null;

export interface SampleScore {
  readonly id: string;
  readonly verdict: Verdict;
  /** 0 to 1 (soft scores between). */
  readonly score: number;
  readonly parsed: Parsed;
}

export interface TaskScore {
  readonly mode: ScoringMode;
  /** Percent, 0 to 100. */
  readonly accuracy: number;
  /** The sum of the scores. */
  readonly correct: number;
  /** What it was divided by: `samples.length`. */
  readonly denominator: number;
  /** Samples that the annotations expect an answer to. */
  readonly expected: number;
  readonly missing: number;
  readonly unparseable: number;
  /** Prediction ids that no test sample has, and samples that more than one prediction is for. */
  readonly extra: number;
  readonly duplicate: number;
  /** One for each that is counted. */
  readonly samples: readonly SampleScore[];
}

/** What an answer of a task looks like, and when it is right once everything around it is passed over. */
export interface AnswerStyle {
  /** For people, after "a": letter, box. Tasks with one name have one style. */
  readonly name: string;
  /** Whether answers are words, as everybody says them. */
  readonly isWords: boolean;
  /** Whether nearly any short text is in this style, so that it says little where a task wants words anyway. */
  readonly isLoose?: boolean;
  /**
   * Whether a text is in this style, when it is none of the answers of the task it was given to.
   * @param answers normalised answers of the run's tasks of this style.
   */
  readonly looksLike: (text: string, answers: ReadonlySet<string>) => boolean;
  /** Boxes are explained to a judge, and their question has no instruction line to take away. */
  readonly judgedAs: 'answer' | 'box';
  /** Added to the prompt where a forgotten sample is asked again. */
  readonly reminder: string;
  /** Whether `text` holds the right answer, whatever is around it and however it is written. */
  readonly isRightLeniently: (sample: TestSample, text: string) => boolean;
}

/** How an image is fitted into a square: the whole of it with a border, or its centre. */
export type ImageAspect = 'pad' | 'crop';

export interface Task {
  /** CoIN's folder name, e.g. `OCRVQA`; or that of a task of one's own. */
  readonly name: string;
  /** One line for reports. */
  readonly summary: string;
  /** Upper bound on generated tokens in the reference's evaluation. */
  readonly maxNewTokens: number;
  /**
   * How the reference shows an image when it evaluates this task. It trains on images padded to a square, and evaluates
   * some tasks on the centre alone (reference.md, Asking the model).
   */
  readonly referenceAspect: ImageAspect;
  readonly style: AnswerStyle;
  /**
   * Every row of the file, those that the source passes over marked as unusable: the sample at index i is row i + 1.
   * @throws DataError at another unusable row; with `onUnusable`, it is told instead and the row marked.
   */
  loadTrain(source: TaskSource, onUnusable?: OnUnusable): readonly TrainSample[];
  loadTest(source: TaskSource, onUnusable?: OnUnusable): readonly TestSample[];
  /** What the reference's scorer is given: its annotation file, or the folder that holds it. Images play no part. */
  readAnnotations(path: string): readonly TestSample[];
  score(
    mode: ScoringMode,
    samples: readonly TestSample[],
    predictions: Iterable<Prediction>,
    model?: ScoredModel,
  ): TaskScore;
}

/** A data folder in CoIN's own layout. */
export interface TaskSource {
  /** Holds `Instructions_<type>/` and `cl_dataset/`. */
  readonly root: string;
  readonly instructionType: string;
  /** What the run passes over. */
  readonly skipped?: readonly SkippedRow[];
}

/** Told of each unusable row of a file. */
export type OnUnusable = (row: Pick<SkippedRow, 'row' | 'id' | 'reason'>) => void;

// What each task's data must look like: the form of its answers, and the files that scorers read beside the instruction
// files. Expected counts are in `coin/facts.ts`.
import { strictBox } from '../../tasks/grounding/score.ts';
import type { CoinTask } from '../../tasks/index.ts';

export interface AnnotationFile {
  /** Below `cl_dataset`. */
  readonly path: string;
  /** What it is for. */
  readonly use: string;
  /** `warning` where scoring goes on without it, less exactly. */
  readonly severity: 'error' | 'warning';
}

export interface Expectation {
  readonly testFiles: readonly string[];
  readonly imageRequired: boolean;
  /** The field of a test row with the answer. */
  readonly answerField: string;
  /** What an answer must be, in words. */
  readonly answer: string;
  readonly isAnswer: (answer: string) => boolean;
  readonly annotations: readonly AnnotationFile[];
}

/** Longer answers are hardly a word or a phrase. Titles of books are long. */
const longestAnswer = 300;

const shortAnswer = {
  testFiles: ['test.json'],
  imageRequired: true,
  answerField: 'answer',
  answer: `one line of at most ${longestAnswer} characters`,
  isAnswer: (answer: string) => !answer.includes('\n') && answer.length <= longestAnswer,
  annotations: [],
} as const satisfies Expectation;

const validated = { ...shortAnswer, testFiles: ['val.json', 'test.json'] } as const;

export const expectations: { readonly [Task in CoinTask]: Expectation } = {
  ScienceQA: {
    ...shortAnswer,
    imageRequired: false,
    answer: "an option's letter, A to E",
    isAnswer: (answer) => /^[A-E]$/.test(answer),
    annotations: [
      {
        path: 'ScienceQA/problems.json',
        use: 'the scorer reads options and answers there',
        severity: 'error',
      },
      { path: 'ScienceQA/pid_splits.json', use: 'the scorer reads the test split there', severity: 'error' },
    ],
  },
  TextVQA: {
    ...validated,
    annotations: [
      {
        path: 'TextVQA/TextVQA_0.5.1_val.json',
        use: "the scorer reads ten people's answers there",
        severity: 'error',
      },
    ],
  },
  ImageNet: shortAnswer,
  GQA: {
    ...shortAnswer,
    annotations: [
      {
        path: 'GQA/testdev_balanced_questions.json',
        use: "the reference scorer reads it; without it the test file's answers are used",
        severity: 'warning',
      },
    ],
  },
  VizWiz: {
    ...validated,
    annotations: [
      {
        path: 'VizWiz/Annotations/val.json',
        use: "strict scoring uses ten people's answers; without it the single answer must match",
        severity: 'warning',
      },
    ],
  },
  Grounding: {
    ...shortAnswer,
    answerField: 'answer_bbox',
    answer: 'a box [x1, y1, x2, y2] between 0 and 1 with x1 < x2 and y1 < y2',
    isAnswer: isBox,
  },
  VQAv2: {
    ...validated,
    annotations: [
      {
        path: 'VQAv2/v2_mscoco_val2014_annotations.json',
        use: "strict scoring uses ten people's answers; without it the single answer must match",
        severity: 'warning',
      },
    ],
  },
  OCRVQA: shortAnswer,
};

function isBox(answer: string): boolean {
  const box = /^\s*\[.*\]\s*$/.test(answer) ? strictBox(answer) : undefined;
  return box !== undefined && box[0] < box[2] && box[1] < box[3];
}

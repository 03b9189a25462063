// Makes a Task out of what is particular to it. Everything common to CoIN's tasks is in the files this one calls.
import { annotationFile, readCoinAnnotations } from './layout/annotations.ts';
import { readTestInstructions, readTrainInstructions, type TestRow } from './layout/instructions.ts';
import { type Scorer, scorePredictions } from './scoring.ts';
import { phraseStyle } from './styles.ts';
import type {
  AnswerStyle,
  OnUnusable,
  Prediction,
  ScoredModel,
  ScoringMode,
  Task,
  TaskSource,
  TestSample,
  TrainSample,
  TruthDetails,
} from './task.ts';

/** @typeParam Truth what a test sample holds for the scorer, beyond its answer. */
export interface TaskDefinition<Truth extends object = TruthDetails> {
  /** CoIN's folder name, or one of your own. */
  readonly name: string;
  readonly summary: string;
  readonly maxNewTokens: number;
  /** `pad` by default. */
  readonly referenceAspect?: Task['referenceAspect'];
  readonly scorer: Scorer<Truth>;
  /** Where its samples come from, in the order of their file; by default instruction files in CoIN's layout. */
  readonly samples?: TaskSamples<Truth>;
  /** A word or a short phrase by default. */
  readonly style?: AnswerStyle;
  /** The first that exists is the test file; `test.json` by default. */
  readonly testFiles?: readonly string[];
  readonly imageRequired?: boolean;
  /** The field of a test row that holds the answer; `answer` by default. */
  readonly answerField?: string;
  /** What a test row itself says beyond its answer. */
  readonly rowTruth?: (row: TestRow) => Truth;
  /** Opens the task's official annotation files once and returns what looks a row up in them. */
  readonly truth?: (source: TaskSource) => (row: TestRow) => Truth;
  /** What the reference's scorer reads, where that is not CoIN's test file. */
  readonly annotations?: (path: string) => readonly TestSample<Truth>[];
}

/** Samples from anywhere; the same ones in every process. */
export interface TaskSamples<Truth> {
  train(source: TaskSource): readonly TrainSample[];
  test(source: TaskSource): readonly TestSample<Truth>[];
}

export function defineTask<Truth extends object = TruthDetails>(definition: TaskDefinition<Truth>): Task {
  const { name, summary, maxNewTokens, scorer, style = phraseStyle, imageRequired } = definition;
  const {
    referenceAspect = 'pad',
    testFiles = ['test.json'],
    answerField = 'answer',
    rowTruth,
    truth,
    annotations,
    samples: own,
  } = definition;

  // Others hand the task's own samples back to it and look at no truth, so that of its type is right for all of them.
  const task = {
    name,
    summary,
    maxNewTokens,
    referenceAspect,
    style,
    loadTrain:
      own?.train ??
      ((source: TaskSource, onUnusable?: OnUnusable) =>
        readTrainInstructions({ task: name, source, imageRequired, onUnusable })),
    loadTest:
      own?.test ??
      ((source: TaskSource, onUnusable?: OnUnusable) =>
        readTestInstructions({
          task: name,
          source,
          imageRequired,
          onUnusable,
          answerField,
          fileNames: testFiles,
          truth: joined(rowTruth, truth?.(source)),
        })),
    readAnnotations:
      annotations ??
      ((path: string) => readCoinAnnotations(annotationFile(path, testFiles), answerField, rowTruth)),
    score: (
      mode: ScoringMode,
      samples: readonly TestSample<Truth>[],
      predictions: Iterable<Prediction>,
      model?: ScoredModel,
    ) => scorePredictions(scorer, mode, samples, predictions, model),
  };
  return task as unknown as Task;
}

function joined<Truth extends object>(
  own: ((row: TestRow) => Truth) | undefined,
  official: ((row: TestRow) => Truth) | undefined,
): ((row: TestRow) => Truth) | undefined {
  if (own === undefined || official === undefined) return own ?? official;
  return (row) => ({ ...own(row), ...official(row) });
}

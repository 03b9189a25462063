// Makes a Task out of what is particular to it. Everything common to CoIN's tasks is in the files this one calls.
import { annotationFile, readCoinAnnotations } from './layout/annotations.ts';
import { readTestInstructions, readTrainInstructions, type TestRow } from './layout/instructions.ts';
import { type Scorer, scorePredictions } from './scoring.ts';
import { phraseStyle } from './styles.ts';
import type { AnswerStyle, Task, TaskSource, TestSample, TruthDetails } from './task.ts';

export interface TaskDefinition {
  /** CoIN's folder name. */
  readonly name: string;
  readonly summary: string;
  readonly maxNewTokens: number;
  /** `pad` by default. */
  readonly referenceAspect?: Task['referenceAspect'];
  readonly scorer: Scorer;
  /** A word or a short phrase by default. */
  readonly style?: AnswerStyle;
  /** The first that exists is the test file; `test.json` by default. */
  readonly testFiles?: readonly string[];
  readonly imageRequired?: boolean;
  /** The field of a test row that holds the answer; `answer` by default. */
  readonly answerField?: string;
  /** What a test row itself says beyond its answer. */
  readonly rowTruth?: (row: TestRow) => TruthDetails;
  /** Opens the task's official annotation files once and returns what looks a row up in them. */
  readonly truth?: (source: TaskSource) => (row: TestRow) => TruthDetails;
  /** What the reference's scorer reads, where that is not CoIN's test file. */
  readonly annotations?: (path: string) => readonly TestSample[];
}

export function defineTask(definition: TaskDefinition): Task {
  const { name, summary, maxNewTokens, scorer, style = phraseStyle, imageRequired } = definition;
  const {
    referenceAspect = 'pad',
    testFiles = ['test.json'],
    answerField = 'answer',
    rowTruth,
    truth,
    annotations,
  } = definition;
  return {
    name,
    summary,
    maxNewTokens,
    referenceAspect,
    style,
    loadTrain: (source) => readTrainInstructions({ task: name, source, imageRequired }),
    loadTest: (source) =>
      readTestInstructions({
        task: name,
        source,
        imageRequired,
        answerField,
        fileNames: testFiles,
        truth: joined(rowTruth, truth?.(source)),
      }),
    readAnnotations:
      annotations ?? ((path) => readCoinAnnotations(annotationFile(path, testFiles), answerField, rowTruth)),
    score: (mode, samples, predictions, model) => scorePredictions(scorer, mode, samples, predictions, model),
  };
}

type RowTruth = (row: TestRow) => TruthDetails;

function joined(own: RowTruth | undefined, official: RowTruth | undefined): RowTruth | undefined {
  if (own === undefined || official === undefined) return own ?? official;
  return (row) => ({ ...own(row), ...official(row) });
}

// Makes a Task out of what is particular to it. Everything common to CoIN's tasks is in the files this one calls.
import { readTestInstructions, readTrainInstructions, type TestRow } from './instructions.ts';
import { type Scorer, scorePredictions } from './scoring.ts';
import type { Task, TaskSource, TruthDetails } from './task.ts';

export interface TaskDefinition {
  /** CoIN's folder name. */
  readonly name: string;
  readonly summary: string;
  readonly maxNewTokens: number;
  readonly scorer: Scorer;
  /** The first that exists is the test file; `test.json` by default. */
  readonly testFiles?: readonly string[];
  readonly imageRequired?: boolean;
  /** The field of a test row that holds the answer; `answer` by default. */
  readonly answerField?: string;
  /** Opens the task's official annotation files once and returns what looks a row up in them. */
  readonly truth?: (source: TaskSource) => (row: TestRow) => TruthDetails;
}

export function defineTask(definition: TaskDefinition): Task {
  const { name, summary, maxNewTokens, scorer, testFiles, imageRequired, answerField, truth } = definition;
  return {
    name,
    summary,
    maxNewTokens,
    loadTrain: (source) => readTrainInstructions({ task: name, source, imageRequired }),
    loadTest: (source) =>
      readTestInstructions({
        task: name,
        source,
        imageRequired,
        answerField,
        fileNames: testFiles,
        truth: truth?.(source),
      }),
    score: (mode, samples, predictions) => scorePredictions(scorer, mode, samples, predictions),
  };
}

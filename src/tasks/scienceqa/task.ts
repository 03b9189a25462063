// ScienceQA: multiple choice on school science, half of it without an image.
// Options and right answers come from the official problems.json; a test row must belong to the official test split.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError, UserError } from '../../base/errors.ts';
import { checkRow, readJsonObject, rowError } from '../../formats/records/json.ts';
import { defineTask } from '../define.ts';
import { annotationOf, readAnnotationList } from '../layout/annotations.ts';
import { datasetPath } from '../layout/instruction-files.ts';
import type { TruthDetails } from '../task.ts';
import { letterStyle, scienceqaScorer } from './score.ts';

const hint = 'part of the ScienceQA release (github.com/lupantech/ScienceQA, folder data/scienceqa)';

const problem = z
  .object({ choices: z.array(z.string()).min(2).max(26), answer: z.int().nonnegative() })
  .refine(({ choices, answer }) => answer < choices.length, {
    message: 'expected the index of one of the choices',
    path: ['answer'],
  });

interface Release {
  readonly splitFile: string;
  readonly problemFile: string;
  /** In the file's order. */
  readonly testIds: readonly string[];
  /** Undefined for an id that has no problem. Throws DataError for a problem that is none. */
  readonly truthOf: (id: string) => TruthDetails | undefined;
}

function readRelease(folder: string): Release {
  const splitFile = join(folder, 'pid_splits.json');
  const testIds = readAnnotationList(splitFile, 'test', hint).map(String);
  const problemFile = join(folder, 'problems.json');
  const problems = readJsonObject(problemFile, { hint });
  const rowOfProblem = new Map(Object.keys(problems).map((id, index) => [id, index + 1]));
  return {
    splitFile,
    problemFile,
    testIds,
    truthOf: (id) => {
      const row = rowOfProblem.get(id);
      if (row === undefined) return undefined;
      const { choices, answer } = checkRow(problem, problems[id], { file: problemFile, row });
      return { choices, choiceIndex: answer };
    },
  };
}

export const scienceqa = defineTask({
  name: 'ScienceQA',
  summary: 'multiple choice on science facts, with and without an image',
  maxNewTokens: 1024,
  referenceAspect: 'crop',
  imageRequired: false,
  scorer: scienceqaScorer,
  style: letterStyle,
  truth: (source) => {
    const { splitFile, problemFile, testIds, truthOf } = readRelease(datasetPath(source, 'ScienceQA'));
    const known = new Set(testIds);
    return (row) => {
      if (!known.has(row.id)) {
        throw rowError(row.place, 'question_id', `"${row.id}" is not in the test split of ${splitFile}`);
      }
      return annotationOf(truthOf(row.id), row, 'question_id', problemFile);
    };
  },
  annotations: (path) => {
    if (!existsSync(path) || !statSync(path).isDirectory()) {
      throw new UserError({
        file: path,
        message: 'expected a folder with problems.json and pid_splits.json',
        hint,
      });
    }
    const { splitFile, problemFile, testIds, truthOf } = readRelease(path);
    return testIds.map((id) => {
      const truth = truthOf(id);
      if (truth === undefined) {
        throw new DataError({
          file: splitFile,
          field: 'test',
          message: `"${id}" has no entry in ${problemFile}`,
        });
      }
      return { id, text: '', answer: String.fromCharCode(65 + (truth.choiceIndex ?? 0)), truth };
    });
  },
});

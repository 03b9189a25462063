// ScienceQA: multiple choice on school science, half of it without a picture.
// Options and right answers come from the official problems.json; a test row must belong to the official test split.
import { z } from 'zod';
import { checkRow, readJsonObject, rowError } from '../../formats/json.ts';
import { annotationOf, readAnnotationList } from '../annotations.ts';
import { defineTask } from '../define.ts';
import { datasetPath } from '../instructions.ts';
import { scienceqaScorer } from './score.ts';

const hint = 'part of the ScienceQA release (github.com/lupantech/ScienceQA, folder data/scienceqa)';

const problem = z
  .object({ choices: z.array(z.string()).min(2).max(26), answer: z.int().nonnegative() })
  .refine(({ choices, answer }) => answer < choices.length, {
    message: 'expected the index of one of the choices',
    path: ['answer'],
  });

export const scienceqa = defineTask({
  name: 'ScienceQA',
  summary: 'multiple choice on science facts, with and without a picture',
  maxNewTokens: 1024,
  imageRequired: false,
  scorer: scienceqaScorer,
  truth: (source) => {
    const splitFile = datasetPath(source, 'ScienceQA', 'pid_splits.json');
    const testIds = new Set(readAnnotationList(splitFile, 'test', hint).map(String));
    const problemFile = datasetPath(source, 'ScienceQA', 'problems.json');
    const problems = readJsonObject(problemFile, { hint });
    const rowOfProblem = new Map(Object.keys(problems).map((id, index) => [id, index + 1]));
    return (row) => {
      if (!testIds.has(row.id)) {
        throw rowError(row.place, 'question_id', `"${row.id}" is not in the test split of ${splitFile}`);
      }
      const place = { file: problemFile, row: rowOfProblem.get(row.id) ?? 0 };
      const entry = annotationOf(problems[row.id], row, 'question_id', problemFile);
      const { choices, answer } = checkRow(problem, entry, place);
      return { choices, choiceIndex: answer };
    };
  },
});

// GQA: compositional questions about a scene. The gold answer is that of the official questions file.
// Without that file the instruction file is enough: CoIN tests on testdev_balanced, where every question is counted
// and the answer is the same.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { checkRow, readJsonObject } from '../../formats/json.ts';
import { annotationOf } from '../annotations.ts';
import { defineTask } from '../define.ts';
import { datasetPath } from '../instructions.ts';
import { gqaScorer } from './score.ts';

const question = z.object({ answer: z.string(), isBalanced: z.boolean() });

export const gqa = defineTask({
  name: 'GQA',
  summary: 'compositional questions about a scene',
  maxNewTokens: 128,
  scorer: gqaScorer,
  truth: (source) => {
    const file = datasetPath(source, 'GQA', 'testdev_balanced_questions.json');
    if (!existsSync(file)) return () => ({});
    const questions = readJsonObject(file);
    const rowOfQuestion = new Map(Object.keys(questions).map((id, index) => [id, index + 1]));
    return (row) => {
      const entry = annotationOf(questions[row.id], row, 'question_id', file);
      return { raw: checkRow(question, entry, { file, row: rowOfQuestion.get(row.id) ?? 0 }) };
    };
  },
});

// GQA: compositional questions about a scene. The gold answer is that of the official questions file.
// Without that file the instruction file is enough: CoIN tests on testdev_balanced, where every question is counted
// and the answer is the same.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { checkRow } from '../../formats/records/json.ts';
import { streamJson } from '../../formats/records/json-stream.ts';
import { defineTask } from '../define.ts';
import { annotationFile, annotationOf, holdsObject, readCoinAnnotations } from '../layout/annotations.ts';
import { datasetPath } from '../layout/instruction-files.ts';
import { gqaScorer } from './score.ts';

const officialFile = 'testdev_balanced_questions.json';
const question = z.object({ answer: z.string(), isBalanced: z.boolean() });
type Question = Readonly<z.output<typeof question>>;

/** The official questions by id. */
function readQuestions(file: string): ReadonlyMap<string, Question> {
  const questions = new Map<string, Question>();
  for (const { key, value, row, line } of streamJson(file)) {
    questions.set(key, checkRow(question, value, { file, row, line }));
  }
  return questions;
}

export const gqa = defineTask({
  name: 'GQA',
  summary: 'compositional questions about a scene',
  maxNewTokens: 128,
  scorer: gqaScorer,
  truth: (source) => {
    const file = datasetPath(source, 'GQA', officialFile);
    if (!existsSync(file)) return () => ({});
    const questions = readQuestions(file);
    return (row) => ({ raw: annotationOf(questions.get(row.id), row, 'question_id', file) });
  },
  annotations: (path) => {
    const file = annotationFile(path, [officialFile, 'test.json']);
    if (!holdsObject(file)) return readCoinAnnotations(file, 'answer');
    return [...readQuestions(file)].map(([id, raw]) => ({
      id,
      text: '',
      answer: raw.answer,
      truth: { raw },
    }));
  },
});

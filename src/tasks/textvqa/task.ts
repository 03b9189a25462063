// TextVQA: questions about text in an image. Scored against the ten human answers of the official annotation file,
// in both modes; the instruction file's single answer is not used for scoring.
import { z } from 'zod';
import { checkRow } from '../../formats/records/json.ts';
import { streamJson } from '../../formats/records/json-stream.ts';
import { defineTask } from '../define.ts';
import { annotationFile, annotationOf } from '../layout/annotations.ts';
import { datasetPath } from '../layout/instruction-files.ts';
import { identifier } from '../layout/instructions.ts';
import { humanAnswerCount } from '../vqa.ts';
import { textvqaScorer } from './score.ts';

const officialFile = 'TextVQA_0.5.1_val.json';
const hint = 'the validation annotations from textvqa.org, version 0.5.1';

const annotation = z.object({
  question_id: identifier,
  answers: z.array(z.string()).length(humanAnswerCount, `expected ${humanAnswerCount} answers`),
});

/** Ten human answers by question id. */
function readAnswers(file: string): ReadonlyMap<string, readonly string[]> {
  const answers = new Map<string, readonly string[]>();
  for (const { value, row, line } of streamJson(file, { member: 'data', hint })) {
    const entry = checkRow(annotation, value, { file, row, line });
    answers.set(entry.question_id, entry.answers);
  }
  return answers;
}

export const textvqa = defineTask({
  name: 'TextVQA',
  summary: 'questions about the text in an image',
  maxNewTokens: 128,
  // The test split has no public answers.
  testFiles: ['val.json', 'test.json'],
  scorer: textvqaScorer,
  truth: (source) => {
    const file = datasetPath(source, 'TextVQA', officialFile);
    const answers = readAnswers(file);
    return (row) => ({ humanAnswers: annotationOf(answers.get(row.id), row, 'question_id', file) });
  },
  annotations: (path) =>
    [...readAnswers(annotationFile(path, [officialFile], hint))].map(([id, humanAnswers]) => ({
      id,
      text: '',
      answer: humanAnswers[0] ?? '',
      truth: { humanAnswers },
    })),
});

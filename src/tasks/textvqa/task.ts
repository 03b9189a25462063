// TextVQA: questions about text in a picture. Scored against the ten human answers of the official annotation file,
// in both modes; the instruction file's single answer is not used for scoring.
import { z } from 'zod';
import { checkRow } from '../../formats/json.ts';
import { annotationOf, readAnnotationList } from '../annotations.ts';
import { defineTask } from '../define.ts';
import { datasetPath } from '../instructions.ts';
import { humanAnswerCount } from '../vqa.ts';
import { textvqaScorer } from './score.ts';

const annotation = z.object({
  question_id: z.union([z.string(), z.number()]),
  answers: z.array(z.string()).length(humanAnswerCount, `expected ${humanAnswerCount} answers`),
});

export const textvqa = defineTask({
  name: 'TextVQA',
  summary: 'questions about the text in a picture',
  maxNewTokens: 128,
  // The test split has no public answers.
  testFiles: ['val.json', 'test.json'],
  scorer: textvqaScorer,
  truth: (source) => {
    const file = datasetPath(source, 'TextVQA', 'TextVQA_0.5.1_val.json');
    const list = readAnnotationList(
      file,
      'data',
      'the validation annotations from textvqa.org, version 0.5.1',
    );
    const answersOfId = new Map(
      list.map((value, index) => {
        const row = checkRow(annotation, value, { file, row: index + 1 });
        return [String(row.question_id), row.answers] as const;
      }),
    );
    return (row) => ({
      humanAnswers: annotationOf(answersOfId.get(row.id), row, 'question_id', file),
    });
  },
});

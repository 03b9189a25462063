// VQAv2: questions in natural wording about a picture.
// Strict scoring uses the ten human answers of the official annotation file where it lies in cl_dataset/VQAv2.
import { existsSync } from 'node:fs';
import { annotationOf, humanAnswersBy, readAnnotationList } from '../annotations.ts';
import { defineTask } from '../define.ts';
import { datasetPath } from '../instructions.ts';
import { vqav2Scorer } from './score.ts';

export const vqav2 = defineTask({
  name: 'VQAv2',
  summary: 'questions in natural wording about a picture',
  maxNewTokens: 1024,
  testFiles: ['val.json', 'test.json'],
  scorer: vqav2Scorer,
  truth: (source) => {
    const file = datasetPath(source, 'VQAv2', 'v2_mscoco_val2014_annotations.json');
    if (!existsSync(file)) return () => ({});
    const answers = humanAnswersBy('question_id', readAnnotationList(file, 'annotations'), file);
    return (row) => ({ humanAnswers: annotationOf(answers.get(row.id), row, 'question_id', file) });
  },
});

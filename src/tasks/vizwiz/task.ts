// VizWiz: questions by blind people about their own pictures; the answer may be "unanswerable".
// Strict scoring uses the ten human answers of the official Annotations/val.json where it lies in cl_dataset/VizWiz.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { readJsonArray } from '../../formats/json.ts';
import { annotationOf, humanAnswersBy } from '../annotations.ts';
import { defineTask } from '../define.ts';
import { datasetPath } from '../instructions.ts';
import { vizwizScorer } from './score.ts';

export const vizwiz = defineTask({
  name: 'VizWiz',
  summary: "blind people's questions about their pictures",
  maxNewTokens: 128,
  testFiles: ['val.json', 'test.json'],
  scorer: vizwizScorer,
  truth: (source) => {
    const file = datasetPath(source, 'VizWiz', 'Annotations', 'val.json');
    if (!existsSync(file)) return () => ({});
    // One question per picture, and no question ids in the official file.
    const answers = humanAnswersBy('image', readJsonArray(file), file);
    return (row) => ({
      humanAnswers: annotationOf(answers.get(basename(row.image ?? '')), row, 'image', file),
    });
  },
});

// VQAv2: questions in natural wording about an image.
// Strict scoring uses ten human answers where they are known: in a test row itself, or in the official annotation file
// (in cl_dataset/VQAv2, or beside the test file that is scored against).
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { defineTask } from '../define.ts';
import {
  annotationFile,
  annotationOf,
  holdsObject,
  officialAnswersBy,
  ownHumanAnswers,
  readCoinAnnotations,
  samplesOf,
} from '../layout/annotations.ts';
import { datasetPath } from '../layout/instruction-files.ts';
import type { TestRow } from '../layout/instructions.ts';
import type { TruthDetails } from '../task.ts';
import { vqav2Scorer } from './score.ts';

const officialFile = 'v2_mscoco_val2014_annotations.json';
const testFiles = ['val.json', 'test.json'];

/** Looks a row up in the official file, if that is there. */
function officialTruth(file: string): ((row: TestRow) => TruthDetails) | undefined {
  if (!existsSync(file)) return undefined;
  const answers = officialAnswersBy('question_id', file);
  return (row) => ({
    humanAnswers: annotationOf(answers.get(row.id), row, 'question_id', file).humanAnswers,
  });
}

export const vqav2 = defineTask({
  name: 'VQAv2',
  summary: 'questions in natural wording about an image',
  maxNewTokens: 1024,
  referenceAspect: 'crop',
  testFiles,
  scorer: vqav2Scorer,
  rowTruth: ownHumanAnswers,
  truth: (source) => officialTruth(datasetPath(source, 'VQAv2', officialFile)) ?? (() => ({})),
  annotations: (path) => {
    const file = annotationFile(path, [...testFiles, officialFile]);
    if (holdsObject(file)) return samplesOf(officialAnswersBy('question_id', file));
    const official = statSync(path).isDirectory() ? officialTruth(join(path, officialFile)) : undefined;
    return readCoinAnnotations(file, 'answer', official ?? ownHumanAnswers);
  },
});

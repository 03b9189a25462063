// VizWiz: questions by blind people about their own images; the answer may be "unanswerable".
// Strict scoring uses ten human answers where they are known: in a test row itself, or in the official annotation file
// (cl_dataset/VizWiz/Annotations/val.json, or Annotations/val.json beside the test file that is scored against).
import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isObject } from '../../formats/records/json.ts';
import { streamJson } from '../../formats/records/json-stream.ts';
import { defineTask } from '../define.ts';
import {
  annotationFile,
  annotationOf,
  officialAnswersBy,
  ownHumanAnswers,
  readCoinAnnotations,
  samplesOf,
} from '../layout/annotations.ts';
import { datasetPath } from '../layout/instruction-files.ts';
import type { TestRow } from '../layout/instructions.ts';
import type { TruthDetails } from '../task.ts';
import { vizwizScorer } from './score.ts';

const testFiles = ['val.json', 'test.json'];

/** Looks a row up in the official file, if that is there. One question per image, and no question ids there. */
function officialTruth(file: string): ((row: TestRow) => TruthDetails) | undefined {
  if (!existsSync(file)) return undefined;
  const answers = officialAnswersBy('image', file);
  return (row) => ({
    humanAnswers: annotationOf(answers.get(basename(row.image ?? '')), row, 'image', file).humanAnswers,
  });
}

/** An official file has images and answers, CoIN's has question ids. */
function isOfficial(file: string): boolean {
  for (const { value } of streamJson(file)) return isObject(value) && !Object.hasOwn(value, 'question_id');
  return false;
}

export const vizwiz = defineTask({
  name: 'VizWiz',
  summary: "blind people's questions about their images",
  maxNewTokens: 128,
  testFiles,
  scorer: vizwizScorer,
  rowTruth: ownHumanAnswers,
  truth: (source) => officialTruth(datasetPath(source, 'VizWiz', 'Annotations', 'val.json')) ?? (() => ({})),
  annotations: (path) => {
    const official = join('Annotations', 'val.json');
    const file = annotationFile(path, [...testFiles, official]);
    if (isOfficial(file)) return samplesOf(officialAnswersBy('image', file));
    const beside = statSync(path).isDirectory() ? officialTruth(join(path, official)) : undefined;
    return readCoinAnnotations(file, 'answer', beside ?? ownHumanAnswers);
  },
});

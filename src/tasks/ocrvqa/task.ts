// OCR-VQA: title, author, genre and the like of a book cover.
import { defineTask } from '../define.ts';
import { ocrvqaScorer } from './score.ts';

export const ocrvqa = defineTask({
  name: 'OCRVQA',
  summary: 'reading book covers: title, author, genre',
  maxNewTokens: 128,
  scorer: ocrvqaScorer,
});

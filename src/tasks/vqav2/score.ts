// Short answers. Reference: coin.md 2.7 (eval_vqav2.py at 4122465): upper-cased equality with the single answer, not
// the VQA accuracy. Strict: VQA soft accuracy where ten answers are known.
import { rightIf, type Scorer } from '../scoring.ts';
import { strictVqa } from '../vqa.ts';

export const vqav2Scorer: Scorer = {
  reference: { judge: ({ answer }, text) => rightIf(text.toUpperCase() === answer.toUpperCase()) },
  strict: strictVqa,
};

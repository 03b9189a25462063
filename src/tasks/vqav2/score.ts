// Short answers. Reference: reference.md, VQAv2 (eval_vqav2.py at 4122465): upper-cased equality with the single
// answer, not the VQA accuracy. Strict: VQA soft accuracy where ten answers are known.
import { upperCasedMatch } from '../matching.ts';
import { afterOneSpace, type Scorer } from '../scoring.ts';
import { strictVqa } from '../vqa.ts';

export const vqav2Scorer: Scorer = {
  reference: { judge: upperCasedMatch },
  referenceOf: { qwen: { judge: afterOneSpace(upperCasedMatch) } },
  strict: strictVqa,
};

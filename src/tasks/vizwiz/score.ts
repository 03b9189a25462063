// Short answers, "unanswerable" among them. Reference: reference.md, VizWiz (eval_vizwiz.py at 4122465): upper-cased
// equality with the single answer, nothing trimmed. Strict: VQA soft accuracy where ten answers are known.
import { upperCasedMatch } from '../matching.ts';
import { afterOneSpace, type Scorer } from '../scoring.ts';
import { strictVqa } from '../vqa.ts';

export const vizwizScorer: Scorer = {
  reference: { judge: upperCasedMatch },
  referenceOf: { qwen: { judge: afterOneSpace(upperCasedMatch) } },
  strict: strictVqa,
};

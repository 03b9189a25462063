// Short answers read off a cover. Reference: reference.md, OCRVQA (eval_ocrvqa.py at 4122465): lower-cased equality; an
// answer that contains "Unanswerable" is wrong whatever the gold is. (Its "Samples: 0" is only printed.)
import { exactMatch } from '../matching.ts';
import { afterOneSpace, type Judge, rightIf, type Scorer } from '../scoring.ts';

const referenceJudge: Judge = ({ answer }, text) =>
  rightIf(!text.includes('Unanswerable') && text.toLowerCase() === answer.toLowerCase(), text.toLowerCase());

export const ocrvqaScorer: Scorer = {
  reference: { judge: referenceJudge },
  referenceOf: { qwen: { judge: afterOneSpace(referenceJudge) } },
  strict: exactMatch(),
};

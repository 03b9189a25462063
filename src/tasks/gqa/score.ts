// Short answers about scenes. Reference: reference.md, GQA (convert_gqa_for_eval.py and eval_gqa.py at 4122465).
import { exactMatch } from '../matching.ts';
import { stripEnd } from '../python.ts';
import { afterOneSpace, type Judge, rightIf, type Scorer } from '../scoring.ts';
import type { TestSample } from '../task.ts';

/** The official answer where the official file was there, otherwise the instruction file's. */
function goldOf({ answer, truth }: TestSample): string {
  const official = truth.raw?.answer;
  return typeof official === 'string' ? official : answer;
}

/** The gold answer keeps its case; nothing is trimmed but the full stops. */
const referenceJudge: Judge = (sample, text) => {
  const given = stripEnd(text, '.').toLowerCase();
  return rightIf(given === goldOf(sample), given);
};

export const gqaScorer: Scorer = {
  reference: {
    pairing: 'lastOfEachId',
    counts: ({ truth }) => truth.raw?.isBalanced !== false,
    judge: referenceJudge,
    percent: (sum, denominator) => (sum / denominator) * 100,
  },
  referenceOf: { qwen: { judge: afterOneSpace(referenceJudge) } },
  strict: exactMatch((sample) => [goldOf(sample)]),
};

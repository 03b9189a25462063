// Short answers about scenes. Reference: coin.md 2.4 (convert_gqa_for_eval.py and eval_gqa.py at 4122465).
import { exactMatch } from '../matching.ts';
import { rightIf, type Scorer } from '../scoring.ts';
import type { TestSample } from '../task.ts';

/** The official answer where the official file was there, otherwise the instruction file's. */
function goldOf({ answer, truth }: TestSample): string {
  const official = truth.raw?.answer;
  return typeof official === 'string' ? official : answer;
}

export const gqaScorer: Scorer = {
  reference: {
    pairing: 'lastOfEachId',
    counts: ({ truth }) => truth.raw?.isBalanced !== false,
    // The gold answer keeps its case.
    judge: (sample, text) => rightIf(text.replace(/\.+$/, '').toLowerCase() === goldOf(sample)),
    percent: (sum, denominator) => (sum / denominator) * 100,
  },
  strict: exactMatch((sample) => [goldOf(sample)]),
};

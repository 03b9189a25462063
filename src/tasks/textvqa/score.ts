// TextVQA's soft accuracy in both modes. Reference: coin.md 2.2 (m4c_evaluator.py at 4122465).
import { present } from '../../errors.ts';
import { type Scorer, softly } from '../scoring.ts';
import { softAccuracy, strictVqa } from '../vqa.ts';
import { normaliseLikeEvalAi } from './evalai.ts';

export const textvqaScorer: Scorer = {
  reference: {
    judge: ({ truth }, text) => {
      const answers = present(truth.humanAnswers, 'the human answers of a TextVQA sample');
      return softly(softAccuracy(normaliseLikeEvalAi(text), answers.map(normaliseLikeEvalAi)));
    },
    percent: (sum, denominator) => 100 * (sum / denominator),
  },
  strict: strictVqa,
};

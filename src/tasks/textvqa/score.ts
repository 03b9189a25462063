// TextVQA's soft accuracy in both modes. Reference: reference.md, TextVQA (m4c_evaluator.py at 4122465).
import { present } from '../../base/errors.ts';
import { type Scorer, softly } from '../scoring.ts';
import { normalisedOnce, softAccuracy, strictVqa } from '../vqa.ts';
import { normaliseLikeEvalAi } from './evalai.ts';

const referenceAnswers = normalisedOnce(normaliseLikeEvalAi);

export const textvqaScorer: Scorer = {
  reference: {
    judge: ({ truth }, text) => {
      const answers = present(truth.humanAnswers, 'the human answers of a TextVQA sample');
      const given = normaliseLikeEvalAi(text);
      return softly(softAccuracy(given, referenceAnswers(answers)), given);
    },
    percent: (sum, denominator) => 100 * (sum / denominator),
  },
  strict: strictVqa,
};

// Class names. Reference: coin.md 2.3 (eval_ImagetNet.py at 4122465).
import { exactMatch, normaliseShortAnswer } from '../matching.ts';
import { rightIf, type Scorer } from '../scoring.ts';

/**
 * reference: by position in the file, and right when either text contains the other, so an empty answer is right.
 * strict: the class name, where underscores are spaces; of a name that is a list of synonyms ("great white shark,
 * white shark") also any one of them. "dog" is not "hot dog".
 */
export const imagenetScorer: Scorer = {
  reference: {
    pairing: 'positions',
    judge: ({ answer }, text) => rightIf(text.includes(answer) || answer.includes(text)),
  },
  strict: exactMatch(
    ({ answer }) => [answer, ...answer.split(',')].filter((name) => name.trim() !== ''),
    (text) => normaliseShortAnswer(text.replaceAll('_', ' ')),
  ),
};

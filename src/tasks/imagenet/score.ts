// Class names. Reference: reference.md, ImageNet (eval_ImagetNet.py at 4122465).
import { exactMatch, normaliseShortAnswer } from '../matching.ts';
import { afterOneSpace, type Judge, rightIf, type Scorer } from '../scoring.ts';

const within: Judge = ({ answer }, text) => rightIf(text.includes(answer) || answer.includes(text), text);

/**
 * reference: by position in the file, and right when either text contains the other, so an empty answer is right.
 * For Qwen, since 41411ab, without one leading space and in lower case.
 * strict: the class name, where underscores are spaces; of a name that is a list of synonyms ("great white shark,
 * white shark") also any one of them. "dog" is not "hot dog".
 */
export const imagenetScorer: Scorer = {
  reference: {
    pairing: 'positions',
    judge: within,
  },
  referenceOf: {
    qwen: {
      judge: afterOneSpace((sample, text) =>
        within({ ...sample, answer: sample.answer.toLowerCase() }, text.toLowerCase()),
      ),
    },
  },
  strict: exactMatch(
    ({ answer }) => [answer, ...answer.split(',')].filter((name) => name.trim() !== ''),
    (text) => normaliseShortAnswer(text.replaceAll('_', ' ')),
  ),
};

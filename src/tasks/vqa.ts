// VQA soft accuracy over ten human answers, and the strict normalisation of such answers.
// The reference's own normalisation, with its faults, is TextVQA's `evalai.ts`.
import { exactMatch } from './matching.ts';
import { type Judge, softly, unparseable } from './scoring.ts';

export const humanAnswerCount = 10;

/**
 * The mean over the ten leave-one-out sets of min(1, matches among the other nine / 3).
 * With k of ten people giving the answer: [k min(1, (k-1)/3) + (10-k) min(1, k/3)] / 10.
 * Source: reference.md, TextVQA; the sum runs in the reference's order, so that the last bit agrees.
 * @param given and `answers` already normalised.
 */
export function softAccuracy(given: string, answers: readonly string[]): number {
  const matches = answers.filter((answer) => answer === given).length;
  if (matches === 0) return 0;
  let sum = 0;
  for (const answer of answers) sum += Math.min(1, (answer === given ? matches - 1 : matches) / 3);
  return sum / answers.length;
}

/** The same people's answers meet many predictions: each list is normalised once. */
export function normalisedOnce(
  normalise: (answer: string) => string,
): (answers: readonly string[]) => readonly string[] {
  const known = new WeakMap<readonly string[], readonly string[]>();
  return (answers) => {
    const before = known.get(answers);
    if (before !== undefined) return before;
    const normalised = answers.map(normalise);
    known.set(answers, normalised);
    return normalised;
  };
}

const numberWords: ReadonlyMap<string, string> = new Map(
  'zero one two three four five six seven eight nine ten'
    .split(' ')
    .map((word, value) => [word, String(value)] as const)
    .concat([['none', '0']]),
);
const articles: ReadonlySet<string> = new Set(['a', 'an', 'the']);

/**
 * The VQA rules as they are meant: lower case; number words as digits; no articles (unless nothing else is left);
 * no apostrophes, so that "dont" is "don't"; no full stops except in decimals; no commas inside numbers; every other
 * punctuation mark separates words.
 * TextVQA's reference differs: it deletes commas everywhere, lets one mark's neighbours decide about all of its
 * occurrences, and stops after 32 full stops (reference.md, TextVQA).
 */
export function normaliseHumanAnswer(text: string): string {
  const words = text
    .normalize('NFC')
    .toLowerCase()
    .replace(/['’]/g, '')
    .replace(/(?<=\d),(?=\d{3}(?!\d))/g, '')
    .replace(/\.(?!\d)/g, '')
    .replace(/[;/[\]"“”{}()=+\\_\-><@`,?!:]/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => numberWords.get(word) ?? word);
  const meaningful = words.filter((word) => !articles.has(word));
  return (meaningful.length === 0 ? words : meaningful).join(' ');
}

const strictAnswers = normalisedOnce(normaliseHumanAnswer);

/** Soft accuracy where ten human answers are known, otherwise exact match with the single answer. */
export const strictVqa: Judge = (sample, text) => {
  const { humanAnswers } = sample.truth;
  if (humanAnswers === undefined) return exactMatch()(sample, text);
  if (text.trim() === '') return unparseable;
  const given = normaliseHumanAnswer(text);
  return softly(softAccuracy(given, strictAnswers(humanAnswers)), given);
};

// The answer normalisation of the reference's TextVQA scorer, faults included (reference.md, TextVQA).
// Strict scoring normalises by the rules as they are meant: `normaliseHumanAnswer` in vqa.ts.
import { splitWords, strip } from '../python.ts';

const punctuation = [...';/[]"{}()=+\\_-><@`,?!'];
/** Most answers have no mark at all. */
const anyPunctuation = /[^\p{L}\p{N}\s.]/u;
const articles: ReadonlySet<string> = new Set(['a', 'an', 'the']);
const numberWords: ReadonlyMap<string, string> = new Map([
  ['none', '0'],
  ...'zero one two three four five six seven eight nine ten'
    .split(' ')
    .map((word, value): [string, string] => [word, String(value)]),
]);

/** The pattern's flag was passed as the number of replacements. */
const mostPeriodsRemoved = 32;

/** Words that take each ending in the reference's table. Capitals and a plain `'s` in a key can never match. */
const wordsOfEnding: Readonly<Record<string, string>> = {
  "n't": 'ai are ca could did does do had has have is might must need ought sha should was were wo would',
  "n't've": 'could had might should would',
  "'ve": 'could might must not should they we what where who would you',
  "'d": 'he how it someone something there they where who you',
  "'d've": 'he it she somebody someone something there they we who you',
  "'ll": 'how it somebody someone something they what who why you',
  "'s": 'he how somebody someone that there what when where who why',
  "'re": 'there they what why you',
};
const wholeContractions = ["ma'am", "o'clock", "'twas", "'ow's'at", "y'all", "y'all'll", "y'all'd've"];

/** A contraction written with one apostrophe too few, to its full spelling. */
export const contractions: ReadonlyMap<string, string> = new Map([
  ...Object.entries(wordsOfEnding)
    .flatMap(([ending, words]) => words.split(' ').map((word) => word + ending))
    .concat(wholeContractions)
    .flatMap((full) => withoutOneApostrophe(full).map((short): [string, string] => [short, full])),
  // The table has this one the wrong way round.
  ["somebody'd", 'somebodyd'],
]);

function withoutOneApostrophe(word: string): readonly string[] {
  return [...word.matchAll(/'/g)].map(({ index }) => word.slice(0, index) + word.slice(index + 1));
}

export function normaliseLikeEvalAi(text: string): string {
  const lower = strip(text.toLowerCase().replace(/[,?]/g, '').replaceAll("'s", " 's"));
  const plain = withoutPunctuation(strip(lower.replace(/[\n\t]/g, ' ')));
  return splitWords(plain.toLowerCase())
    .map((word) => numberWords.get(word) ?? word)
    .filter((word) => !articles.has(word))
    .map((word) => contractions.get(word) ?? word)
    .join(' ');
}

/** One mark next to a space decides that all marks of its kind are deleted; otherwise each becomes a space. */
function withoutPunctuation(text: string): string {
  let output = text;
  for (const mark of anyPunctuation.test(text) ? punctuation : []) {
    const besideSpace = text.includes(`${mark} `) || text.includes(` ${mark}`);
    output = output.replaceAll(mark, besideSpace ? '' : ' ');
  }
  let removed = 0;
  return output.replace(/\.(?!\p{Nd})/gu, (period) => (removed++ < mostPeriodsRemoved ? '' : period));
}

// How a ScienceQA answer becomes an option. Reference: reference.md, ScienceQA (eval_science_qa.py at 4122465).
import { present } from '../../base/errors.ts';
import { normaliseShortAnswer } from '../matching.ts';
import { wordCharacter } from '../python.ts';
import { rightIf, type Scorer, unparseable } from '../scoring.ts';
import type { AnswerStyle } from '../task.ts';

const referenceOptions = ['A', 'B', 'C', 'D', 'E'];
const loneCharacter = new RegExp(`(?<!${wordCharacter})${wordCharacter}(?!${wordCharacter})`, 'u');

/**
 * The letter the reference reads: the whole text, "X. " in front, or else the first word of a single character,
 * whatever it is ("This is a cat." gives A). Undefined when there is no such word.
 */
export function referenceLetter(text: string): string | undefined {
  if (referenceOptions.includes(text)) return text;
  const [first = ''] = text;
  if (referenceOptions.includes(first) && text.slice(1, 3) === '. ') return first;
  return loneCharacter.exec(text)?.[0].toUpperCase();
}

/**
 * The index of the option that the text really names: a letter alone ("B", "b.", "(B)"), a letter in front of
 * something ("B. text", "(B) text", "B: text"), "the answer is B", or one option's exact text.
 * Undefined when it names none, more than one, or a letter that is no option.
 */
export function strictChoice(text: string, choices: readonly string[]): number | undefined {
  const plain = text.trim();
  const alone = /^\(?([A-Za-z])\)?[.:]?$/.exec(plain)?.[1];
  const same = choices.flatMap((choice, index) =>
    normaliseShortAnswer(choice) === normaliseShortAnswer(plain) ? [index] : [],
  );
  // An option may look like a letter in front of something: "C. elegans".
  if (alone === undefined && same.length === 1) return same[0];
  const letters = new Set<string>();
  const inFront = /^(?:\(([A-Z])\)[.:]?\s|([A-Z])(?:[.:)]\s|\s*\n))/.exec(plain);
  const letter = alone ?? inFront?.[1] ?? inFront?.[2];
  if (letter !== undefined) letters.add(letter.toUpperCase());
  const stated =
    /\banswer(?:\s+is(?:\s*:)?|\s*:)\s*(?:option\s+|choice\s+)?\(?([A-Z])\)?(?=\s*(?:$|[.,;:!\n]|because\b|since\b))/gi;
  for (const [, named = ''] of plain.matchAll(stated)) {
    if (named === named.toUpperCase()) letters.add(named);
  }
  const [named, another] = letters;
  if (named === undefined || another !== undefined) return undefined;
  const index = named.charCodeAt(0) - 'A'.charCodeAt(0);
  return index < choices.length ? index : undefined;
}

/**
 * The option that a text speaks of when no format is asked for: its only lone capital that is a letter of the options
 * (not the article in "A cat"), or else the only option whose text it holds. Undefined when it is none or several.
 */
export function lenientChoice(text: string, choices: readonly string[]): number | undefined {
  const last = String.fromCharCode('A'.charCodeAt(0) + choices.length - 1);
  const letters = new RegExp(`(?<!${wordCharacter})(?!A [a-z])[A-${last}](?!${wordCharacter})`, 'gu');
  const named = new Set([...text.matchAll(letters)].map(([letter]) => letter));
  if (named.size === 1) return [...named].map((letter) => letter.charCodeAt(0) - 'A'.charCodeAt(0))[0];
  const plain = normaliseShortAnswer(text);
  const held = choices.flatMap((choice, index) =>
    plain.includes(normaliseShortAnswer(choice)) ? [index] : [],
  );
  return held.length === 1 ? held[0] : undefined;
}

export const letterStyle: AnswerStyle = {
  name: 'letter',
  isWords: false,
  looksLike: (text) => /^\s*\(?[A-Z]\)?[.:]?\s*$/.test(text),
  judgedAs: 'answer',
  reminder: 'Reply with the letter of the right option and nothing else.',
  isRightLeniently: ({ truth }, text) =>
    lenientChoice(text, present(truth.choices, 'the choices of a ScienceQA sample')) === truth.choiceIndex,
};

/**
 * reference: divides by the official split's size, and crashes when the sixth of six choices is right /
 * here: divides by the samples asked, which is the same for the full test file, and such a sample is wrong.
 */
export const scienceqaScorer: Scorer = {
  reference: {
    pairing: 'lastOfEachId',
    missing: 'wrong',
    percent: (sum, denominator) => (sum / denominator) * 100,
    judge: ({ truth }, text) => {
      const letter = referenceLetter(text);
      if (letter === undefined) return unparseable;
      const choices = present(truth.choices, 'the choices of a ScienceQA sample');
      const index = referenceOptions.slice(0, choices.length).indexOf(letter);
      return rightIf(index !== -1 && index === truth.choiceIndex, letter);
    },
  },
  strict: ({ truth }, text) => {
    const index = strictChoice(text, present(truth.choices, 'the choices of a ScienceQA sample'));
    if (index === undefined) return unparseable;
    return rightIf(index === truth.choiceIndex, String.fromCharCode('A'.charCodeAt(0) + index));
  },
};

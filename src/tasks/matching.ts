// Exact match of short answers: what counts as the same word, and what does not.
import { stripEnd } from './python.ts';
import { type Judge, rightIf, unparseable } from './scoring.ts';
import type { TestSample } from './task.ts';

/**
 * Case, the amount of white space, Unicode composition and trailing full stops make no difference; everything else
 * does. Text that is nothing but full stops keeps them.
 */
export function normaliseShortAnswer(text: string): string {
  const plain = text.normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trim();
  const bare = stripEnd(plain, '. ');
  return bare === '' ? plain : bare;
}

/** The reference's equality of VizWiz and VQAv2 answers: upper case, nothing trimmed. */
export const upperCasedMatch: Judge = ({ answer }, text) =>
  rightIf(text.toUpperCase() === answer.toUpperCase(), text.toUpperCase());

/** Right when prediction and gold are the same after normalisation; an empty prediction is no answer. */
export function exactMatch(
  goldOf: (sample: TestSample) => readonly string[] = ({ answer }) => [answer],
  normalise: (text: string) => string = normaliseShortAnswer,
): Judge {
  return (sample, text) => {
    if (text.trim() === '') return unparseable;
    const given = normalise(text);
    return rightIf(
      goldOf(sample).some((gold) => normalise(gold) === given),
      given,
    );
  };
}

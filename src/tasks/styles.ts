// What an answer of a task looks like, and when it is right once everything around it is passed over. For telling a
// lost answer style from a wrong answer; no score is computed from this.
import { normaliseShortAnswer } from './matching.ts';
import type { AnswerStyle, TestSample } from './task.ts';
import { normaliseHumanAnswer } from './vqa.ts';

const fewWords = 6;

export const phraseStyle: AnswerStyle = {
  name: 'phrase',
  isWords: true,
  isLoose: true,
  looksLike: (text) => {
    const plain = normaliseShortAnswer(text);
    return plain.split(' ').length <= fewWords && /\p{L}{2}|^\p{N}+$/u.test(plain);
  },
  judgedAs: 'answer',
  reminder: 'Reply with one word or a short phrase and nothing else.',
  isRightLeniently: (sample, text) => {
    const accepted = [sample.answer, ...(sample.truth.humanAnswers ?? [])];
    return accepted.some((answer) => saysOnly(answer, text));
  },
};

export const classNameStyle: AnswerStyle = {
  ...phraseStyle,
  name: 'class name',
  isLoose: false,
  looksLike: (text, answers) => answers.has(normaliseShortAnswer(text)),
  reminder: 'Reply with the name of the object and nothing else.',
  isRightLeniently: ({ answer }, text) =>
    [answer, ...answer.split(',')].some((name) => saysOnly(name.replaceAll('_', ' '), text)),
};

/** In a longer text an answer is somewhere by chance. */
const longestLenientWords = 30;
const opposites: ReadonlyMap<string, string> = new Map([
  ['yes', 'no'],
  ['no', 'yes'],
]);

/** Whether the answer's words stand side by side in the text, and not their opposite too. */
function saysOnly(answer: string, text: string): boolean {
  const wanted = normaliseHumanAnswer(answer);
  const words = normaliseHumanAnswer(text).split(' ');
  if (wanted === '' || words.length > longestLenientWords) return false;
  if (words.includes(opposites.get(wanted) ?? '')) return false;
  return ` ${words.join(' ')} `.includes(` ${wanted} `);
}

/** The answers that a task's own samples have, normalised: what is in here is no other task's style. */
export function ownAnswers(samples: readonly TestSample[]): ReadonlySet<string> {
  return new Set(
    samples.flatMap(({ answer, truth }) =>
      [answer, ...answer.split(','), ...(truth.humanAnswers ?? [])].map(normaliseShortAnswer),
    ),
  );
}

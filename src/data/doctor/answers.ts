// The style of an answer: what a model learns about how to answer, which is what the next task makes it forget.
import { strictBox } from '../../tasks/grounding/score.ts';
import type { AnswerForm, Histogram } from './findings.ts';

/** In the order in which they are shown. */
export const answerStyles: readonly AnswerForm[] = [
  'letter',
  'box',
  'yes/no',
  'unanswerable',
  'number',
  'single word',
  'phrase',
  'sentence',
];

/** Words from which an answer is a sentence rather than a phrase. */
const sentenceWords = 8;

export function styleOf(answer: string): AnswerForm {
  const text = answer.trim();
  if (/^[A-E]$/.test(text)) return 'letter';
  if (text.startsWith('[') && strictBox(text) !== undefined) return 'box';
  if (/^(yes|no)\.?$/i.test(text)) return 'yes/no';
  if (/^unanswerable\.?$/i.test(text)) return 'unanswerable';
  if (/^[-+]?[$€£]?\d+([.,:/]\d+)*\s?%?$/.test(text)) return 'number';
  const words = text.split(/\s+/).length;
  if (words === 1) return 'single word';
  return words >= sentenceWords || (words > 2 && /[.!?]$/.test(text)) ? 'sentence' : 'phrase';
}

export class StyleCounts {
  readonly #counts = new Map<AnswerForm, number>();

  add(answer: string): void {
    const style = styleOf(answer);
    this.#counts.set(style, (this.#counts.get(style) ?? 0) + 1);
  }

  histogram(): Histogram {
    return Object.fromEntries(
      answerStyles.flatMap((style) => {
        const count = this.#counts.get(style);
        return count === undefined ? [] : [[style, count]];
      }),
    );
  }
}

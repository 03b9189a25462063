// A score of 0 to 10 out of a judge's answer, in two modes, and the figure of a cell.
// `reference` is evaluate_score.py, faults included (reference.md, Judge); `strict` reads what is really said, or
// nothing.
import { parseFloatLikePython } from '../../tasks/python.ts';
import type { ScoringMode } from '../../tasks/task.ts';
import { strictScore, type UnparsedReason } from './strict-score.ts';

/** `crash`: the reference stops with an error at this answer, and with it the whole cell. */
export type ParsedAnswer =
  | { readonly score: number }
  | { readonly unparsed: UnparsedReason | 'nothing added' | 'crash' };

export function parseJudgeAnswer(text: string, mode: ScoringMode): ParsedAnswer {
  return mode === 'strict' ? strictScore(text) : referenceScore(text);
}

/**
 * Added to the sum: a float of at most 10, negative ones too; of a text with a slash the part before it, if that is all
 * numerals and at most 10; otherwise the first digit 1 to 9 anywhere, so that "Score: 10" is 1.
 */
function referenceScore(text: string): ParsedAnswer {
  const number = parseFloatLikePython(text);
  if (number !== undefined) return number <= 10 ? { score: number } : { unparsed: 'nothing added' };
  const slash = text.indexOf('/');
  if (slash === -1) {
    const digit = /[1-9]/.exec(text)?.[0];
    return digit === undefined ? { unparsed: 'nothing added' } : { score: Number(digit) };
  }
  const numerator = text.slice(0, slash);
  if (!isNumericLikePython(numerator)) return { unparsed: 'nothing added' };
  const value = parseFloatLikePython(numerator);
  if (value === undefined) return { unparsed: 'crash' };
  return value <= 10 ? { score: value } : { unparsed: 'nothing added' };
}

/** Letters that are numerals: CJK, which Unicode does not file under the numbers. */
const cjkNumerals =
  '〇一二三四五六七八九十百千万亿億兆零壱壹弌弐貳贰弍参參叁弎肆伍陸陆柒漆捌玖拾廿卅卌佰仟萬两兩';

/** `str.isnumeric()`: every character has a numeric value, fractions and superscripts among them; not empty. */
function isNumericLikePython(text: string): boolean {
  return (
    text !== '' && [...text].every((character) => /\p{N}/u.test(character) || cjkNumerals.includes(character))
  );
}

/** General knowledge as a judge sees it, over the answers of one cell. */
export interface JudgedFigure {
  /** 0 to 100. `strict`: of the answers that could be read. `reference`: a whole number over all. */
  readonly percent: number;
  readonly judged: number;
  readonly unparsed: number;
  /** Answers at which the reference itself would stop; here they add nothing. */
  readonly crashes: number;
  /** The sum of the scores that were read. */
  readonly sum: number;
}

/**
 * `strict`: ten times the mean of the scores that could be read; the rest is the judge's failure, not the model's, and
 * is counted apart. `reference`: 100 * sum / (10 * all), rounded half to even; what it cannot read adds 0.
 * reference: an empty file divides by zero, a sum that is not finite cannot be rounded / here: 0 %, and a crash.
 */
export function judgedFigure(texts: readonly string[], mode: ScoringMode): JudgedFigure {
  let [sum, read, crashes] = [0, 0, 0];
  for (const text of texts) {
    const parsed = parseJudgeAnswer(text, mode);
    if ('score' in parsed) {
      sum += parsed.score;
      read++;
    } else if (parsed.unparsed === 'crash') crashes++;
  }
  const counts = { judged: texts.length, unparsed: texts.length - read, crashes, sum };
  if (mode === 'strict') return { percent: read === 0 ? 0 : (10 * sum) / read, ...counts };
  if (!Number.isFinite(sum)) return { percent: 0, ...counts, crashes: crashes + 1 };
  const share = texts.length === 0 ? 0 : sum / (10 * texts.length);
  return { percent: roundHalfToEven(share * 100), ...counts };
}

/** Python's `round(value)`. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

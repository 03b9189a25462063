// Boxes and their overlap. Reference: reference.md, Grounding (LLaVA's and MiniGPT-v2's
// eval_grounding.py at 4122465).
import { present } from '../../base/errors.ts';
import { greatestLikePython, leastLikePython, parseFloatLikePython } from '../python.ts';
import { afterOneSpace, type Judge, rightIf, type Scorer, unparseable } from '../scoring.ts';
import type { AnswerStyle, TestSample } from '../task.ts';

/** x1, y1, x2, y2. */
export type Box = readonly [number, number, number, number];

/** Two boxes written with a few decimals can overlap by exactly one half and miss it in the last bit. */
const roundingTolerance = 1e-9;

/**
 * The box the reference reads: brackets are removed, then the first and the last character of what is left, bracketed
 * or not, so "[0.1,0.2,0.3,0.4]" is .1, 0.2, 0.3, 0.0. Undefined when that is not four numbers.
 */
export function referenceBox(text: string): Box | undefined {
  const inside = [...text.replace(/[[\]]/g, '')].slice(1, -1).join('');
  return boxOf(inside.split(',').map(parseFloatLikePython));
}

/** A number has no more digits than this, as no float has; without a bound a long row of digits takes for ever. */
const miniGptNumber = /[1-9]\p{Nd}{0,400}\.\p{Nd}*|0\.\p{Nd}*[1-9]\p{Nd}*/gu;

/**
 * The box the reference reads for MiniGPT-v2: the first four decimals that do not look like zero, so that "0.0", "0"
 * and "1" are passed over and what follows takes their place. Undefined when there are fewer than four.
 */
export function miniGptBox(text: string): Box | undefined {
  const numbers = [...text.matchAll(miniGptNumber)].slice(0, 4);
  return boxOf(numbers.map(([number]) => parseFloatLikePython(number)));
}

/**
 * The box that the text holds: the four numbers between 0 and 1 in it; when there are more numbers, the four in its
 * only pair of brackets. Undefined when there is no such box.
 */
export function strictBox(text: string): Box | undefined {
  const box = boxOf(numbersIn(text)) ?? boxOf(numbersIn(onlyBracketed(text)));
  return box?.every((edge) => edge >= 0 && edge <= 1) ? box : undefined;
}

/**
 * Intersection over union; 0 when the union is not positive. As the reference computes it: reversed boxes have
 * negative areas, and comparisons with NaN go as Python's.
 */
export function intersectionOverUnion(first: Box, second: Box): number {
  const [left, top, rightEdge, bottom] = first;
  const [otherLeft, otherTop, otherRight, otherBottom] = second;
  const width = leastLikePython(rightEdge, otherRight) - greatestLikePython(left, otherLeft);
  const height = leastLikePython(bottom, otherBottom) - greatestLikePython(top, otherTop);
  const intersection = greatestLikePython(0, width) * greatestLikePython(0, height);
  const union =
    (rightEdge - left) * (bottom - top) + (otherRight - otherLeft) * (otherBottom - otherTop) - intersection;
  return union > 0 ? intersection / union : 0;
}

const referenceJudge: Judge = ({ truth }, text) => {
  const box = referenceBox(text);
  if (box === undefined) return unparseable;
  const gold = present(truth.box, 'the box of a Grounding sample');
  // Pixels instead of fractions change the overlap by rounding only, which decides at exactly one half.
  const side = Math.max(...present(truth.imageSize, 'the image size of a Grounding sample'));
  return rightIf(intersectionOverUnion(scaled(box, side), scaled(gold, side)) > 0.5, box);
};

const strictlyAgainst =
  (goldOf: (sample: TestSample) => Box): Judge =>
  (sample, text) => {
    const box = strictBox(text);
    if (box === undefined) return unparseable;
    const [x1, y1, x2, y2] = box;
    const overlap = x1 < x2 && y1 < y2 ? intersectionOverUnion(box, goldOf(sample)) : 0;
    return rightIf(overlap >= 0.5 - roundingTolerance, box);
  };

const paddedBox = ({ truth }: TestSample) => present(truth.box, 'the box of a Grounding sample');
const unpaddedBox = (sample: TestSample) =>
  sample.truth.unpaddedBox ??
  withoutPadding(paddedBox(sample), present(sample.truth.imageSize, 'the image size of a Grounding sample'));

export const groundingScorer: Scorer = {
  reference: { judge: referenceJudge },
  referenceOf: {
    qwen: { judge: afterOneSpace(referenceJudge) },
    minigpt: {
      judge: (sample, text) => {
        const box = miniGptBox(text);
        if (box === undefined) return unparseable;
        return rightIf(intersectionOverUnion(box, unpaddedBox(sample)) > 0.5, box);
      },
    },
  },
  strict: strictlyAgainst(paddedBox),
  strictOf: { minigpt: strictlyAgainst(unpaddedBox) },
};

/** From fractions of the square that the image is padded to, to fractions of the image itself. */
function withoutPadding([x1, y1, x2, y2]: Box, [width, height]: readonly [number, number]): Box {
  const side = Math.max(width, height);
  const across = (x: number) => (x * side - (side - width) / 2) / width;
  const down = (y: number) => (y * side - (side - height) / 2) / height;
  return [across(x1), down(y1), across(x2), down(y2)];
}

/** The truth's own frame, percent, thousandths, and pixels of the padded square. */
const lenientScales = [1, 100, 1000] as const;

export const boxStyle: AnswerStyle = {
  name: 'box',
  isWords: false,
  // Numbers with commas between and nothing else, or several fractions and no word: also a box that went wrong half way.
  looksLike: (text) => {
    if (/\p{L}/u.test(text)) return false;
    const fractions = text.match(/\d*\.\d+/g)?.length ?? 0;
    return fractions >= 2 || /^\s*[[(]?\s*-?\d+(\s*,\s*-?\d+){2,3}\s*,?\s*[\])]?\.?\s*$/.test(text);
  },
  judgedAs: 'box',
  reminder: 'Reply with the box only: [x1, y1, x2, y2], four numbers between 0 and 1.',
  isRightLeniently: ({ truth }, text) => {
    const [x1, y1, x2, y2] = boxOf(numbersIn(text).slice(0, 4)) ?? [];
    if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined) return false;
    const gold = present(truth.box, 'the box of a Grounding sample');
    const ordered: Box = [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
    return [...lenientScales, Math.max(...(truth.imageSize ?? [1]))].some(
      (scale) => intersectionOverUnion(scaled(ordered, 1 / scale), gold) >= 0.5 - roundingTolerance,
    );
  },
};

function scaled([x1, y1, x2, y2]: Box, side: number): Box {
  return [x1 * side, y1 * side, x2 * side, y2 * side];
}

function boxOf(numbers: readonly (number | undefined)[]): Box | undefined {
  const [x1, y1, x2, y2] = numbers;
  if (numbers.length !== 4) return undefined;
  if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined) return undefined;
  return [x1, y1, x2, y2];
}

/** Not a part of a word or of another number: "x1" and "0.8_0" hold none. */
const freeNumber = /(?<![\p{L}\p{N}_.])[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?(?![\p{L}\p{N}_]|\.\d)/giu;

function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(freeNumber)].map(([number]) => Number(number));
}

function onlyBracketed(text: string): string {
  const groups = [...text.matchAll(/\[([^[\]]*)\]|\(([^()]*)\)/g)];
  return groups.length === 1 ? (groups[0]?.[1] ?? groups[0]?.[2] ?? '') : '';
}

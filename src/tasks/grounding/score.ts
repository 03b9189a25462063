// Boxes and their overlap. Reference: coin.md 2.6 and 2.10 (eval_grounding.py at 4122465).
import { present } from '../../errors.ts';
import { greatestLikePython, leastLikePython, parseFloatLikePython } from '../python.ts';
import { rightIf, type Scorer, unparseable } from '../scoring.ts';

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

export const groundingScorer: Scorer = {
  reference: {
    judge: ({ truth }, text) => {
      const box = referenceBox(text);
      if (box === undefined) return unparseable;
      const gold = present(truth.box, 'the box of a Grounding sample');
      // Pixels instead of fractions change the overlap by rounding only, which decides at exactly one half.
      const side = Math.max(...present(truth.imageSize, 'the image size of a Grounding sample'));
      return rightIf(intersectionOverUnion(scaled(box, side), scaled(gold, side)) > 0.5);
    },
  },
  strict: ({ truth }, text) => {
    const box = strictBox(text);
    if (box === undefined) return unparseable;
    const [x1, y1, x2, y2] = box;
    const gold = present(truth.box, 'the box of a Grounding sample');
    const overlap = x1 < x2 && y1 < y2 ? intersectionOverUnion(box, gold) : 0;
    return rightIf(overlap >= 0.5 - roundingTolerance);
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

function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(/[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/gi)].map(([number]) => Number(number));
}

function onlyBracketed(text: string): string {
  const groups = [...text.matchAll(/\[([^[\]]*)\]|\(([^()]*)\)/g)];
  return groups.length === 1 ? (groups[0]?.[1] ?? groups[0]?.[2] ?? '') : '';
}

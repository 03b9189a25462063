// Grounding (RefCOCO, RefCOCO+ and RefCOCOg merged): the box of a described region.
// Boxes are x1, y1, x2, y2 as fractions of the image padded to a square.
import { z } from 'zod';
import { checkRow, rowError } from '../../formats/records/json.ts';
import { defineTask } from '../define.ts';
import type { TestRow } from '../layout/instructions.ts';
import { parseFloatLikePython } from '../python.ts';
import type { TruthDetails } from '../task.ts';
import { type Box, boxStyle, groundingScorer } from './score.ts';

const groundingRow = z.object({
  answer_bbox: z.string(),
  origin_answer_bbox: z.string().optional(),
  size: z.tuple([z.number().positive(), z.number().positive()]),
});

function groundingTruth(row: TestRow): TruthDetails {
  const { answer_bbox, origin_answer_bbox, size } = checkRow(groundingRow, row.value, row.place);
  const box = boxIn(answer_bbox, 'answer_bbox', row);
  if (origin_answer_bbox === undefined) return { box, imageSize: size };
  return { box, unpaddedBox: boxIn(origin_answer_bbox, 'origin_answer_bbox', row), imageSize: size };
}

function boxIn(text: string, field: string, { place }: TestRow): Box {
  const [x1, y1, x2, y2, ...rest] = text.replace(/[[\]]/g, '').split(',').map(finiteNumber);
  if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined || rest.length > 0) {
    throw rowError(place, field, `expected "[x1, y1, x2, y2]", found "${text}"`);
  }
  return [x1, y1, x2, y2];
}

function finiteNumber(text: string): number | undefined {
  const number = parseFloatLikePython(text);
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

export const grounding = defineTask({
  name: 'Grounding',
  summary: 'the box of a described region',
  maxNewTokens: 1024,
  referenceAspect: 'crop',
  answerField: 'answer_bbox',
  scorer: groundingScorer,
  style: boxStyle,
  rowTruth: groundingTruth,
});

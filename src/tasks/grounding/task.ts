// Grounding (RefCOCO, RefCOCO+ and RefCOCOg merged): the box of a described region.
// Boxes are x1, y1, x2, y2 as fractions of the image padded to a square.
import { z } from 'zod';
import { checkRow, rowError } from '../../formats/json.ts';
import { defineTask } from '../define.ts';
import type { TestRow } from '../instructions.ts';
import { parseFloatLikePython } from '../python.ts';
import type { TruthDetails } from '../task.ts';
import { groundingScorer } from './score.ts';

const groundingRow = z.object({
  answer_bbox: z.string(),
  size: z.tuple([z.number().positive(), z.number().positive()]),
});

function groundingTruth(row: TestRow): TruthDetails {
  const { answer_bbox, size } = checkRow(groundingRow, row.value, row.place);
  const [x1, y1, x2, y2, ...rest] = answer_bbox.replace(/[[\]]/g, '').split(',').map(parseFloatLikePython);
  const usable = [x1, y1, x2, y2].every((edge) => edge !== undefined && Number.isFinite(edge));
  if (
    !usable ||
    x1 === undefined ||
    y1 === undefined ||
    x2 === undefined ||
    y2 === undefined ||
    rest.length > 0
  ) {
    throw rowError(row.place, 'answer_bbox', `expected "[x1, y1, x2, y2]", found "${answer_bbox}"`);
  }
  return { box: [x1, y1, x2, y2], imageSize: size };
}

export const grounding = defineTask({
  name: 'Grounding',
  summary: 'the box of a described region',
  maxNewTokens: 1024,
  answerField: 'answer_bbox',
  scorer: groundingScorer,
  truth: () => groundingTruth,
});

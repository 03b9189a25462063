// Where two files of predictions differ: which sample first, and how many. By id, so that a file in another order says so.
import { readPredictions } from '../../tasks/predictions.ts';

export interface PredictionDifference {
  /** Samples that differ or that one file lacks, of those in either. */
  readonly samples: number;
  readonly of: number;
  /** The first in the order of the first file. */
  readonly first: {
    readonly id: string;
    /** `order` where both hold the same lines, but not in the same order. */
    readonly field: 'text' | 'prompt' | 'order' | 'only in the first' | 'only in the second';
    readonly values?: readonly [string, string];
  };
}

/**
 * Undefined where both hold the same predictions in the same order.
 * @throws DataError naming the row when a line is no prediction.
 */
export function diffPredictions(first: string, second: string): PredictionDifference | undefined {
  const [one, other] = [readPredictions(first), readPredictions(second)];
  const others = new Map(other.map((prediction) => [prediction.question_id, prediction]));
  const known = new Set(one.map(({ question_id }) => question_id));
  const found = [
    ...one.flatMap(({ question_id: id, text, prompt }): PredictionDifference['first'][] => {
      const same = others.get(id);
      if (same === undefined) return [{ id, field: 'only in the first' }];
      if (same.text !== text) return [{ id, field: 'text', values: [text, same.text] }];
      return same.prompt === prompt ? [] : [{ id, field: 'prompt', values: [prompt, same.prompt] }];
    }),
    ...other.flatMap(({ question_id: id }): PredictionDifference['first'][] =>
      known.has(id) ? [] : [{ id, field: 'only in the second' }],
    ),
  ];
  const of = new Set([...known, ...others.keys()]).size;
  const [earliest] = found;
  if (earliest !== undefined) return { samples: found.length, of, first: earliest };
  const moved = one.findIndex(({ question_id }, row) => other[row]?.question_id !== question_id);
  const at = one[moved]?.question_id ?? other[one.length]?.question_id;
  return at === undefined ? undefined : { samples: 0, of, first: { id: at, field: 'order' } };
}

// The published results that come with this package.
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/nearest.ts';
import { packageFolder } from '../../base/package.ts';
import { readJson } from '../../formats/records/json.ts';
import type { AccuracyMatrix } from '../../metrics/matrix.ts';
import {
  type PublishedResults,
  type PublishedRow,
  parsePublished,
  publishedMatrix,
} from '../../metrics/published.ts';

/** Somebody else's results on the same tasks or some of them. */
export interface BesideRow {
  readonly label: string;
  /** Accuracy under reference scoring, or a judge's scores; percent. */
  readonly kind: 'truth-alignment' | 'judge';
  /** Tasks in training order; cells may be missing. */
  readonly matrix: AccuracyMatrix;
  readonly zeroShot: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

export function readPublished(): PublishedResults {
  const file = join(packageFolder, 'assets', 'published', 'matrices.json');
  return parsePublished(readJson(file), file);
}

/** @throws UserError naming the nearest rows. */
export function publishedRow(name: string): PublishedRow {
  const { rows } = readPublished();
  const row = rows.find(({ id }) => id === name);
  if (row !== undefined) return row;
  throw new UserError({
    message: `no published row is called "${name}"`,
    hint:
      didYouMean(
        name,
        rows.map(({ id }) => id),
      ) ?? '`coin metrics --published` lists them',
  });
}

/** What a report shows a run beside. Zero-shot scores that are in none of the files are part of it. */
export function besideRow(row: PublishedRow): BesideRow {
  const { kind, notes, zeroShot, zeroShotElsewhere } = row;
  return {
    label: labelOf(row),
    kind,
    matrix: publishedMatrix(row),
    zeroShot: Object.fromEntries([
      ...Object.entries(zeroShot).filter((entry): entry is [string, number] => entry[1] !== null),
      ...Object.entries(zeroShotElsewhere).map(([task, { value }]) => [task, value] as const),
    ]),
    notes: notes === undefined ? [] : [notes],
  };
}

export function labelOf({ model, method, variant, judge }: PublishedRow): string {
  const setting = [variant, judge === undefined ? '' : `judged by ${judge}`].filter((part) => part !== '');
  return [`published ${method} on ${model}`, ...setting].join(', ');
}

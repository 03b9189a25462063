// Rows that a run passes over: unusable ones that were found before its first step. The list is made once
// (`runs/usable-data.ts`), kept in the run's folder, and handed to every reader of the data, so that all of them see the same
// samples whatever happens to the files meanwhile. Not a way to choose samples: that is the configuration's.
export const dataParts = ['train', 'test'] as const;
export type DataPart = (typeof dataParts)[number];

export interface SkippedRow {
  readonly task: string;
  readonly part: DataPart;
  /** Counted from 1 in the file of instructions. */
  readonly row: number;
  /** The sample's id; made of the row's number where it has none of its own. */
  readonly id: string;
  /** What is wrong with it, in words. */
  readonly reason: string;
}

export function isUsable({ unusable }: { readonly unusable?: string }): boolean {
  return unusable === undefined;
}

/** The rows of one file of instructions that are passed over, by their number. */
export function skippedRows(
  { skipped = [] }: { readonly skipped?: readonly SkippedRow[] },
  task: string,
  part: DataPart,
): ReadonlyMap<number, SkippedRow> {
  const own = skipped.filter((row) => row.task === task && row.part === part);
  return new Map(own.map((row) => [row.row, row]));
}

// skipped.json: the rows that a run passes over, as found before its first step and, where more became unusable later,
// before the step after which they were found. How they are found is `usable-data.ts`.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { sha256OfFile, writeJsonAtomic } from '../formats/files/files.ts';
import { readRows } from '../formats/records/json.ts';
import { dataParts, type SkippedRow } from '../tasks/skipped.ts';
import { appendRecord } from './journal.ts';
import { runFiles } from './run-folder.ts';

const rowSchema = z.object({
  task: z.string(),
  part: z.enum(dataParts),
  row: z.int().min(1),
  id: z.string(),
  reason: z.string(),
});

/** None where the run passes over nothing. Throws DataError naming the row when the file is damaged. */
export function readSkipped(folder: string): readonly SkippedRow[] {
  const file = runFiles.skipped(folder);
  return existsSync(file) ? readRows(file, rowSchema) : [];
}

/** Keeps the rows that are passed over, and says in the journal how many there are and what they hash to. */
export function writeSkipped(folder: string, rows: readonly SkippedRow[]): void {
  const file = runFiles.skipped(folder);
  writeJsonAtomic(file, rows);
  appendRecord(runFiles.journal(folder), {
    kind: 'skip',
    key: 'data/skipped',
    at: new Date().toISOString(),
    from: '',
    files: { 'skipped.json': sha256OfFile(file) },
    measured: countSkipped(rows),
  });
}

/** Rows by part and task, e.g. `train OCRVQA`. */
export function countSkipped(rows: readonly SkippedRow[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { task, part } of rows) counts[`${part} ${task}`] = (counts[`${part} ${task}`] ?? 0) + 1;
  return counts;
}

/** How many rows are passed over, and the first of them with the reason; undefined for none. */
export function describeSkipped(rows: readonly SkippedRow[]): string | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const counts = Object.entries(countSkipped(rows)).map(([name, count]) => `${count} of ${name}`);
  return `${counts.join(', ')}; the first: ${describeRow(first)}`;
}

export function describeRow({ task, part, row, id, reason }: SkippedRow): string {
  return `${task} ${part}, row ${row}${id === `row ${row}` ? '' : ` (${id})`}: ${reason}`;
}

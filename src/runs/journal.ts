// The journal of a run: append-only JSONL, a line per completed step, on the disk before the next step begins.
// It records what was done and the hashes of the files made; it does not decide what still holds.
import { existsSync, truncateSync } from 'node:fs';
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { appendLineSynced } from '../formats/files/files.ts';
import { checkRow, parseJson, readText } from '../formats/records/json.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256');

const recordSchema = z.object({
  kind: z.enum(['train', 'evaluate', 'gate', 'judge', 'skip', 'void']),
  key: z.string().min(1),
  /** When it was completed, ISO 8601. */
  at: z.string(),
  /** Hash of what the step was made from: of the adapter before it (empty for none), or of the judged predictions. */
  from: z.string(),
  /** SHA-256 by path below the run's folder. */
  files: z.record(z.string(), sha256),
  /** What the engine measured. */
  measured: z.record(z.string(), z.number()),
  /** The run of the same study that computed it, when this one did not. */
  sharedFrom: z.string().optional(),
});

export type JournalRecord = Readonly<z.output<typeof recordSchema>>;

/**
 * The records of a journal; none when there is no file. A last line that a killed process left unfinished is passed over.
 * @throws DataError naming the row when any other line is not a record.
 */
export function readJournal(file: string): readonly JournalRecord[] {
  return parseJournal(file).records;
}

/** As `readJournal`, and removes an unfinished last line so that records can be appended. */
export function openJournal(file: string): readonly JournalRecord[] {
  const { records, wholeBytes, bytes } = parseJournal(file);
  if (wholeBytes < bytes) truncateSync(file, wholeBytes);
  return records;
}

/** Appends a record; returns when it is on the disk. */
export function appendRecord(file: string, record: JournalRecord): void {
  appendLineSynced(file, JSON.stringify(record));
}

/** The last record of each key that was not taken back. */
export function recordsByKey(records: readonly JournalRecord[]): ReadonlyMap<string, JournalRecord> {
  const last = new Map(records.map((record) => [record.key, record]));
  return new Map([...last].filter(([, { kind }]) => kind !== 'void'));
}

function parseJournal(file: string) {
  if (!existsSync(file)) return { records: [], wholeBytes: 0, bytes: 0 };
  const text = readTail(file);
  const lines = text.whole.split('\n').slice(0, -1);
  const records = lines.map((line, index) => {
    const row = index + 1;
    try {
      return checkRow(recordSchema, parseJson(line, file), { file, row });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw new DataError({
        ...error.issues[0],
        message: `${error.issues[0]?.message ?? 'not a record'}; the journal was changed by something else`,
        file,
        line: row,
        column: undefined,
        hint: 'restore it from a copy, or delete this line and those after it: their steps are done again',
      });
    }
  });
  return { records, ...text };
}

/** The text up to the last line's end. What follows is a write that was cut short. */
function readTail(file: string) {
  const text = readText(file);
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return { whole, wholeBytes: Buffer.byteLength(whole), bytes: Buffer.byteLength(text) };
}

// Tells JSON lines from JSON where one array is expected: read as JSON, their first line would pass for the whole file, and
// the mistake be sought in its members. Reads the start of a file only.
import { DataError } from '../../base/errors.ts';
import { readChunks } from '../files/file-bytes.ts';
import { isObject } from './json.ts';

/** Enough for the first row and the beginning of the second. */
const START_BYTES = 1 << 20;

/** @throws DataError for a file whose first line is an object of its own, and whose second begins another. */
export function refuseJsonLines(file: string): void {
  const [start] = readChunks(file, START_BYTES);
  const text = new TextDecoder().decode(start).trimStart();
  const end = text.indexOf('\n');
  if (!text.startsWith('{') || end === -1 || !text.slice(end).trimStart().startsWith('{')) return;
  let first: unknown;
  try {
    first = JSON.parse(text.slice(0, end));
  } catch {
    return;
  }
  if (!isObject(first)) return;
  throw new DataError({
    file,
    line: 1,
    column: 1,
    message: 'JSON lines, an object a line: expected one JSON array of objects',
    hint: 'put them into one array, e.g. jq -s . FILE.jsonl > FILE.json',
  });
}

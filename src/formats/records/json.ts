// JSON and JSONL files as typed values: where the syntax breaks, which row has which wrong field.
// Reading only; files are written by `files.ts`. What a row means is the caller's schema.
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { DataError, UserError } from '../../base/errors.ts';
import { findJsonSyntaxError, parseJsonText, unexpectedJson } from './json-syntax.ts';

/** Where a value came from, for error messages. `row` counts from 1: an array's element or a JSONL file's line. */
export interface RowPlace {
  readonly file: string;
  readonly row: number;
  /** The line in the file where it begins, where that is known and not the row itself. */
  readonly line?: number;
}

export interface JsonRow {
  readonly row: number;
  readonly value: unknown;
}

export interface ReadOptions {
  /** Shown when the file does not exist: where it comes from or how to make it. */
  readonly hint?: string;
}

/**
 * The text of a UTF-8 file, without a byte-order mark.
 * @throws UserError when it cannot be opened, DataError when it is not UTF-8 text.
 */
export function readText(file: string, { hint }: ReadOptions = {}): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UserError({ message: 'no such file', file, hint });
    }
    if (code === 'EISDIR') throw new UserError({ message: 'expected a file, found a folder', file, hint });
    throw new UserError({ message: `cannot be read (${code ?? String(error)})`, file, hint });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const tooLong = (error as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG';
    throw new DataError({
      message: tooLong
        ? `${bytes.length} bytes are more than one string can hold; split the file`
        : 'not UTF-8 text',
      file,
    });
  }
}

/**
 * The value in a JSON file.
 * @throws DataError with line and column where the syntax breaks, and for an empty or truncated file.
 */
export function readJson(file: string, options: ReadOptions = {}): unknown {
  return parseJson(readText(file, options), file);
}

/** As `readJson`, of text already read from `file`. */
export function parseJson(text: string, file: string): unknown {
  const content = withoutByteOrderMark(text);
  try {
    return parseJsonText(content);
  } catch {
    throw jsonSyntaxError(content, file);
  }
}

/** The elements of a JSON file that holds one array. */
export function readJsonArray(file: string, options: ReadOptions = {}): readonly unknown[] {
  const value = readJson(file, options);
  if (!Array.isArray(value)) {
    throw new DataError({ message: `expected one JSON array, found ${describe(value)}`, file });
  }
  return value;
}

/** The members of a JSON file that holds one object. */
export function readJsonObject(file: string, options: ReadOptions = {}): Readonly<Record<string, unknown>> {
  const value = readJson(file, options);
  if (!isObject(value)) {
    throw new DataError({ message: `expected one JSON object, found ${describe(value)}`, file });
  }
  return value;
}

/**
 * The values of a JSONL file, one per line; blank lines are passed over but still counted.
 * @throws DataError with line and column; a last line without an end is reported as truncated.
 */
export function readJsonLines(file: string, options: ReadOptions = {}): readonly JsonRow[] {
  return parseJsonLines(readText(file, options), file);
}

/** As `readJsonLines`, of text already read from `file`. */
export function parseJsonLines(text: string, file: string): readonly JsonRow[] {
  const rows: JsonRow[] = [];
  const lines = withoutByteOrderMark(text).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    try {
      rows.push({ row: index + 1, value: parseJsonText(line) });
    } catch {
      throw jsonSyntaxError(line, file, { line: index + 1 });
    }
  }
  return rows;
}

/** Every element of an array file, checked against a schema. */
export function readRows<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  options: ReadOptions = {},
): readonly z.output<Schema>[] {
  return readJsonArray(file, options).map((value, index) =>
    checkRow(schema, value, { file, row: index + 1 }),
  );
}

/**
 * The value as its schema has it.
 * @throws DataError naming file, row and field, with what was expected and what was found.
 */
export function checkRow<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  place: RowPlace,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path ?? [];
  const found = describe(valueAt(value, path));
  const expected = issue?.code === 'invalid_type' ? `expected ${issue.expected}` : (issue?.message ?? '');
  throw rowError(place, formatPath(path), `${expected}, found ${found}`);
}

/** A DataError about one field of one row. */
export function rowError(place: RowPlace, field: string | undefined, message: string, hint?: string) {
  const line = place.line === undefined || place.line === 1 ? '' : `, line ${place.line}`;
  return new DataError({
    message: `${message} (row ${place.row}${line})`,
    file: place.file,
    line: place.row,
    field: field === '' ? undefined : field,
    hint,
  });
}

/** A value in a few words: its type, and the value itself where it is short. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value !== 'string') return `${typeof value} ${String(value)}`;
  if (value === '') return 'an empty string';
  return `"${value.length > 60 ? `${value.slice(0, 57)}...` : value}"`;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where the text of a file begins that is not JSON, and what should have stood there. */
export interface SyntaxPlace {
  readonly line?: number;
  readonly column?: number;
  /** Set when the text breaks at its first character, where this was expected. */
  readonly expected?: string;
}

/** Text that `JSON.parse` has refused as a DataError; `text` is the file or the piece of it at `place`. */
export function jsonSyntaxError(text: string, file: string, place: SyntaxPlace = {}): DataError {
  const { line = 1, column = 1, expected } = place;
  const found =
    expected === undefined
      ? findJsonSyntaxError(text)
      : { message: unexpectedJson(text, 0, expected), line: 1, column: 1, atEnd: false };
  const hint = text.startsWith('version https://git-lfs')
    ? 'this is a Git LFS pointer, not the file: run `git lfs pull` where it came from'
    : /^\s*<(?:!doctype|html)/i.test(text)
      ? 'this is a web page: the download saved an error or login page instead of the file'
      : found?.atEnd
        ? 'the file ends too early: fetch or write it again'
        : undefined;
  return new DataError({
    message: found?.message ?? 'not valid JSON',
    file,
    line: line + (found?.line ?? 1) - 1,
    column: found?.line === 1 ? column + found.column - 1 : found?.column,
    hint,
  });
}

function withoutByteOrderMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

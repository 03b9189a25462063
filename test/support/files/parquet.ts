// Writes Parquet files as Hugging Face's datasets have them: text, whole numbers, lists, and images as bytes.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteFile } from 'hyparquet-writer';

const optional = { repetition_type: 'OPTIONAL' } as const;
const text = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  ...optional,
});
const list = (name: string, element: readonly SchemaElement[]): SchemaElement[] => [
  { name, converted_type: 'LIST', num_children: 1, ...optional },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  ...element,
];

const columns = {
  text: (name: string) => [text(name)],
  integer: (name: string): SchemaElement[] => [{ name, type: 'INT64', ...optional }],
  boolean: (name: string): SchemaElement[] => [{ name, type: 'BOOLEAN', ...optional }],
  texts: (name: string) => list(name, [text('element')]),
  answers: (name: string) => list(name, [{ name: 'element', num_children: 1, ...optional }, text('answer')]),
  image: (name: string): SchemaElement[] => [
    { name, num_children: 2, ...optional },
    { name: 'bytes', type: 'BYTE_ARRAY', ...optional },
    text('path'),
  ],
} as const;

export type ColumnKind = keyof typeof columns;

/** Rows of the columns that `kinds` names; whole numbers are given as numbers, images as their bytes or null. */
export function writeParquet(
  filename: string,
  kinds: Readonly<Record<string, ColumnKind>>,
  rows: readonly Readonly<Record<string, unknown>>[],
): void {
  const names = Object.keys(kinds);
  const value = (kind: ColumnKind, cell: unknown) => {
    if (kind === 'integer') return BigInt(cell as number);
    if (kind === 'image') return cell === null ? null : { bytes: cell, path: null };
    return cell;
  };
  mkdirSync(dirname(filename), { recursive: true });
  parquetWriteFile({
    filename,
    columnData: names.map((name) => ({
      name,
      data: rows.map((row) => value(kinds[name] as ColumnKind, row[name])),
    })),
    schema: [
      { name: 'schema', num_children: names.length },
      ...names.flatMap((name) => columns[kinds[name] as ColumnKind](name)),
    ],
    // Several row groups, as large files have.
    rowGroupSize: 2,
  });
}

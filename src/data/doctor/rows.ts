// Goes over an instruction file row by row without stopping at the first mistake: what the reader would refuse, ids,
// answers. Uses the reader's own checks, so that what passes here is read there.
import { relative } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { isObject, type RowPlace } from '../../formats/records/json.ts';
import type { CoinTask } from '../../tasks/index.ts';
import { ImageFinder } from '../../tasks/layout/instruction-files.ts';
import { checkTestRow, checkTrainRow, streamRows } from '../../tasks/layout/instructions.ts';
import type { TaskSource } from '../../tasks/task.ts';
import { StyleCounts } from './answers.ts';
import { expectations } from './expectations.ts';
import type { Finding, FindingCode, PartReport, Severity } from './findings.ts';

export type Part = 'train' | 'test';

/** An image that a file names, and the first row that does. */
export interface NamedImage {
  /** Absolute. */
  readonly path: string;
  readonly row: number;
  /** What the row says about its width and height (Grounding). */
  readonly size?: readonly [number, number];
}

export interface FileCheck {
  readonly report: PartReport;
  readonly images: ReadonlyMap<string, NamedImage>;
  readonly findings: readonly Finding[];
  /** The rows, counted from 1, that cannot be used or have another's id. */
  readonly faulty: ReadonlySet<number>;
}

/** Counts what is wrong in the same way and keeps the first case. */
export class Tally {
  readonly #first = new Map<string, { readonly example: string; count: number }>();

  add(kind: string, example: string): void {
    const known = this.#first.get(kind);
    if (known === undefined) this.#first.set(kind, { example, count: 1 });
    else known.count++;
  }

  map<T>(make: (kind: string, count: number, example: string) => T): T[] {
    return [...this.#first].map(([kind, { count, example }]) => make(kind, count, example));
  }
}

interface CheckedRow {
  readonly id: string;
  readonly image?: string | undefined;
  readonly answers: readonly string[];
}

/** Checks one file. A file that is no JSON array of rows gives one finding more, and what came before. */
export function checkFile(task: CoinTask, part: Part, file: string, source: TaskSource): FileCheck {
  const { answerField, imageRequired, isAnswer, answer: answerForm } = expectations[task];
  const finder = new ImageFinder(source);
  const images = new Map<string, NamedImage>();
  const [unusable, repeated, malformed] = [new Tally(), new Tally(), new Tally()];
  const styles = new StyleCounts();
  const rowOfId = new Map<string, number>();
  const faulty = new Set<number>();
  const name = relative(source.root, file).replaceAll('\\', '/');
  let [entries, questions] = [0, 0];
  const findings: Finding[] = [];
  const find = (severity: Severity, code: FindingCode, message: string, hint?: string) =>
    findings.push({ severity, task, code, message, hint });

  const checkOne = (value: unknown, place: RowPlace): void => {
    const { id, image, answers } = rowOf(part, value, place, answerField);
    const earlier = rowOfId.get(id);
    if (earlier === undefined) rowOfId.set(id, place.row);
    else {
      faulty.add(place.row);
      repeated.add('id', `"${id}" in rows ${earlier} and ${place.row}`);
    }
    const path = finder.find(image, place, imageRequired);
    if (path !== undefined && !images.has(path)) {
      const size = sizeIn(value);
      images.set(path, { path, row: place.row, ...(size && { size }) });
    }
    for (const answer of answers) {
      questions++;
      styles.add(answer);
      if (!isAnswer(answer)) malformed.add('answer', `row ${place.row}: "${shortened(answer)}"`);
    }
  };

  try {
    for (const { value, row, line } of streamRows(file)) {
      entries++;
      try {
        checkOne(value, { file, row, line });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        faulty.add(row);
        const { field = '', message = '' } = error.issues[0] ?? {};
        // The same mistake in another row says another value.
        unusable.add(field.replace(/\d+/g, 'n'), `${field === '' ? '' : `${field}: `}${message}`);
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message = '', line, column, hint } = error.issues[0] ?? {};
    find('error', 'file-unreadable', `${name}:${line}:${column}: ${message}`, hint);
  }
  if (entries === 0 && findings.length === 0) find('error', 'file-unreadable', `${name}: has no rows`);
  unusable.map((_, count, example) =>
    find('error', 'row-unusable', `${name}: ${rows(count)} cannot be used; the first: ${example}`),
  );
  repeated.map((_, count, example) =>
    find(
      part === 'test' ? 'error' : 'warning',
      'id-repeated',
      `${name}: ${count} ${count === 1 ? 'id is' : 'ids are'} not unique; the first: ${example}`,
      part === 'test' ? 'predictions are matched by id: give each row its own' : undefined,
    ),
  );
  malformed.map((_, count, example) =>
    find(
      'error',
      'answer-format',
      `${name}: ${count} ${count === 1 ? 'answer is' : 'answers are'} not ${answerForm}; the first in ${example}`,
    ),
  );
  const report = { file: name, entries, questions, images: images.size, answers: styles.histogram() };
  return { report, images, findings, faulty };
}

function rowOf(part: Part, value: unknown, place: RowPlace, answerField: string): CheckedRow {
  if (part === 'train') {
    const { id, image, turns } = checkTrainRow(value, place);
    return { id, image, answers: turns.map(({ answer }) => answer) };
  }
  const { id, image, answer } = checkTestRow(value, place, answerField);
  return { id, image, answers: [answer] };
}

function sizeIn(value: unknown): readonly [number, number] | undefined {
  const size = isObject(value) ? value.size : undefined;
  if (!Array.isArray(size)) return undefined;
  const [width, height]: readonly unknown[] = size;
  return typeof width === 'number' && typeof height === 'number' ? [width, height] : undefined;
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`;
}

function shortened(text: string): string {
  const line = text.replace(/\n/g, '\\n');
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}

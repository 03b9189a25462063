// Goes on after data were mended: finds what changed since the run began, says so for good, and takes back the record of
// every step that was made from it, so that it is done again. What was made from files that did not change stays; stages
// that go on from one that comes out otherwise are done again by themselves.
import { basename } from 'node:path';
import type { Catalogue } from '../config/catalogue.ts';
import { planRun, type Step } from '../config/plan.ts';
import type { RunConfig } from '../config/schema.ts';
import { remove } from '../formats/files/files.ts';
import type { DataPart, SkippedRow } from '../tasks/skipped.ts';
import { leftoversOf } from './completion.ts';
import { appendRecord, openJournal, recordsByKey } from './journal.ts';
import { runFiles } from './run-folder.ts';
import { readSkipped, writeSkipped } from './skipped-file.ts';

export interface ChangedDataOptions {
  readonly config: RunConfig;
  readonly catalogue: Catalogue;
  readonly folder: string;
  /** Files of instructions that changed, as `.../<task>/<file>`. */
  readonly files: readonly string[];
  /** The rows that are unusable now. */
  readonly unusable: readonly SkippedRow[];
}

/** Keys of the steps that are done again. */
export function acceptChangedData({
  config,
  catalogue,
  folder,
  files,
  unusable,
}: ChangedDataOptions): readonly string[] {
  const known = readSkipped(folder);
  const changed = new Set([
    ...files.map(partOfFile),
    ...differing(known, unusable),
    ...differing(unusable, known),
  ]);
  if (changed.size === 0) return [];
  if (known.length > 0 || unusable.length > 0) writeSkipped(folder, unusable);
  const records = recordsByKey(openJournal(runFiles.journal(folder)));
  const affected = planRun(config, catalogue).filter((step) =>
    partsOf(step).some((part) => changed.has(part)),
  );
  for (const step of affected) remove(...leftoversOf(folder, step));
  const again = affected.filter(({ key }) => records.has(key));
  for (const { key } of again) {
    const at = new Date().toISOString();
    appendRecord(runFiles.journal(folder), { kind: 'void', key, at, from: '', files: {}, measured: {} });
  }
  return again.map(({ key }) => key);
}

/** A file of instructions by what it is read for, e.g. `train OCRVQA`. */
type Part = `${DataPart} ${string}`;

function partOfFile(path: string): Part {
  const [task = '', name = ''] = path.split('/').slice(-2);
  return basename(name).startsWith('train') ? `train ${task}` : `test ${task}`;
}

/** What a step reads of the data by itself, without what it goes on from. */
function partsOf(step: Step): readonly Part[] {
  return step.kind === 'train' ? step.tasks.map((task): Part => `train ${task}`) : [`test ${step.task}`];
}

/** The parts of rows that others lack. */
function differing(rows: readonly SkippedRow[], others: readonly SkippedRow[]): readonly Part[] {
  const keyOf = ({ task, part, row, id }: SkippedRow) => JSON.stringify([task, part, row, id]);
  const known = new Set(others.map(keyOf));
  return rows.filter((row) => !known.has(keyOf(row))).map(({ task, part }): Part => `${part} ${task}`);
}

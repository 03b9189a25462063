// A journal of evaluations made beside a run: answers of a judge, answers to other questions. A cell is one of them. It is
// there when its record is, made from what is there now, and its file has the recorded bytes. Not the run's own journal:
// that is `completion.ts`, which also knows stages.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256OfFile } from '../formats/files/files.ts';
import { appendRecord, type JournalRecord, openJournal, readJournal, recordsByKey } from './journal.ts';

export interface Cell {
  /** Names the cell within its journal. */
  readonly key: string;
  /** Hash of what it is made from. */
  readonly from: string;
  /** Path below the journal's root. */
  readonly file: string;
}

export class CellJournal {
  readonly #root: string;
  readonly #file: string;
  readonly #records: Map<string, JournalRecord>;

  private constructor(root: string, file: string, records: readonly JournalRecord[]) {
    this.#root = root;
    this.#file = file;
    this.#records = new Map(recordsByKey(records));
  }

  /** For reading only. Files of cells lie below `root`. */
  static read(root: string, file: string): CellJournal {
    return new CellJournal(root, file, readJournal(file));
  }

  /** For whoever holds the run: a line that a killed process left unfinished is removed. */
  static open(root: string, file: string): CellJournal {
    return new CellJournal(root, file, openJournal(file));
  }

  isThere(cell: Cell): boolean {
    return this.#records.get(cell.key)?.from === cell.from && this.isWhole(cell);
  }

  /** Whether a recorded cell has the recorded bytes, whatever it was made from. */
  isWhole({ key, file }: Omit<Cell, 'from'>): boolean {
    const hash = this.#records.get(key)?.files[file];
    const path = join(this.#root, file);
    return hash !== undefined && existsSync(path) && sha256OfFile(path) === hash;
  }

  /** Records a cell whose file is in place; returns when the record is on the disk. */
  keep(
    { key, from, file }: Cell,
    kind: JournalRecord['kind'],
    measured: Readonly<Record<string, number>>,
  ): void {
    const record: JournalRecord = {
      kind,
      key,
      at: new Date().toISOString(),
      from,
      files: { [file]: sha256OfFile(join(this.#root, file)) },
      measured,
    };
    appendRecord(this.#file, record);
    this.#records.set(key, record);
  }
}

// Which steps of a run are complete: their record is in the journal, they were made from what is there now, and their
// files have the recorded hashes. Everything else is done again.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Step, TrainStep } from '../config/plan.ts';
import { listFiles, sha256, sha256OfFile } from '../formats/files/files.ts';
import { partialFiles } from '../tasks/predictions.ts';
import { appendRecord, type JournalRecord, openJournal, recordsByKey } from './journal.ts';
import { runFiles } from './run-folder.ts';

export class Completion {
  readonly #folder: string;
  readonly #records: Map<string, JournalRecord>;
  /** Files are hashed once per process. */
  readonly #intact = new Map<string, boolean>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#records = new Map(recordsByKey(openJournal(runFiles.journal(folder))));
  }

  isComplete(step: Step): boolean {
    const record = this.#records.get(step.key);
    if (record === undefined || record.from !== this.origin(step)) return false;
    let intact = this.#intact.get(step.key);
    if (intact === undefined) {
      intact = Object.entries(record.files).every(([path, hash]) => {
        const file = join(this.#folder, path);
        return existsSync(file) && sha256OfFile(file) === hash;
      });
      this.#intact.set(step.key, intact);
    }
    return intact;
  }

  /** Records a step whose outputs (files or folders below the run's folder) are in place. */
  record(step: Step, output: string, measured: Readonly<Record<string, number>>): void {
    const paths =
      step.kind === 'train'
        ? listFiles(join(this.#folder, output)).map((path) => `${output}/${path}`)
        : [output];
    if (paths.length === 0) throw new Error(`internal: ${step.key} left no file in ${output}`);
    const record: JournalRecord = {
      kind: step.kind,
      key: step.key,
      at: new Date().toISOString(),
      from: this.origin(step),
      files: Object.fromEntries(paths.map((path) => [path, sha256OfFile(join(this.#folder, path))])),
      // JSON has no NaN; a figure that is none is left out.
      measured: Object.fromEntries(Object.entries(measured).filter(([, value]) => Number.isFinite(value))),
    };
    appendRecord(runFiles.journal(this.#folder), record);
    this.#records.set(step.key, record);
    this.#intact.set(step.key, true);
  }

  /** The record of a step, if it is complete. */
  completeRecord(step: Step): JournalRecord | undefined {
    return this.isComplete(step) ? this.#records.get(step.key) : undefined;
  }

  /** Records a step whose outputs were made in another run, named by `sharedFrom`, from the same as is there now. */
  takeOver(step: Step, record: JournalRecord, sharedFrom: string): void {
    const own = { ...record, key: step.key, at: new Date().toISOString(), sharedFrom };
    appendRecord(runFiles.journal(this.#folder), own);
    this.#records.set(step.key, own);
    this.#intact.delete(step.key);
  }

  /** The hash of the adapter that a train step made; empty when there is none. */
  adapterHash(step: TrainStep | undefined): string {
    const record = step === undefined ? undefined : this.#records.get(step.key);
    return record === undefined ? '' : filesHash(record);
  }

  /** The hash of what a step is made from, as it is there now; empty for nothing. */
  origin(step: Step): string {
    return this.adapterHash(step.kind === 'train' ? step.previous : step.trained);
  }
}

/** One hash of all files of a record. */
export function filesHash({ files }: Pick<JournalRecord, 'files'>): string {
  return sha256(JSON.stringify(Object.entries(files).sort()));
}

/** What a step goes on from when it was interrupted; of no use once it is complete, or what it was made from changed. */
export function leftoversOf(folder: string, step: Step): readonly string[] {
  if (step.kind === 'train') {
    return [join(folder, step.checkpointFolder), join(folder, asideOf(step))];
  }
  const { earlierFile, partialFile } = partialFiles(join(folder, step.predictionFile));
  return [earlierFile, partialFile];
}

/** Where an adapter is written before it is whole, below the run's folder. */
export function asideOf({ adapterFolder }: TrainStep): string {
  return `${adapterFolder}.partial`;
}

// What a check of a data folder finds, as data. Shown by the command line, printed as JSON for scripts.
import type { CoinTask } from '../../tasks/index.ts';

/** `error`: a run or a scorer would stop or be wrong. `warning`: worth a look. `note`: what was left out and why. */
export type Severity = 'error' | 'warning' | 'note';

export interface Finding {
  readonly severity: Severity;
  readonly task?: CoinTask;
  /** Stable, for scripts: e.g. `image-missing`. */
  readonly code: FindingCode;
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
}

export type FindingCode =
  | 'instructions-missing'
  | 'task-missing'
  | 'file-missing'
  | 'file-unreadable'
  | 'annotation-missing'
  | 'annotation-unusable'
  | 'row-unusable'
  | 'id-repeated'
  | 'answer-format'
  | 'count'
  | 'image-missing'
  | 'image-undecodable'
  | 'image-size'
  | 'image-tiny'
  | 'leak-path'
  | 'leak-content'
  | 'leak-near'
  | 'contamination';

export type AnswerForm =
  | 'letter'
  | 'box'
  | 'yes/no'
  | 'unanswerable'
  | 'number'
  | 'single word'
  | 'phrase'
  | 'sentence';

export type Histogram = Readonly<Partial<Record<AnswerForm, number>>>;

export interface PartReport {
  /** Relative to the data folder. */
  readonly file: string;
  readonly entries: number;
  /** Questions; a training entry may have several. */
  readonly questions: number;
  readonly images: number;
  readonly answers: Histogram;
}

export interface TaskReport {
  readonly task: CoinTask;
  readonly train?: PartReport;
  readonly test?: PartReport;
  /** Images that were decoded. */
  readonly decoded: number;
}

export interface DoctorReport {
  readonly folder: string;
  readonly instructionType: string;
  readonly images: 'sample' | 'all' | 'none';
  /** Declared to be a part of CoIN's data. */
  readonly subset: boolean;
  readonly tasks: readonly TaskReport[];
  readonly findings: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
}

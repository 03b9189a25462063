// What a report shows: plain data, computed from the files of a run. The tables and the page are drawn from nothing else.
import type { AccuracyMatrix } from '../metrics/matrix.ts';
import type { ScoringMode, Verdict } from '../tasks/task.ts';

export interface RunResults {
  readonly title: string;
  /** Task names in training order. */
  readonly tasks: readonly string[];
  readonly modes: Readonly<Record<ScoringMode, ModeResults>>;
  readonly methods: readonly MethodInfo[];
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Versions, hashes of data and weights, seed, provider: shown as a two-column table. */
  readonly provenance: Readonly<Record<string, string>>;
  readonly examples: readonly ExampleResult[];
  /** A published row to show the run beside. */
  readonly beside?: BesideRow;
}

/** Somebody else's results on the same tasks or some of them. */
export interface BesideRow {
  readonly label: string;
  /** Accuracy under reference scoring, or a judge's scores; percent. */
  readonly kind: 'truth-alignment' | 'judge';
  /** Tasks in training order; cells may be missing. */
  readonly matrix: AccuracyMatrix;
  readonly zeroShot: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

export interface ModeResults {
  /** Task name to percent. */
  readonly zeroShot: Readonly<Record<string, number>>;
  readonly methods: Readonly<Record<string, MethodResults>>;
}

export interface MethodResults {
  readonly matrix: AccuracyMatrix;
  readonly maa: number;
  readonly bwt: number;
  /** ACC: mean of the final row. */
  readonly finalAverage: number;
  /** Missing and unparseable predictions per row and task, counted apart from wrong ones. */
  readonly unreadable: readonly {
    readonly after: string;
    readonly task: string;
    readonly missing: number;
    readonly unparseable: number;
  }[];
}

export interface MethodInfo {
  readonly name: string;
  readonly label: string;
  readonly trainableParameters: number;
  /** Wall-clock seconds of training and evaluation as measured. */
  readonly trainingSeconds: number;
  readonly evaluationSeconds: number;
}

/** One test sample with its answers over the stages of one method; verdicts are those of strict scoring. */
export interface ExampleResult {
  readonly task: string;
  readonly id: string;
  readonly method: string;
  readonly question: string;
  readonly truth: string;
  /** `data:` URL, absent for text-only samples. */
  readonly image?: string;
  readonly answers: readonly { readonly after: string; readonly text: string; readonly verdict: Verdict }[];
}

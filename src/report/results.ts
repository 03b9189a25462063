// What a report shows: plain data, computed from the files of a run. The tables and the page are drawn from nothing else.
import type { ErrorLabel, OtherStyle } from '../evaluation/attribution.ts';
import type { Interval } from '../metrics/bootstrap.ts';
import type { Fate, Transitions } from '../metrics/lifelines.ts';
import type { AccuracyMatrix } from '../metrics/matrix.ts';
import type { TaskUse } from '../metrics/routing.ts';
import type { ForwardTransfer } from '../metrics/transfer.ts';
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
  /** Who judged the answers, each with a matrix of general knowledge; absent before any judging. */
  readonly judges?: readonly JudgeResults[];
  readonly errors?: ErrorResults;
  /** Per method and learned task. */
  readonly lifeLines?: readonly LifeLineResults[];
  /** Forgotten samples asked again; absent where none was. */
  readonly reask?: ReaskResults;
  /** Where mixtures and methods with an expert per task send what they read; absent where no method does. */
  readonly routing?: RoutingResults;
  /** Models that were never trained; absent where none was asked for. */
  readonly whatIf?: WhatIfResults;
  /** What the drawing of test images leaves open; absent where a task has a single image. */
  readonly intervals?: Readonly<Record<ScoringMode, IntervalResults>>;
  /** A published row to show the run beside. */
  readonly beside?: BesideRow;
}

export interface IntervalResults {
  /** Draws of the test images. */
  readonly resamples: number;
  /** Tasks with so few images that intervals are too narrow. */
  readonly few: readonly string[];
  /** 95 % intervals by method, over its own whole stages. */
  readonly methods: Readonly<Record<string, MethodIntervals>>;
  /** Absent with a single method. */
  readonly comparison?: {
    /** As many as all the methods have. */
    readonly stages: number;
    /** Corrected over the pairs, each figure by itself. */
    readonly pairs: readonly PairDifferences[];
  };
}

export interface MethodIntervals {
  readonly acc: Interval;
  readonly maa: Interval;
  readonly bwt: Interval;
  /** Of the seen tasks. */
  readonly cells: readonly (Interval & { readonly after: string; readonly task: string })[];
}

export interface PairDifferences {
  readonly first: string;
  readonly second: string;
  /** The first method's figure minus the second's, in points. */
  readonly acc: PairDifference;
  readonly maa: PairDifference;
  readonly bwt: PairDifference;
}

export interface PairDifference extends Interval {
  readonly value: number;
  readonly distinguishable: boolean;
}

export interface RoutingResults {
  readonly mixtures: readonly MixtureResults[];
  /** Stages of mixtures whose gates nobody has read, or not since they were trained. */
  readonly unread: readonly { readonly method: string; readonly after: string; readonly stale: boolean }[];
  readonly choices: readonly ChoiceCell[];
}

/** How a mixture's experts are used, read off some test questions of each task with their right answers. */
export interface MixtureResults {
  readonly method: string;
  readonly experts: number;
  /** Paths of the adapted layers, in the order of every use. */
  readonly layers: readonly string[];
  /** Questions of a task, at most. */
  readonly samples: number;
  /** In training order. */
  readonly stages: readonly {
    readonly after: string;
    readonly tasks: readonly { readonly task: string; readonly samples: number; readonly use: TaskUse }[];
  }[];
}

/** Where a method that chooses a task's expert for every question sent those of one task. */
export interface ChoiceCell {
  readonly method: string;
  readonly after: string;
  readonly task: string;
  readonly routed: number;
  readonly right: number;
  /** Questions by the task whose expert they went to; empty in runs that did not record it. */
  readonly to: Readonly<Record<string, number>>;
}

export interface WhatIfResults {
  readonly rows: readonly WhatIfRow[];
}

/** A weighted sum of a method's stages, and its scores on the tasks that the method has trained on. */
export interface WhatIfRow {
  readonly method: string;
  readonly label: string;
  /** Stages counted from 1, 0 for the base model. */
  readonly parts: readonly { readonly stage: number; readonly weight: number }[];
  /** Whether it is the last stage, as it was trained. */
  readonly isTrained: boolean;
  readonly modes: Readonly<
    Record<
      ScoringMode,
      {
        /** Percent by task. */
        readonly scores: Readonly<Record<string, number>>;
        /** Their mean: ACC of a stream that ends with this model. */
        readonly average: number;
      }
    >
  >;
}

export interface ReaskResults {
  readonly cells: readonly {
    readonly method: string;
    readonly after: string;
    readonly task: string;
    /** Samples that were right just after their task was learned and wrong after `after`. */
    readonly asked: number;
    /** Right again, in strict scoring, when the format is asked for once more. */
    readonly back: number;
  }[];
}

/** General knowledge as one judge sees it. A cell's unread judgements are its `unparseable`. */
export interface JudgeResults {
  readonly id: string;
  readonly label: string;
  /** No judge but a comparison of words: what is shown must say so. */
  readonly standIn: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly modes: Readonly<Record<ScoringMode, ModeResults>>;
  /** Answers judged, those of them whose judgement strict parsing cannot read, and those at which the reference stops. */
  readonly answers: number;
  readonly unparsed: number;
  readonly crashes: number;
  /** Evaluations of the run that this judge has not judged yet. */
  readonly open: number;
}

/** What kind the wrong answers are, in strict scoring. */
export interface ErrorResults {
  /** Whose scores decide what is right by the judge; absent where nobody judged. */
  readonly judge?: Pick<JudgeResults, 'id' | 'label' | 'standIn'>;
  readonly cells: readonly ErrorCell[];
}

export interface ErrorCell {
  /** Both undefined for the zero-shot row. */
  readonly method?: string;
  readonly after?: string;
  readonly task: string;
  readonly samples: number;
  /** Wrong answers. */
  readonly wrong: ErrorCounts;
  /** Of those, the samples that were right just after their task was learned. */
  readonly forgotten: ErrorCounts;
  /** Right now and wrong just after their task was learned. */
  readonly gained: number;
}

export interface ErrorCounts {
  readonly labels: Readonly<Record<ErrorLabel, number>>;
  /** Of `otherStyle`, which. */
  readonly styles: Readonly<Partial<Record<OtherStyle, number>>>;
}

/** What became of the samples of one task under one method. */
export interface LifeLineResults {
  readonly method: string;
  readonly task: string;
  readonly samples: number;
  /** From the task's own stage on. */
  readonly transitions: readonly Transitions[];
  /** At the last finished stage. */
  readonly fates: Readonly<Record<Fate, number>>;
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
  /** Where tasks were evaluated before they were learned. */
  readonly transfer?: ForwardTransfer;
  /** Missing and unparseable predictions per row and task, counted apart from wrong ones. */
  readonly unreadable: readonly {
    readonly after: string;
    readonly task: string;
    readonly missing: number;
    readonly unparseable: number;
  }[];
}

/** What a method took, by the journal; a figure that was not recorded is not there. */
export interface CostFigures {
  /** Its trainable parameters to the budget that the run was matched to. */
  readonly ofBudget?: number;
  /** Bytes that it keeps between tasks. */
  readonly memoryBytes?: number;
  /** Numbers beside the base model that an answer takes, passes of the model, and tokens put into the question. */
  readonly inferenceParameters?: number;
  readonly inferencePasses?: number;
  readonly addedTokens?: number;
}

export interface MethodInfo extends CostFigures {
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
  readonly answers: readonly ExampleAnswer[];
  readonly fate?: Fate;
}

export interface ExampleAnswer {
  readonly after: string;
  readonly text: string;
  readonly verdict: Verdict;
  /** Of a wrong answer. */
  readonly error?: ErrorLabel;
  /** Of `otherStyle`, which. */
  readonly style?: OtherStyle;
  /** 0 to 10, by the judge of the run's errors. */
  readonly judgeScore?: number;
}

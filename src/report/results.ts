// The results of a run as they are shown: what the tables and the page are drawn from. They are computed in `compute.ts`;
// each part's type lives with what makes it.

import type { JudgeResults } from '../followups/judging/judge-results.ts';
import type { RoutingResults } from '../followups/observatory-file.ts';
import type { ReaskResults } from '../followups/reask.ts';
import type { WhatIfResults } from '../followups/what-if.ts';
import type { ErrorResults, LifeLineResults } from '../results/answers.ts';
import type { Costs } from '../results/costs.ts';
import type { ExampleResult } from '../results/examples.ts';
import type { IntervalResults } from '../results/intervals.ts';
import type { ModeResults } from '../results/matrices.ts';
import type { BesideRow } from '../streams/coin/published.ts';
import type { ScoringMode } from '../tasks/task.ts';

/** A method of the run with what it took. */
export interface MethodInfo extends Costs {
  readonly name: string;
  readonly label: string;
}

export interface RunResults {
  /** The configuration's name. */
  readonly title: string;
  /** The last part of the run's folder, which tells runs of one configuration apart. */
  readonly folder: string;
  /** Task names in training order. */
  readonly tasks: readonly string[];
  readonly modes: Readonly<Record<ScoringMode, ModeResults>>;
  readonly methods: readonly MethodInfo[];
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Dotted keys of the settings that are not the defaults of the model and the stream. */
  readonly changed: readonly string[];
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

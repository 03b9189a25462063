// What a method took in a run, out of the journal: a row per figure says what it is called, in which unit, how it is read
// and how seeds are folded. Every table of costs is drawn from these rows, so that a new column is a row here.
import { present } from '../base/errors.ts';
import { methodOf, type Step } from '../config/plan.ts';
import type { MethodName } from '../config/schema.ts';
import { evaluateFigure, type Recorded, type TrainFigures, trainFigure } from '../engine/measurements.ts';
import { mean } from '../metrics/statistics.ts';
import type { OpenedRun } from '../runs/open.ts';

/** What the number of a figure counts; how each is written is `report/words/costs.ts`. */
export type CostUnit = 'numbers' | 'bytes' | 'seconds' | 'share';

/** A method's records in the order of the plan. */
export interface MethodRecords {
  readonly trainings: readonly Recorded[];
  readonly evaluations: readonly Recorded[];
  /** Whether the method trains at all. */
  readonly trains: boolean;
  /** Numbers that its sizes were matched to; absent where none were. */
  readonly budget?: number;
}

export interface CostFigure {
  readonly heading: string;
  readonly unit: CostUnit;
  /** Undefined where it was not recorded. */
  readonly read: (records: MethodRecords) => number | undefined;
  /** One figure of those of several seeds, at least one. */
  readonly fold: (seeds: readonly number[]) => number;
}

export type CostTable = Readonly<Record<string, CostFigure>>;

/** The figures of a table's rows; one that was not recorded is not there. */
export type CostsIn<Table extends CostTable> = { readonly [Name in keyof Table]?: number };

const largest = (values: readonly number[]) => Math.max(...values);

/** After the last trained stage. */
function last({ trainings }: MethodRecords, name: keyof TrainFigures): number | undefined {
  return trainings.map((recorded) => trainFigure(recorded, name)).findLast((value) => value !== undefined);
}

function mostTrained({ trainings, trains }: MethodRecords): number | undefined {
  const known = trainings.flatMap((recorded) => trainFigure(recorded, 'trainableParameters') ?? []);
  return known.length === 0 ? (trains ? undefined : 0) : largest(known);
}

function total(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

/** In the order of the columns. */
export const costFigures = {
  /** The most of any stage. */
  trainableParameters: { heading: 'trainable', unit: 'numbers', read: mostTrained, fold: largest },
  /** Its trainable numbers to the budget that the run was matched to. */
  ofBudget: {
    heading: 'of the budget',
    unit: 'share',
    read: (records) => {
      const most = mostTrained(records);
      return !records.trains || most === undefined || records.budget === undefined
        ? undefined
        : most / records.budget;
    },
    fold: largest,
  },
  /** Bytes that it keeps between tasks. */
  memoryBytes: {
    heading: 'memory kept',
    unit: 'bytes',
    read: (records) => last(records, 'memoryBytes'),
    fold: largest,
  },
  /** Numbers beside the base model that an answer takes, passes of the model, and tokens put into the question. */
  inferenceParameters: {
    heading: 'answering: parameters',
    unit: 'numbers',
    read: (records) => last(records, 'inferenceParameters'),
    fold: largest,
  },
  inferencePasses: {
    heading: 'passes',
    unit: 'numbers',
    read: (records) => last(records, 'inferencePasses'),
    fold: largest,
  },
  addedTokens: {
    heading: 'tokens added',
    unit: 'numbers',
    read: (records) => last(records, 'addedTokens'),
    fold: largest,
  },
  /** Wall-clock seconds, where the steps were computed. */
  trainingSeconds: {
    heading: 'training',
    unit: 'seconds',
    read: ({ trainings }) => total(trainings.map((recorded) => trainFigure(recorded, 'seconds'))),
    fold: mean,
  },
  evaluationSeconds: {
    heading: 'evaluation',
    unit: 'seconds',
    read: ({ evaluations }) => total(evaluations.map((recorded) => evaluateFigure(recorded, 'seconds'))),
    fold: mean,
  },
} as const satisfies CostTable;

export type CostName = keyof typeof costFigures;

/** What a method took. */
export type Costs = CostsIn<typeof costFigures>;

type RecordedRun = Pick<OpenedRun, 'config' | 'catalogue' | 'steps' | 'records'>;

export interface MethodCost extends Costs {
  readonly method: MethodName;
  readonly label: string;
}

/** A method's records of its first `stages` stages, by default of all. Zero-shot answers are the untrained method's. */
export function methodRecords(
  { config, catalogue, steps, records }: RecordedRun,
  method: MethodName,
  stages = Number.POSITIVE_INFINITY,
): MethodRecords {
  const { trains } = catalogue.methods.get(method).stream;
  const own = steps.filter((step) => {
    const stage = step.kind === 'train' ? step.stage : (step.trained?.stage ?? 1);
    return methodOf(step) === (trains ? method : undefined) && stage <= stages;
  });
  const recorded = (kind: Step['kind']): readonly Recorded[] =>
    own.flatMap((step) => {
      const record = step.kind === kind ? records.get(step.key) : undefined;
      return record === undefined ? [] : [record.measured];
    });
  return {
    trainings: recorded('train'),
    evaluations: recorded('evaluate'),
    trains,
    budget: config.adapter.budget,
  };
}

/** Every figure of a table's rows that the records have. */
export function readCosts(records: MethodRecords): Costs;
export function readCosts<Table extends CostTable>(records: MethodRecords, table: Table): CostsIn<Table>;
export function readCosts(records: MethodRecords, table: CostTable = costFigures): CostsIn<CostTable> {
  return definedOnly(table, ({ read }) => read(records));
}

/** One set of figures of those of several seeds; a figure is of the seeds that have it. */
export function foldCosts(seeds: readonly Costs[]): Costs;
export function foldCosts<Table extends CostTable>(
  seeds: readonly CostsIn<Table>[],
  table: Table,
): CostsIn<Table>;
export function foldCosts(
  seeds: readonly CostsIn<CostTable>[],
  table: CostTable = costFigures,
): CostsIn<CostTable> {
  return definedOnly(table, ({ fold }, name) => {
    const known = seeds.flatMap((costs) => costs[name] ?? []);
    return known.length === 0 ? undefined : fold(known);
  });
}

function definedOnly(
  table: CostTable,
  of: (figure: CostFigure, name: string) => number | undefined,
): CostsIn<CostTable> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, figure]) => {
      const value = of(figure, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What a method took over its first `stages` stages, folded over the runs, of which there is at least one. */
export function methodCost(runs: readonly RecordedRun[], method: MethodName, stages?: number): MethodCost {
  const { label } = present(runs[0], 'a run').catalogue.methods.get(method);
  return { method, label, ...foldCosts(runs.map((run) => readCosts(methodRecords(run, method, stages)))) };
}

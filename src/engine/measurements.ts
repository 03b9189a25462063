// What an engine measures of a training and of an evaluation, under the names that the journal keeps it by. Who writes a
// measurement and who reads it back take its name from here; what is made of them is `results/costs.ts`.

/** Measurements of a stage's training. */
export interface TrainFigures {
  /** Wall-clock seconds. */
  readonly seconds: number;
  readonly steps: number;
  readonly finalLoss: number;
  readonly trainableParameters: number;
  /** Bytes of what the method remembers between tasks, beyond the adapter and the projector that go on. */
  readonly memoryBytes: number;
  /** Numbers beside the base model that answering takes. */
  readonly inferenceParameters: number;
  /** Passes of the model per question, and tokens put into it. */
  readonly inferencePasses: number;
  readonly addedTokens: number;
  /** Samples of the stream, and how many of them are of earlier tasks. */
  readonly streamSamples: number;
  readonly replayedSamples: number;
}

/** With the method's own figures. */
export type TrainMeasurements = TrainFigures & { readonly [figure: string]: number };

/** Measurements of one task's evaluation. */
export interface EvaluateFigures {
  /** Wall-clock seconds. */
  readonly seconds: number;
  /** Where the method chose an expert per sample: how many samples, and how many went to their own task's. */
  readonly routed?: number;
  readonly routedRight?: number;
  /** Share of the computed tokens that was padding or an empty row. */
  readonly paddingShare?: number;
  /** Share of the prompts' tokens that did not have to be read, as another prompt had the same beginning. */
  readonly sharedShare?: number;
}

/** With how many samples went to each task's expert. */
export interface EvaluateMeasurements extends EvaluateFigures {
  readonly [routedTo: `${typeof ROUTED_TO}${string}`]: number;
}

/** The numbers of a record as the journal gives them back: of any version, so that each may be absent. */
export type Recorded = Readonly<Record<string, number>>;

/** A training's measurement out of its record; undefined where it was not recorded. */
export function trainFigure(recorded: Recorded, name: keyof TrainFigures): number | undefined {
  return recorded[name];
}

/** An evaluation's measurement out of its record; undefined where it was not recorded. */
export function evaluateFigure(recorded: Recorded, name: keyof EvaluateFigures): number | undefined {
  return recorded[name];
}

/** Where a method that chooses a task's expert for every sample sent those of one evaluation. */
export interface Choices {
  readonly routed: number;
  /** To their own task's expert. */
  readonly right: number;
  /** Samples by the task whose expert they went to. */
  readonly to: Readonly<Record<string, number>>;
}

const ROUTED_TO = 'routedTo.';

/** Choices as measurements of an evaluation. */
export function recordChoices({ routed, right, to }: Choices): Omit<EvaluateMeasurements, 'seconds'> {
  return {
    routed,
    routedRight: right,
    ...Object.fromEntries(Object.entries(to).map(([task, count]) => [`${ROUTED_TO}${task}`, count])),
  };
}

/** The choices of an evaluation out of its record; undefined where none were made. Old records have no `to`. */
export function readChoices(recorded: Recorded): Choices | undefined {
  const routed = evaluateFigure(recorded, 'routed');
  if (routed === undefined) return undefined;
  const to = Object.entries(recorded).flatMap(([name, count]) =>
    name.startsWith(ROUTED_TO) ? [[name.slice(ROUTED_TO.length), count] as const] : [],
  );
  return { routed, right: evaluateFigure(recorded, 'routedRight') ?? 0, to: Object.fromEntries(to) };
}

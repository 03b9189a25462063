// How a method goes through a stream of tasks: which stages it trains, on what, and whether its model changes on the way.
// Nothing is trained here; the steps of a run are `config/plan.ts`.

export interface Stream {
  /** The stages in order, each with the tasks that it trains on. None where nothing is trained. */
  stages(tasks: readonly string[]): readonly StreamStage[];
  /** Whether there are stages at all. */
  readonly trains: boolean;
  /** Whether the model that answers is another one after each task; otherwise every row of its matrix shows one model. */
  readonly changes: boolean;
}

export interface StreamStage {
  /** The name of its folder, below the method's. */
  readonly name: string;
  /** What it trains on, shuffled together. */
  readonly tasks: readonly string[];
}

/** One task after another; all shuffled together in one stage; or nothing at all. */
export const streams = {
  sequential: {
    stages: (tasks) => tasks.map((task, index) => ({ name: `${index + 1}-${task}`, tasks: [task] })),
    trains: true,
    changes: true,
  },
  joint: {
    stages: (tasks) => [{ name: 'all', tasks }],
    trains: true,
    changes: false,
  },
  untrained: { stages: () => [], trains: false, changes: false },
} as const satisfies Readonly<Record<string, Stream>>;

export type StreamName = keyof typeof streams;

/** The tasks that a stage (counted from 1) may know of: those that are trained on up to it. */
export function tasksUpTo(stream: Stream, stage: number, tasks: readonly string[]): readonly string[] {
  return stream
    .stages(tasks)
    .slice(0, stage)
    .flatMap((one) => one.tasks);
}

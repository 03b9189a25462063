// What became of single samples over the stages: when each was learnt, forgotten and recovered, and how many at which
// stage. Pure: right or wrong per stage goes in; what right means is the scorer's.

/** Stages are counted from 0 in the order of training; a sample's line begins with the stage that trains its task. */
export interface LifeLine {
  /** The first stage after which the sample is right; undefined: never learnt. */
  readonly learntAt?: number;
  /** Stages after which it is wrong and was right one stage before. */
  readonly forgottenAt: readonly number[];
  /** Stages after which it is right again, and was wrong one stage before. */
  readonly recoveredAt: readonly number[];
  readonly fate: Fate;
}

/**
 * At the last stage: `kept`, right ever since it was learnt; `recovered`, right, but not always since; `forgotten`,
 * wrong and once right; `never`, never right.
 */
export const fates = ['kept', 'recovered', 'forgotten', 'never'] as const;
export type Fate = (typeof fates)[number];

/** The line of one sample from its own stage, `first`, on: `right[k]` is after stage `first + k`. */
export function lifeLine(right: readonly boolean[], first: number): LifeLine {
  const start = right.indexOf(true);
  if (start === -1) return { forgottenAt: [], recoveredAt: [], fate: 'never' };
  const turns = (to: boolean) =>
    right.flatMap((now, index) =>
      index > start && now === to && right[index - 1] !== to ? [first + index] : [],
    );
  const forgottenAt = turns(false);
  const fate = right.at(-1) === false ? 'forgotten' : forgottenAt.length === 0 ? 'kept' : 'recovered';
  return { learntAt: first + start, forgottenAt, recoveredAt: turns(true), fate };
}

/** What happened to the samples of a task at one stage. Every sample is in exactly one of the counts. */
export interface Transitions {
  readonly stage: number;
  /** Right for the first time. */
  readonly learnt: number;
  /** Right, as one stage before. */
  readonly kept: number;
  /** Right again. */
  readonly recovered: number;
  /** Wrong, and right one stage before. */
  readonly forgotten: number;
  /** Wrong, as one stage before, but right at some earlier stage. */
  readonly stillForgotten: number;
  /** Wrong at every stage so far. */
  readonly notLearnt: number;
}

/** Transition counts per stage, from a task's own on, over the lines of its samples. All lines are equally long. */
export function transitions(lines: readonly (readonly boolean[])[], first: number): readonly Transitions[] {
  const stages = lines[0]?.length ?? 0;
  return Array.from({ length: stages }, (_, index) => {
    const counts = { learnt: 0, kept: 0, recovered: 0, forgotten: 0, stillForgotten: 0, notLearnt: 0 };
    for (const right of lines) counts[transitionOf(right, index)]++;
    return { stage: first + index, ...counts };
  });
}

export type Transition = Exclude<keyof Transitions, 'stage'>;

/** What happened to one sample at the stage with this index of its line. */
export function transitionOf(right: readonly boolean[], index: number): Transition {
  const before = right.slice(0, index);
  if (right[index] === true) {
    if (!before.includes(true)) return 'learnt';
    return before.at(-1) === true ? 'kept' : 'recovered';
  }
  if (before.at(-1) === true) return 'forgotten';
  return before.includes(true) ? 'stillForgotten' : 'notLearnt';
}

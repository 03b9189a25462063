// What an entry of the nano data is, before it becomes a row of CoIN's JSON: a scene, questions and answers.
// The eight makers are in the entries-*.ts files beside this one; files and rows are written by build.ts.
import type { RandomStream } from '../../tensor/random.ts';
import type { Scene, SceneBox } from './scene.ts';
import type { World } from './world.ts';

/** CoIN's tasks in CoIN's order. */
export const NANO_TASKS = [
  'ScienceQA',
  'TextVQA',
  'ImageNet',
  'GQA',
  'VizWiz',
  'Grounding',
  'VQAv2',
  'OCRVQA',
] as const;
export type NanoTask = (typeof NANO_TASKS)[number];

export interface NanoTurn {
  /** Without the instruction line. */
  readonly question: string;
  readonly answer: string;
  /** ScienceQA: the options, the index of the right one and what is asked about. */
  readonly choices?: readonly string[];
  readonly choiceIndex?: number;
  readonly topic?: string;
  /** GQA: how the question is built. */
  readonly structure?: 'query' | 'verify' | 'choose' | 'logical' | 'compare';
  /** Grounding: pixels. */
  readonly box?: SceneBox;
}

export interface NanoEntry {
  /** Entries of one task have different keys. */
  readonly key: string;
  readonly scene?: Scene;
  readonly turns: readonly NanoTurn[];
}

export interface EntryOptions {
  readonly split: 'train' | 'test';
  /** Position in the file: balances classes and kinds of questions. */
  readonly index: number;
  /** How many turns are wanted; tasks that do not group questions by image give one. */
  readonly turns: number;
}

/** Makes an entry, or none where the drawn scene gives too few questions (the caller draws on). */
export type EntryMaker = (world: World, random: RandomStream, options: EntryOptions) => NanoEntry | undefined;

/** `turns` turns of different questions out of equally likely makers, or none when the scene gives fewer. */
export function drawQuestions(
  random: RandomStream,
  makers: readonly (() => NanoTurn | undefined)[],
  turns: number,
): readonly NanoTurn[] | undefined {
  const drawn: NanoTurn[] = [];
  for (let attempt = 0; drawn.length < turns && attempt < 12 * turns; attempt++) {
    const turn = random.pick(makers)();
    if (turn !== undefined && drawn.every(({ question }) => question !== turn.question)) drawn.push(turn);
  }
  return drawn.length === turns ? drawn : undefined;
}

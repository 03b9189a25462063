// The world that claims are checked in, beside its small model (nano/pretraining/toy-model.ts): four tasks about six things
// that can be told apart by image and by instruction and want different answers. Nothing here is meant to be hard.
import type { TestQuestion } from '../methods/claim.ts';
import type { Example, StreamSample } from '../methods/method.ts';
import {
  createToyModel as createModel,
  TOY_FEATURES,
  TOY_ROWS,
  type ToyModel,
} from '../nano/pretraining/toy-model.ts';
import type { TrainSample } from '../tasks/task.ts';
import { normalArray } from '../tensor/random.ts';

export type { ToyModel } from '../nano/pretraining/toy-model.ts';

/** In training order, which no sorting gives: what a method takes from files in the order of names must not pass for it. */
export const toyTasks = ['Gamma', 'Alpha', 'Delta', 'Beta'] as const;
const instructions: Readonly<Record<string, string>> = {
  Alpha: 'name the colour',
  Beta: 'how many legs',
  Gamma: 'where is it',
  Delta: 'which kind of thing',
};
const things = ['ball', 'cup', 'fish', 'lamp', 'tree', 'shoe'];
const answers = ['red', 'two', 'left', 'old', 'big', 'none'];
/** What the model is to know, each word once. */
const words = [
  ...new Set([
    ...toyTasks,
    ...things,
    ...answers,
    ...Object.values(instructions).flatMap((text) => text.split(' ')),
    // What methods may ask in words of their own.
    ...'which task is this question of answer yes no or A B C D'.split(' '),
  ]),
];

/** The model of this world. */
export const createToyModel = (): ToyModel => createModel(words);

/** Two samples of each thing: an image is named by task, thing and number. */
export function toySamples(task: string): readonly TrainSample[] {
  const shift = toyTasks.indexOf(task as (typeof toyTasks)[number]);
  return [0, 1].flatMap((copy) =>
    things.map((thing, index) => ({
      id: `${task}-${thing}-${copy}`,
      image: `${task}/${index}/${copy}`,
      turns: [
        {
          question: `${thing}\n${instructions[task]}`,
          answer: answers[(index + shift) % answers.length] as string,
        },
      ],
    })),
  );
}

export function toyExample({ prompts }: Pick<ToyModel, 'prompts'>, one: StreamSample): Example {
  const { turns, image } = one.sample;
  return {
    ...one,
    ...prompts.conversation(turns, { image: image === undefined ? undefined : { rows: TOY_ROWS } }),
  };
}

/** Questions about images that no training sample shows. */
export function toyQuestions(task: string): readonly TestQuestion[] {
  return things.map((thing, index) => ({
    text: `${thing}\n${instructions[task]}`,
    image: `${task}/${index}/test`,
    task,
  }));
}

/** [rows, featureSize]: what the task's images have in common, what shows the thing, and noise. */
export function toyFeatures(image: string): Float32Array {
  const [task = '', thing = ''] = image.split('/');
  const draw = (purpose: string, count: number, standardDeviation: number) =>
    normalArray(count, { seed: 5, purpose, standardDeviation });
  const [common, own] = [draw(`toy ${task}`, TOY_FEATURES, 1), draw(`toy thing ${thing}`, TOY_FEATURES, 0.5)];
  return draw(`toy ${image}`, TOY_ROWS * TOY_FEATURES, 0.2).map(
    (noise, i) => noise + (common[i % TOY_FEATURES] as number) + (own[i % TOY_FEATURES] as number),
  );
}

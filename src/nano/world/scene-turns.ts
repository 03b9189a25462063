// Pretraining turns about scenes: what stands where, how many, which is left of which, and how far things reach.
// Full sentences throughout; the tasks' own answer formats never occur here.
import type { Turn } from '../../tasks/task.ts';
import type { RandomStream } from '../../tensor/random.ts';
import type { WorldObject } from './objects.ts';
import {
  absentObject,
  COUNTABLE_KINDS,
  clearlyDifferent,
  copies,
  extentPhrase,
  isOfKind,
  kindPhrase,
  RELATIONS,
  relationIsClear,
  type ShownObject,
  shownObjects,
  stands,
  thereAre,
  unique,
  withArticle,
} from './phrases.ts';
import type { Scene } from './scene.ts';
import { capitalised, listOf, PLACES, placePhrase } from './words.ts';
import type { World } from './world.ts';

export interface TurnContext {
  readonly world: World;
  readonly random: RandomStream;
  readonly scene: Scene;
  readonly shown: readonly ShownObject[];
}

/** Makes one turn, or none where the scene does not fit. */
export type TurnMaker = (context: TurnContext) => Turn | undefined;
export type WeightedMaker = readonly [weight: number, make: TurnMaker];

export function contextOf(world: World, random: RandomStream, scene: Scene): TurnContext {
  return { world, random, scene, shown: shownObjects(world, scene) };
}

/**
 * Up to `turns` different turns, drawn by weight, each maker at most `perMaker` times. With `inOrder` they come in
 * the order of the table, so that a turn which names a thing does not give away an earlier one that asks for it.
 */
export function drawTurns(
  context: TurnContext,
  makers: readonly WeightedMaker[],
  options: { turns: number; perMaker: number; inOrder?: boolean },
): Turn[] {
  const { turns, perMaker, inOrder = false } = options;
  const total = makers.reduce((sum, [weight]) => sum + weight, 0);
  const drawn: { readonly maker: number; readonly turn: Turn }[] = [];
  for (let attempt = 0; drawn.length < turns && attempt < 8 * turns; attempt++) {
    let at = context.random.uniform() * total;
    const maker = makers.findIndex(([weight]) => {
      at -= weight;
      return at < 0;
    });
    if (drawn.filter((entry) => entry.maker === maker).length >= perMaker) continue;
    const turn = makers[maker]?.[1](context);
    if (turn === undefined || drawn.some((entry) => entry.turn.question === turn.question)) continue;
    drawn.push({ maker, turn });
  }
  if (inOrder) drawn.sort((a, b) => a.maker - b.maker);
  return drawn.map(({ turn }) => turn);
}

/** Draws one of several wordings of a question and its answer. */
export function worded(random: RandomStream, pairs: readonly (readonly [string, string])[]): Turn {
  const [question, answer] = random.pick(pairs);
  return { question, answer };
}

/** `the dog`, or `the apple at the left` where several apples are shown. */
function definite({ shown }: TurnContext, { object, sprite }: ShownObject): string {
  return copies(shown, object) === 1
    ? `the ${object.name}`
    : `the ${object.name} ${placePhrase(sprite.place)}`;
}

export const caption: TurnMaker = ({ random, shown }) => {
  if (shown.length === 0) return undefined;
  const list = listOf(
    shown.map(({ object, sprite }) => `${withArticle(object)} ${placePhrase(sprite.place)}`),
  );
  return worded(random, [
    ['Describe the picture.', `The picture shows ${list}.`],
    ['What does the picture show?', `The picture shows ${list}.`],
    ['List everything with its place.', `There is ${list}.`],
    ['What is in the picture, and where?', `There is ${list}.`],
  ]);
};

const atPlace: TurnMaker = ({ random, shown }) => {
  const free = PLACES.filter((place) => shown.every(({ sprite }) => sprite.place !== place));
  const empty = random.uniform() < 0.2 || shown.length === 0;
  const found = empty ? undefined : random.pick(shown);
  const phrase = placePhrase(found?.sprite.place ?? random.pick(free));
  const what = found === undefined ? 'nothing' : withArticle(found.object);
  return worded(random, [
    [`What stands ${phrase}?`, `${capitalised(what)} stands ${phrase}.`],
    [`What is ${phrase}?`, `There is ${what} ${phrase}.`],
    [`What do you see ${phrase}?`, `There is ${what} ${phrase}.`],
    [`Name the thing ${phrase}.`, `${capitalised(what)} stands ${phrase}.`],
  ]);
};

const whereIs: TurnMaker = ({ random, shown }) => {
  const { object } = random.pick(shown);
  const same = shown.filter((entry) => entry.object.name === object.name);
  const places = listOf(same.map(({ sprite }) => placePhrase(sprite.place)));
  if (same.length > 1) {
    return { question: `Where are the ${object.plural}?`, answer: `The ${object.plural} are ${places}.` };
  }
  return worded(random, [
    [`Where is the ${object.name}?`, `The ${object.name} is ${places}.`],
    [`Where do you see the ${object.name}?`, `The ${object.name} is ${places}.`],
    [`Find the ${object.name}.`, `The ${object.name} is ${places}.`],
    [`In which part of the picture is the ${object.name}?`, `The ${object.name} is ${places}.`],
  ]);
};

const isThere: TurnMaker = ({ world, random, shown }) => {
  const found = random.uniform() < 0.5 ? random.pick(shown) : undefined;
  const object = found?.object ?? absentObject(world, random, shown);
  const name = withArticle(object);
  const question = random.pick([
    `Is there ${name} in the picture?`,
    `Does the picture show ${name}?`,
    `Can you see ${name}?`,
  ]);
  if (found === undefined) return { question, answer: `No, there is no ${object.name} in the picture.` };
  const count = copies(shown, object);
  if (count > 1) return { question, answer: `Yes, ${thereAre(count, object).toLowerCase()} in the picture.` };
  return { question, answer: `Yes, there is ${name} ${placePhrase(found.sprite.place)}.` };
};

const howMany: TurnMaker = ({ world, random, shown }) => {
  const draw = random.uniform();
  let names: { readonly name: string; readonly plural: string };
  let count: number;
  if (draw < 0.3) {
    names = { name: 'thing', plural: 'things' };
    count = shown.length;
  } else if (draw < 0.75) {
    const object: WorldObject =
      random.uniform() < 0.15 ? absentObject(world, random, shown) : random.pick(shown).object;
    names = object;
    count = copies(shown, object);
  } else {
    const fitting = COUNTABLE_KINDS.filter(({ name }) => shown.some(({ object }) => isOfKind(object, name)));
    const kind = random.pick(fitting.length === 0 ? COUNTABLE_KINDS : fitting);
    names = kind;
    count = shown.filter(({ object }) => isOfKind(object, kind.name)).length;
  }
  const answer = `${thereAre(count, names)} in the picture.`;
  return worded(random, [
    [`How many ${names.plural} are there?`, answer],
    [`How many ${names.plural} are in the picture?`, answer],
    [`How many ${names.plural} do you see?`, answer],
    [`Count the ${names.plural}.`, answer],
  ]);
};

const relationOfTwo: TurnMaker = (context) => {
  const { random, shown } = context;
  if (shown.length < 2) return undefined;
  const [first, second] = random.shuffle(shown) as [ShownObject, ShownObject];
  if (first.object.name === second.object.name) return undefined;
  const a = definite(context, first);
  const b = definite(context, second);
  const sides = random.uniform() < 0.5 ? (['left of', 'right of'] as const) : (['above', 'below'] as const);
  const relation = sides.find((side) => stands(first.sprite.box, side, second.sprite.box));
  if (relation === undefined) return undefined;
  const [one, other] = random.shuffle(sides) as [string, string];
  const further = { 'left of': 'further left', 'right of': 'further right', above: 'higher', below: 'lower' };
  const [x, y] = random.shuffle([a, b]) as [string, string];
  return worded(random, [
    [`Is ${a} ${one} or ${other} ${b}?`, `${capitalised(a)} is ${relation} ${b}.`],
    [`Which is ${further[relation]}, ${x} or ${y}?`, `${capitalised(a)} is ${further[relation]} than ${b}.`],
  ]);
};

const relationList: TurnMaker = (context) => {
  const { random, shown } = context;
  if (shown.length < 2) return undefined;
  const centre = random.pick(shown);
  const others = shown.filter((entry) => entry !== centre);
  const relation = random.pick(RELATIONS);
  const boxes = others.map(({ sprite }) => sprite.box);
  if (!relationIsClear(centre.sprite.box, relation, boxes)) return undefined;
  const found = others.filter(({ sprite }) => stands(sprite.box, relation, centre.sprite.box));
  const list = found.length === 0 ? 'nothing' : listOf(found.map(({ object }) => withArticle(object)));
  const anchor = definite(context, centre);
  const verb = found.length > 1 ? 'are' : 'is';
  return worded(random, [
    [`What is ${relation} ${anchor}?`, `${capitalised(list)} ${verb} ${relation} ${anchor}.`],
    [`What do you see ${relation} ${anchor}?`, `${capitalised(list)} ${verb} ${relation} ${anchor}.`],
  ]);
};

const kindAt: TurnMaker = ({ random, shown }) => {
  const { object, sprite } = random.pick(shown);
  const phrase = placePhrase(sprite.place);
  const answer = `The ${object.name} ${phrase} is ${kindPhrase(object.category)}.`;
  return worded(random, [
    [`What kind of thing is ${phrase}?`, answer],
    [`What kind of thing is the ${object.name} ${phrase}?`, answer],
  ]);
};

const extent: TurnMaker = (context) => {
  const { random } = context;
  const shown = random.pick(context.shown);
  const name = definite(context, shown);
  const answer = `${capitalised(name)} reaches ${extentPhrase(shown.sprite.box)}.`;
  return worded(random, [
    [`How far does ${name} reach?`, answer],
    [`From where to where does ${name} reach?`, answer],
    [`Measure ${name}.`, answer],
  ]);
};

const whatReaches: TurnMaker = ({ random, shown }) => {
  const { object, sprite } = random.pick(shown);
  const phrase = extentPhrase(sprite.box);
  return {
    question: `What reaches ${phrase}?`,
    answer: `${capitalised(withArticle(object))} ${placePhrase(sprite.place)} reaches that far.`,
  };
};

export const background: TurnMaker = ({ random, scene }) =>
  worded(random, [
    ['What colour is the background?', `The background is ${scene.background.name}.`],
    ['Which colour does the background have?', `The background is ${scene.background.name}.`],
  ]);

const colourOf: TurnMaker = (context) => {
  const { random, shown } = context;
  const coloured = shown.filter(({ object }) => object.colour !== undefined);
  if (coloured.length === 0) return undefined;
  const entry = random.pick(coloured);
  const name = definite(context, entry);
  return worded(random, [
    [`What colour is ${name}?`, `${capitalised(name)} is ${entry.object.colour}.`],
    [`Which colour does ${name} have?`, `${capitalised(name)} is ${entry.object.colour}.`],
  ]);
};

const compare: TurnMaker = ({ random, shown }) => {
  const candidates = unique(shown);
  if (candidates.length < 2) return undefined;
  const [one, other] = random.shuffle(candidates) as [ShownObject, ShownObject];
  if (!clearlyDifferent(one.object, other.object)) return undefined;
  const asked = random.pick([one.object, other.object]);
  const pair = `the ${one.object.name} and the ${other.object.name}`;
  return worded(random, [
    [
      `Which one is ${kindPhrase(asked.category)}, the ${one.object.name} or the ${other.object.name}?`,
      `Of ${pair}, the ${asked.category} is the ${asked.name}.`,
    ],
    [
      `Of ${pair}, which is ${kindPhrase(asked.category)}?`,
      `The ${asked.name} is ${kindPhrase(asked.category)}.`,
    ],
  ]);
};

const kindList: TurnMaker = ({ random, shown }) => {
  const fitting = COUNTABLE_KINDS.filter(({ name }) => shown.some(({ object }) => isOfKind(object, name)));
  if (fitting.length === 0) return undefined;
  const kind = random.pick(fitting);
  const members = shown.filter(({ object }) => isOfKind(object, kind.name));
  const list = listOf(members.map(({ object, sprite }) => `the ${object.name} ${placePhrase(sprite.place)}`));
  const [noun, verb] = members.length === 1 ? [kind.name, 'is'] : [kind.plural, 'are'];
  return { question: `Which ${kind.plural} are shown?`, answer: `The ${noun} ${verb} ${list}.` };
};

const largest: TurnMaker = (context) => {
  const area = ({ sprite: { box } }: ShownObject) => (box[2] - box[0]) * (box[3] - box[1]);
  const [first, second] = [...context.shown].sort((a, b) => area(b) - area(a));
  if (first === undefined || second === undefined || area(first) < 1.4 * area(second)) return undefined;
  const answer = `The largest thing is ${definite(context, first)}.`;
  return { question: 'Which thing is the largest?', answer };
};

const whatIsThis: TurnMaker = ({ world, random, shown }) => {
  const name = withArticle(random.pick(shown).object);
  const absent = withArticle(absentObject(world, random, shown));
  const [one, other] = random.shuffle([name, absent]) as [string, string];
  return worded(random, [
    ['What is this?', `This is ${name}.`],
    ['What does the picture show?', `The picture shows ${name}.`],
    ['Name the thing in the picture.', `This is ${name}.`],
    [`Is this ${one} or ${other}?`, `This is ${name}.`],
  ]);
};

const kindOfThis: TurnMaker = ({ random, shown }) => {
  const { object } = random.pick(shown);
  const answer = `${capitalised(withArticle(object))} is ${kindPhrase(object.category)}.`;
  return worded(random, [
    ['What kind of thing is this?', answer],
    [`What kind of thing is ${withArticle(object)}?`, answer],
  ]);
};

const isClear: TurnMaker = ({ random }) =>
  worded(random, [
    ['Is the picture clear?', 'Yes, the picture is clear.'],
    ['How good is the picture?', 'The picture is clear.'],
  ]);

export const SCENE_MAKERS: readonly WeightedMaker[] = [
  [5, atPlace],
  [5, whereIs],
  [5, isThere],
  [4, howMany],
  [3, relationOfTwo],
  [2, relationList],
  [2, kindAt],
  [4, extent],
  [1.5, whatReaches],
  [0.7, background],
  [0.8, colourOf],
  [1.5, compare],
  [1, kindList],
  [0.8, largest],
  [0.3, isClear],
];

export const SINGLE_MAKERS: readonly WeightedMaker[] = [
  [2, isThere],
  [5, whatIsThis],
  [2, kindOfThis],
  [3, extent],
  [1, background],
  [1, colourOf],
  [0.5, isClear],
];

/** Turns about an object that stands beside something else (a sign). */
export const BESIDE_MAKERS: readonly WeightedMaker[] = [
  [2, atPlaceOfObject],
  [2, whereIs],
  [1, extent],
];

/** What stands at the place of one of the objects; never asks for empty places, where other things may be. */
function atPlaceOfObject({ random, shown }: TurnContext): Turn {
  const { object, sprite } = random.pick(shown);
  const phrase = placePhrase(sprite.place);
  return {
    question: `Which object is ${phrase}?`,
    answer: `${capitalised(withArticle(object))} stands ${phrase}.`,
  };
}

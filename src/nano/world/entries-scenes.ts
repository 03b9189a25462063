// Entries about objects in scenes: ImageNet (the large object), GQA (compositional), VQAv2 (natural wording) and
// Grounding (the box of a described object).
import type { RandomStream } from '../../tensor/random.ts';
import { drawQuestions, type EntryMaker, type NanoTurn } from './entries.ts';
import type { WorldObject } from './objects.ts';
import {
  absentObject,
  COUNTABLE_KINDS,
  copies,
  isOfKind,
  RELATIONS,
  type Relation,
  relationIsClear,
  type ShownObject,
  shownObjects,
  stands,
  unique,
  withArticle,
} from './phrases.ts';
import { sampleScene } from './scene.ts';
import { placePhrase } from './words.ts';
import type { World } from './world.ts';

/** Every class equally often. */
export const imagenetEntry: EntryMaker = (world, random, { split, index }) => {
  const classIndex = 1 + (index % world.objects.length);
  const scene = sampleScene(world, random, { kind: 'single', split, objects: [classIndex] });
  const turn = { question: 'What is the object in the image?', answer: world.classNames[classIndex] ?? '' };
  return { key: scene.key, scene, turns: [turn] };
};

interface Shown {
  readonly world: World;
  readonly random: RandomStream;
  readonly shown: readonly ShownObject[];
}
type QuestionMaker = (context: Shown) => NanoTurn | undefined;

function sceneEntry(makers: (background: string) => readonly QuestionMaker[], least: number): EntryMaker {
  return (world, random, { split, turns: wanted }) => {
    const scene = sampleScene(world, random, { kind: 'scene', split, least });
    const context = { world, random, shown: shownObjects(world, scene) };
    const bound = makers(scene.background.name).map((make) => () => make(context));
    const turns = drawQuestions(random, bound, wanted);
    return turns && { key: scene.key, scene, turns };
  };
}

const OPPOSITE: { readonly [R in Relation]: Relation } = {
  'left of': 'right of',
  'right of': 'left of',
  above: 'below',
  below: 'above',
};
const SIDE_ANSWERS: { readonly [R in Relation]: string } = {
  'left of': 'left',
  'right of': 'right',
  above: 'above',
  below: 'below',
};

/** Two different objects, each shown once, and how the first clearly stands to the second. */
function relatedPair({ random, shown }: Shown): readonly [ShownObject, Relation, ShownObject] | undefined {
  const [first, second] = random.shuffle(unique(shown));
  if (first === undefined || second === undefined) return undefined;
  const relation = random
    .shuffle(RELATIONS)
    .find((candidate) => stands(first.sprite.box, candidate, second.sprite.box));
  return relation && [first, relation, second];
}

/** The only object that stands in a relation to a named one. */
function onlyNeighbour({ random, shown }: Shown): readonly [ShownObject, Relation, ShownObject] | undefined {
  const named = unique(shown);
  if (named.length === 0) return undefined;
  const anchor = random.pick(named);
  const others = shown.filter((entry) => entry !== anchor);
  const relation = random.pick(RELATIONS);
  const boxes = others.map(({ sprite }) => sprite.box);
  if (!relationIsClear(anchor.sprite.box, relation, boxes)) return undefined;
  const [found, ...more] = others.filter(({ sprite }) => stands(sprite.box, relation, anchor.sprite.box));
  return found === undefined || more.length > 0 ? undefined : [found, relation, anchor];
}

const whatIsBeside: QuestionMaker = (context) => {
  const related = onlyNeighbour(context);
  if (related === undefined) return undefined;
  const [found, relation, anchor] = related;
  const question = `What is ${relation} the ${anchor.object.name}?`;
  return { question, answer: found.object.name, structure: 'query' };
};

const kindOfBeside: QuestionMaker = (context) => {
  const related = onlyNeighbour(context);
  if (related === undefined) return undefined;
  const [found, relation, anchor] = related;
  const question = `What kind of thing is ${relation} the ${anchor.object.name}?`;
  return { question, answer: found.object.category, structure: 'query' };
};

const colourOfBeside: QuestionMaker = (context) => {
  const related = onlyNeighbour(context);
  if (related === undefined || related[0].object.colour === undefined) return undefined;
  const [found, relation, anchor] = related;
  const question = `What colour is the thing ${relation} the ${anchor.object.name}?`;
  return { question, answer: found.object.colour ?? '', structure: 'query' };
};

const relationHolds: QuestionMaker = (context) => {
  const pair = relatedPair(context);
  if (pair === undefined) return undefined;
  const [first, relation, second] = pair;
  const holds = context.random.uniform() < 0.5;
  const asked = holds ? relation : OPPOSITE[relation];
  const question = `Is the ${first.object.name} ${asked} the ${second.object.name}?`;
  return { question, answer: holds ? 'yes' : 'no', structure: 'verify' };
};

const whichSide: QuestionMaker = (context) => {
  const pair = relatedPair(context);
  if (pair === undefined) return undefined;
  const [first, relation, second] = pair;
  const [one, other] = context.random.shuffle([relation, OPPOSITE[relation]]);
  const question = `Is the ${first.object.name} ${one} or ${other} the ${second.object.name}?`;
  return { question, answer: SIDE_ANSWERS[relation], structure: 'choose' };
};

const whatIsAt: QuestionMaker = ({ random, shown }) => {
  const { object, sprite } = random.pick(shown);
  return { question: `What is ${placePhrase(sprite.place)}?`, answer: object.name, structure: 'query' };
};

const areBothThere: QuestionMaker = ({ world, random, shown }) => {
  const named = random.shuffle(unique(shown)).map(({ object }) => object);
  const [first, second] = named;
  if (first === undefined) return undefined;
  const both = random.uniform() < 0.5;
  const other = both ? second : absentObject(world, random, shown);
  if (other === undefined) return undefined;
  const [one, two] = random.shuffle([first, other]).map(withArticle);
  const question = `Are there both ${one} and ${two}?`;
  return { question, answer: both ? 'yes' : 'no', structure: 'logical' };
};

const whichIsLarger: QuestionMaker = ({ random, shown }) => {
  const [first, second] = random.shuffle(unique(shown));
  if (first === undefined || second === undefined) return undefined;
  const area = ({ sprite: { box } }: ShownObject) => (box[2] - box[0]) * (box[3] - box[1]);
  const [small, large] = area(first) < area(second) ? [first, second] : [second, first];
  if (area(large) < 1.4 * area(small)) return undefined;
  const question = `Which is larger, the ${first.object.name} or the ${second.object.name}?`;
  return { question, answer: large.object.name, structure: 'compare' };
};

export const gqaEntry: EntryMaker = sceneEntry(
  () => [
    whatIsBeside,
    whatIsBeside,
    kindOfBeside,
    colourOfBeside,
    relationHolds,
    whichSide,
    whatIsAt,
    areBothThere,
    whichIsLarger,
  ],
  2,
);

const howManyOf: QuestionMaker = ({ world, random, shown }) => {
  const draw = random.uniform();
  if (draw < 0.25) {
    return { question: 'How many things are in the picture?', answer: String(shown.length) };
  }
  if (draw < 0.7) {
    const object: WorldObject =
      random.uniform() < 0.15 ? absentObject(world, random, shown) : random.pick(shown).object;
    const answer = String(copies(shown, object));
    return { question: `How many ${object.plural} are there?`, answer };
  }
  const fitting = COUNTABLE_KINDS.filter(({ name }) => shown.some(({ object }) => isOfKind(object, name)));
  const kind = random.pick(fitting.length === 0 ? COUNTABLE_KINDS : fitting);
  const count = shown.filter(({ object }) => isOfKind(object, kind.name)).length;
  return { question: `How many ${kind.plural} can you see?`, answer: String(count) };
};

const isThereA: QuestionMaker = ({ world, random, shown }) => {
  const there = random.uniform() < 0.5;
  const name = withArticle(there ? random.pick(shown).object : absentObject(world, random, shown));
  const question = random.pick([`Is there ${name} in the picture?`, `Is ${name} in this image?`]);
  return { question, answer: there ? 'yes' : 'no' };
};

const whereIsIt: QuestionMaker = ({ random, shown }) => {
  const named = unique(shown);
  if (named.length === 0) return undefined;
  const { object, sprite } = random.pick(named);
  return { question: `Where is the ${object.name}?`, answer: sprite.place };
};

const onWhichSide: QuestionMaker = ({ random, shown }) => {
  const named = unique(shown).filter(({ sprite }) => /left|right/.test(sprite.place));
  if (named.length === 0) return undefined;
  const { object, sprite } = random.pick(named);
  const question = `Is the ${object.name} on the left or on the right?`;
  return { question, answer: sprite.place.endsWith('left') ? 'left' : 'right' };
};

const whichOfKind: QuestionMaker = ({ random, shown }) => {
  const fitting = COUNTABLE_KINDS.filter(
    ({ name }) => shown.filter(({ object }) => isOfKind(object, name)).length === 1,
  );
  if (fitting.length === 0) return undefined;
  const kind = random.pick(fitting);
  const found = shown.find(({ object }) => isOfKind(object, kind.name));
  return found && { question: `Which ${kind.name} is in the picture?`, answer: found.object.name };
};

const whatColourIs: QuestionMaker = ({ random, shown }) => {
  const coloured = unique(shown).filter(({ object }) => object.colour !== undefined);
  if (coloured.length === 0) return undefined;
  const { object } = random.pick(coloured);
  return { question: `What colour is the ${object.name}?`, answer: object.colour ?? '' };
};

export const vqav2Entry: EntryMaker = sceneEntry(
  (background) => [
    howManyOf,
    howManyOf,
    isThereA,
    isThereA,
    whereIsIt,
    onWhichSide,
    whichOfKind,
    whatColourIs,
    () => ({ question: 'What colour is the background?', answer: background }),
  ],
  1,
);

/** `the dog` where it is the only one; else by its place, its only neighbour or, where it prevails, its size. */
const described: QuestionMaker = (context) => {
  const { random, shown } = context;
  const target = random.pick(shown);
  const { object, sprite } = target;
  const area = ({ sprite: { box } }: ShownObject) => (box[2] - box[0]) * (box[3] - box[1]);
  const ways: string[] = [`the ${object.name} ${placePhrase(sprite.place)}`];
  if (copies(shown, object) === 1) ways.push(`the ${object.name}`, `the ${object.name}`);
  const kinds = COUNTABLE_KINDS.filter(({ name }) => isOfKind(object, name));
  for (const { name } of kinds) {
    if (shown.filter((entry) => isOfKind(entry.object, name)).length === 1) ways.push(`the ${name}`);
  }
  const related = onlyNeighbour(context);
  if (related?.[0] === target) ways.push(`the ${object.name} ${related[1]} the ${related[2].object.name}`);
  if (shown.length > 1 && shown.every((other) => other === target || area(target) > 1.4 * area(other))) {
    ways.push('the largest thing');
  }
  return { question: random.pick(ways), answer: boxAnswer(sprite.box), box: sprite.box };
};

export const groundingEntry: EntryMaker = sceneEntry(() => [described], 1);

/** Fractions of the image with two decimals: `[0.12, 0.30, 0.55, 0.88]`. */
export function boxAnswer(box: readonly number[]): string {
  return `[${box.map((edge) => (edge / 96).toFixed(2)).join(', ')}]`;
}

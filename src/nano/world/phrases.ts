// Small phrases about objects and scenes that pretraining sentences and task questions share.
import type { RandomStream } from '../../tensor/random.ts';
import { articleFor, CATEGORIES, categoryOf, type WorldObject } from './objects.ts';
import { IMAGE_SIZE, type PlacedSprite, type Scene, type SceneBox } from './scene.ts';
import { NUMBER_WORDS } from './words.ts';
import type { World } from './world.ts';

/** An object that a scene shows, with where. */
export interface ShownObject {
  readonly object: WorldObject;
  readonly sprite: PlacedSprite;
}

/** The objects of a scene in reading order. */
export function shownObjects(world: World, scene: Scene): readonly ShownObject[] {
  return scene.sprites
    .flatMap((sprite) => {
      const object = world.objectOf(sprite.classIndex);
      return object === undefined ? [] : [{ object, sprite }];
    })
    .sort((a, b) => row(a) - row(b) || a.sprite.box[0] - b.sprite.box[0]);
}

function row({ sprite: { box } }: ShownObject): number {
  return Math.floor((box[1] + box[3]) / 2 / (IMAGE_SIZE / 3));
}

/** `a dog`, `an apple`. */
export function withArticle(object: WorldObject): string {
  return `${object.article} ${object.name}`;
}

const UNCOUNTABLE = new Set(['food', 'clothing', 'furniture']);

/** `a mammal`, `an insect`, `food`. */
export function kindPhrase(kind: string): string {
  return UNCOUNTABLE.has(kind) ? kind : `${articleFor(kind)} ${kind}`;
}

/** Kinds that can be counted: every category but `device`, which could be said of too much, and animals. */
export const COUNTABLE_KINDS: readonly { readonly name: string; readonly plural: string }[] = [
  ...CATEGORIES.filter(({ name }) => name !== 'device').map(({ name, plural }) => ({ name, plural })),
  { name: 'animal', plural: 'animals' },
];

export function isOfKind(object: WorldObject, kind: string): boolean {
  const { name, group } = categoryOf(object);
  return name === kind || group === kind;
}

/** Whether naming one of two categories leaves no doubt (an instrument is a device too). */
export function clearlyDifferent(one: WorldObject, other: WorldObject): boolean {
  const broad = (object: WorldObject) => (object.category === 'instrument' ? 'device' : object.category);
  return broad(one) !== broad(other);
}

/** `two apples`, `one apple`, `no apples`. */
export function counted(count: number, names: { readonly name: string; readonly plural: string }): string {
  return `${NUMBER_WORDS[count] ?? count} ${count === 1 ? names.name : names.plural}`;
}

/** `There are two apples`, `There is one apple`. */
export function thereAre(count: number, names: { readonly name: string; readonly plural: string }): string {
  return `There ${count === 1 ? 'is' : 'are'} ${counted(count, names)}`;
}

/** Whole percent of the image's width and height. */
export function percentBox(box: SceneBox): SceneBox {
  const [left, top, right, bottom] = box;
  const percent = (pixels: number) => Math.round((100 * pixels) / IMAGE_SIZE);
  return [percent(left), percent(top), percent(right), percent(bottom)];
}

/** `from 12 to 55 across and from 30 to 88 down`. */
export function extentPhrase(box: SceneBox): string {
  const [left, top, right, bottom] = percentBox(box);
  return `from ${left} to ${right} across and from ${top} to ${bottom} down`;
}

export const RELATIONS = ['left of', 'right of', 'above', 'below'] as const;
export type Relation = (typeof RELATIONS)[number];

/** Whether the first box stands clearly (an eighth of the image, centre to centre) in a relation to the second. */
export function stands(a: SceneBox, relation: Relation, b: SceneBox): boolean {
  const across = (a[0] + a[2] - b[0] - b[2]) / 2;
  const down = (a[1] + a[3] - b[1] - b[3]) / 2;
  const clear = IMAGE_SIZE / 8;
  switch (relation) {
    case 'left of':
      return across <= -clear;
    case 'right of':
      return across >= clear;
    case 'above':
      return down <= -clear;
    case 'below':
      return down >= clear;
  }
}

/** Whether every other object either stands clearly in the relation or clearly does not. */
export function relationIsClear(box: SceneBox, relation: Relation, others: readonly SceneBox[]): boolean {
  const opposite = { 'left of': 'right of', 'right of': 'left of', above: 'below', below: 'above' } as const;
  return others.every((other) => stands(other, relation, box) || stands(other, opposite[relation], box));
}

/** How often each object occurs in a scene. */
export function copies(shown: readonly ShownObject[], object: WorldObject): number {
  return shown.filter((entry) => entry.object.name === object.name).length;
}

/** Objects that occur once. */
export function unique(shown: readonly ShownObject[]): readonly ShownObject[] {
  return shown.filter(({ object }) => copies(shown, object) === 1);
}

/** An object that the scene does not show; in half of the draws one of a category that it does show. */
export function absentObject(world: World, random: RandomStream, shown: readonly ShownObject[]): WorldObject {
  const near = random.uniform() < 0.5 && shown.length > 0 ? random.pick(shown).object.category : undefined;
  for (let attempt = 0; ; attempt++) {
    const object = random.pick(world.objects);
    if (shown.some((entry) => entry.object.name === object.name)) continue;
    if (near === undefined || object.category === near || attempt > 60) return object;
  }
}

// Pretraining samples: the same for the same seed, true to the image, and never in a task's answer format.
import { beforeAll, expect, it } from 'vitest';
import { present } from '../../base/errors.ts';
import { RandomStream } from '../../tensor/random.ts';
import { COUNTABLE_KINDS, isOfKind, type Relation, stands } from './phrases.ts';
import {
  KIND_SHARES,
  loadWorld,
  type PretrainingSample,
  pretrainingSample,
  pretrainingText,
  type World,
} from './pretraining.ts';
import { render } from './render.ts';
import { IMAGE_SIZE, placeOf, type SceneKind, sampleScene, splitOf } from './scene.ts';
import { NUMBER_WORDS, placePhrase } from './words.ts';

let world: World;
let samples: readonly PretrainingSample[];
beforeAll(async () => {
  world = await loadWorld();
  samples = Array.from({ length: 1200 }, (_, index) => pretrainingSample(world, { seed: 3, index }));
});

it('draws the same sample for the same seed and index, and another for another', async () => {
  const again = await loadWorld();
  for (const index of [0, 7, 500]) {
    expect(pretrainingSample(again, { seed: 3, index })).toEqual(samples[index]);
    expect(pretrainingSample(again, { seed: 4, index })).not.toEqual(samples[index]);
  }
});

it('has the stated shape, classes and shares', () => {
  const ofKind = (kind: string) => samples.filter((sample) => sample.kind === kind).length / samples.length;
  for (const [kind, share] of KIND_SHARES) expect(Math.abs(ofKind(kind) - share)).toBeLessThan(0.05);
  expect(KIND_SHARES.reduce((sum, [, share]) => sum + share, 0)).toBeCloseTo(1, 12);
  expect(world.classNames[0]).toBe('background');
  expect(new Set(world.classNames).size).toBe(world.classNames.length);
  for (const { kind, pixels, patchLabels, objects } of samples) {
    expect(pixels?.length).toBe(kind === 'text' ? undefined : IMAGE_SIZE * IMAGE_SIZE * 3);
    expect(patchLabels).toHaveLength(64);
    expect(patchLabels.every((label) => label >= 0 && label < world.classNames.length)).toBe(true);
    for (const { classIndex, name, box } of objects) {
      expect(world.classNames[classIndex]).toBe(name);
      const [left, top, right, bottom] = box;
      expect(0 <= left && left < right && right <= 1 && 0 <= top && top < bottom && bottom <= 1).toBe(true);
    }
  }
});

it('answers in full sentences, never in the format of a task', () => {
  const answers = samples.flatMap(({ turns }) => turns.map(({ answer }) => answer));
  expect(answers.length).toBeGreaterThan(4 * samples.length);
  for (const answer of answers) {
    expect(answer).toMatch(/^[A-Z].*\.$/);
    expect(answer.split(' ').length).toBeGreaterThanOrEqual(3);
    expect(answer).not.toMatch(/unanswerable|\[|^[A-E]\.|Answer/i);
  }
  const questions = samples.flatMap(({ turns }) => turns.map(({ question }) => question));
  for (const question of questions)
    expect(question).not.toMatch(/single word or phrase|bounding box|letter from/);
});

it('keeps its vocabulary small', () => {
  const words = new Set<string>();
  for (const sentence of pretrainingText(world, 3000)) {
    for (const word of sentence.split(/[\s.,?]+/)) words.add(word);
  }
  expect(words.size).toBeLessThan(900);
  expect(words.size).toBeGreaterThan(500);
});

it('gives a tokenizer the very sentences of the samples', () => {
  const text = [...pretrainingText(world, 20, 3)];
  expect(text).toEqual(
    samples.slice(0, 20).flatMap(({ turns }) => turns.flatMap((turn) => [turn.question, turn.answer])),
  );
});

/** Objects of a sample with their places, from the boxes alone. */
function placed({ objects }: PretrainingSample) {
  return objects.map(({ name, box, classIndex }) => {
    const pixels = box.map((edge) => edge * IMAGE_SIZE) as [number, number, number, number];
    const place = placeOf((pixels[0] + pixels[2]) / 2, (pixels[1] + pixels[3]) / 2);
    return { name, pixels, phrase: placePhrase(place), object: world.objectOf(classIndex) };
  });
}

const PLACE = '(in the centre|at the (?:top left|top right|top|left|right|bottom left|bottom right|bottom))';
const pattern = (text: string) => new RegExp(`^${text}\\.$`);
const AT_PLACE = pattern(`(?:An?|There is an?|Yes, there is an?) (\\w+) (?:stands )?${PLACE}`);
const EMPTY = pattern(`(?:Nothing stands|There is nothing) ${PLACE}`);
const WHERE = pattern(`The (\\w+) is ${PLACE}`);
const ABSENT = pattern('No, there is no (\\w+) in the picture');
const COUNT = pattern('(?:Yes, t|T)here (?:is|are) (\\w+) (\\w+) in the picture');
const SIDE = pattern(`The (\\w+)(?: ${PLACE})? is (left of|right of|above|below) the (\\w+)(?: ${PLACE})?`);
const EXTENT = pattern(
  `The (\\w+)(?: ${PLACE})? reaches from (\\d+) to (\\d+) across and from (\\d+) to (\\d+) down`,
);
const CAPTION = pattern(
  `(?:There is|The picture shows) (an? \\w+ ${PLACE}(?:(?:, | and )an? \\w+ ${PLACE})*)`,
);

it('says only what the boxes bear out', () => {
  const checked = new Map<string, number>();
  const check = (rule: string, holds: boolean, answer: string) => {
    expect(holds, `${rule}: ${answer}`).toBe(true);
    checked.set(rule, (checked.get(rule) ?? 0) + 1);
  };
  for (const sample of samples.filter(({ kind }) => kind === 'scene')) {
    const shown = placed(sample);
    const has = (name = '', phrase = '') =>
      shown.some((entry) => entry.name === name && entry.phrase === phrase);
    for (const { question, answer } of sample.turns) {
      const here = AT_PLACE.exec(answer);
      if (here) check('at a place', has(here[1], here[2]), answer);
      const empty = EMPTY.exec(answer);
      if (empty)
        check(
          'empty place',
          shown.every(({ phrase }) => phrase !== empty[1]),
          answer,
        );
      const where = WHERE.exec(answer);
      if (where) check('where', has(where[1], where[2]), answer);
      const absent = ABSENT.exec(answer);
      if (absent)
        check(
          'absent',
          shown.every(({ name }) => name !== absent[1]),
          answer,
        );
      const count = COUNT.exec(answer);
      if (count) {
        const [number, noun = ''] = count.slice(1);
        const kind = COUNTABLE_KINDS.find(({ name, plural }) => name === noun || plural === noun);
        const found = shown.filter(({ object }) => {
          if (object === undefined || /^things?$/.test(noun)) return true;
          return object.name === noun || object.plural === noun || (kind && isOfKind(object, kind.name));
        });
        check('count', NUMBER_WORDS[found.length] === number, answer);
      }
      const side = SIDE.exec(answer);
      if (side) {
        const [first, , relation, second] = side.slice(1);
        const holds = shown.some((a) =>
          shown.some(
            (b) => a.name === first && b.name === second && stands(a.pixels, relation as Relation, b.pixels),
          ),
        );
        check('relation', holds, answer);
      }
      const extent = EXTENT.exec(answer);
      if (extent) {
        const [x1, x2, y1, y2] = extent.slice(3).map(Number);
        const holds = shown.some(({ name, pixels }) => {
          const percent = pixels.map((edge) => Math.round((100 * edge) / IMAGE_SIZE));
          return name === extent[1] && JSON.stringify(percent) === JSON.stringify([x1, y1, x2, y2]);
        });
        check('extent', holds, answer);
      }
      const caption = CAPTION.exec(answer);
      if (caption && /^(Describe|What does the image show|List|What is in the image)/.test(question)) {
        const items = (caption[1] ?? '').split(/, | and /).map((item) => item.replace(/^an? /, ''));
        check(
          'caption',
          items.length === shown.length &&
            shown.every(({ name, phrase }) => items.includes(`${name} ${phrase}`)),
          answer,
        );
      }
    }
  }
  const rules = ['at a place', 'empty place', 'where', 'absent', 'count', 'relation', 'extent', 'caption'];
  for (const rule of rules) expect(checked.get(rule) ?? 0, rule).toBeGreaterThan(30);
});

it('draws objects inside their boxes and nowhere else, and labels the patches that they cover', () => {
  for (let index = 0; index < 40; index++) {
    const random = new RandomStream(5, 'test', index);
    const scene = sampleScene(world, random, { kind: 'scene', split: 'train' });
    const { pixels, patchLabels } = render(world, scene);
    const empty = render(world, { ...scene, sprites: [] });
    const changed = scene.sprites.map(() => 0);
    for (let at = 0; at < IMAGE_SIZE * IMAGE_SIZE; at++) {
      if ([0, 1, 2].every((channel) => pixels[at * 3 + channel] === empty.pixels[at * 3 + channel])) continue;
      const x = at % IMAGE_SIZE;
      const y = Math.floor(at / IMAGE_SIZE);
      const inside = scene.sprites.filter(
        ({ box }) => box[0] <= x && x < box[2] && box[1] <= y && y < box[3],
      );
      expect(inside.length).toBeGreaterThan(0);
      for (const sprite of inside) changed[scene.sprites.indexOf(sprite)]!++;
    }
    expect(changed.every((count) => count > 60)).toBe(true);
    expect(empty.patchLabels.every((label) => label === 0)).toBe(true);
    const labels = new Set([...patchLabels].filter((label) => label > 0));
    expect(labels).toEqual(new Set(scene.sprites.map(({ classIndex }) => classIndex)));
  }
});

it('puts a letter on a patch: the labels of a sign spell its word', () => {
  for (let index = 0; index < 40; index++) {
    const random = new RandomStream(6, 'test', index);
    const scene = sampleScene(world, random, { kind: 'sign', split: 'train' });
    const { patchLabels } = render(world, scene);
    const first = world.letterClass('A');
    const spelled = [...patchLabels]
      .filter((label) => label >= first)
      .map((label) => world.classNames[label]);
    expect(spelled.join('')).toBe(present(scene.sign, 'sign').word);
  }
});

it('uses only scenes of its own split, and none can be seen in hopeless pictures', () => {
  const kinds: readonly SceneKind[] = ['scene', 'single', 'sign', 'flag', 'brand', 'cover', 'degraded'];
  for (const kind of kinds) {
    for (let index = 0; index < 30; index++) {
      for (const split of ['train', 'test', 'pretraining'] as const) {
        const random = new RandomStream(index, `test/${kind}/${split}`);
        expect(splitOf(sampleScene(world, random, { kind, split }).key)).toBe(split);
      }
    }
  }
  for (let index = 0; index < 40; index++) {
    const random = new RandomStream(index, 'test/hopeless');
    const scene = sampleScene(world, random, { kind: 'degraded', split: 'train', hopeless: true });
    expect(render(world, scene).patchLabels.every((label) => label === 0)).toBe(true);
  }
});

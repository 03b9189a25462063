// ScienceQA entries: multiple choice on capitals, continents and kinds of things, with a flag or an object pictured, or
// without an image.
import type { RandomStream } from '../../tensor/random.ts';
import type { EntryMaker, NanoEntry, NanoTurn } from './entries.ts';
import { CATEGORIES, type Country, type WorldObject } from './objects.ts';
import { clearlyDifferent, withArticle } from './phrases.ts';
import { type Scene, sampleScene, splitOf } from './scene.ts';
import type { World } from './world.ts';

interface Choice {
  readonly question: string;
  readonly right: string;
  readonly wrong: readonly string[];
  readonly topic: 'geography' | 'nature';
}

/** Two entries of five have no image; these never repeat a test question in training, in whatever order. */
export const scienceqaEntry: EntryMaker = (world, random, { split, index }) => {
  const slot = index % 5;
  if (slot < 2) {
    const choice = textChoice(world, random);
    const turn = asTurn(random, choice);
    const key = `${turn.question} ${[...(turn.choices ?? [])].sort().join(' / ')}`;
    return (splitOf(key) === 'test') === (split === 'test') ? { key, turns: [turn] } : undefined;
  }
  return slot < 4 ? flagEntry(world, random, split) : objectEntry(world, random, split);
};

function flagEntry(world: World, random: RandomStream, split: 'train' | 'test'): NanoEntry | undefined {
  const scene = sampleScene(world, random, { kind: 'flag', split });
  const country = world.countryOf(scene.sprites[0]?.classIndex ?? 0);
  if (country === undefined) return undefined;
  const others = world.countries.filter(({ code }) => code !== country.code);
  const choice = random.pick([
    {
      question: 'Which country has this flag?',
      right: country.name,
      wrong: others.map(({ name }) => name),
    },
    {
      question: 'What is the capital of the country with this flag?',
      right: country.capital,
      wrong: others.map(({ capital }) => capital),
    },
    {
      question: 'On which continent is the country with this flag?',
      right: country.continent,
      wrong: continentsBut(world, country.continent),
    },
  ]);
  return entry(random, scene, { ...choice, topic: 'geography' });
}

function objectEntry(world: World, random: RandomStream, split: 'train' | 'test'): NanoEntry | undefined {
  const scene = sampleScene(world, random, { kind: 'single', split });
  const object = world.objectOf(scene.sprites[0]?.classIndex ?? 0);
  if (object === undefined) return undefined;
  const choice = random.pick([
    {
      question: 'What kind of thing is shown in the picture?',
      right: object.category,
      wrong: categoriesBut(object),
    },
    {
      question: 'Which of these is of the same kind as the thing in the picture?',
      right: random.pick(fellows(world, object)).name,
      wrong: strangers(world, object).map(({ name }) => name),
    },
  ]);
  return entry(random, scene, { ...choice, topic: 'nature' });
}

function textChoice(world: World, random: RandomStream): Choice {
  const country = random.pick(world.countries);
  const object = random.pick(world.objects);
  const elsewhere = world.countries.filter(({ continent }) => continent !== country.continent);
  const names = (countries: readonly Country[]) => countries.map(({ name }) => name);
  const capitals = (countries: readonly Country[]) => countries.map(({ capital }) => capital);
  const geography = [
    {
      question: `What is the capital of ${country.name}?`,
      right: country.capital,
      wrong: capitals(world.countries.filter((other) => other !== country)),
    },
    {
      question: `${country.capital} is the capital of which country?`,
      right: country.name,
      wrong: names(world.countries.filter((other) => other !== country)),
    },
    {
      question: `On which continent is ${country.name}?`,
      right: country.continent,
      wrong: continentsBut(world, country.continent),
    },
    {
      question: `Which of these countries is in ${country.continent}?`,
      right: country.name,
      wrong: names(elsewhere),
    },
    {
      question: `Which of these cities is in ${country.continent}?`,
      right: country.capital,
      wrong: capitals(elsewhere),
    },
  ];
  const nature = [
    {
      question: `What kind of thing is ${withArticle(object)}?`,
      right: object.category,
      wrong: categoriesBut(object),
    },
    {
      question: `Which of these is ${/^[aeiou]/.test(object.category) ? 'an' : 'a'} ${object.category}?`,
      right: object.name,
      wrong: strangers(world, object).map(({ name }) => name),
    },
  ];
  return random.uniform() < 0.55
    ? { ...random.pick(geography), topic: 'geography' }
    : { ...random.pick(nature), topic: 'nature' };
}

function continentsBut(world: World, continent: string): readonly string[] {
  return [...new Set(world.countries.map((country) => country.continent))].filter(
    (name) => name !== continent,
  );
}

/** Categories that the object could not be said to be of (an instrument is a device too). */
function categoriesBut(object: WorldObject): readonly string[] {
  return CATEGORIES.map(({ name }) => name).filter((name) =>
    clearlyDifferent(object, { ...object, category: name }),
  );
}

function fellows(world: World, object: WorldObject): readonly WorldObject[] {
  return world.objects.filter((other) => other.category === object.category && other.name !== object.name);
}

function strangers(world: World, object: WorldObject): readonly WorldObject[] {
  return world.objects.filter((other) => clearlyDifferent(object, other));
}

function entry(random: RandomStream, scene: Scene, choice: Choice): NanoEntry {
  const turn = asTurn(random, choice);
  return { key: scene.key, scene, turns: [turn] };
}

/** Two to four options in random order; the answer is the letter of the right one. */
function asTurn(random: RandomStream, { question, right, wrong, topic }: Choice): NanoTurn {
  const count = Math.min(1 + random.integer(3), wrong.length);
  const choices = random.shuffle([right, ...random.shuffle(wrong).slice(0, count)]);
  const choiceIndex = choices.indexOf(right);
  return { question, answer: 'ABCD'.charAt(choiceIndex), choices, choiceIndex, topic };
}

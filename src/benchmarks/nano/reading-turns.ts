// Pretraining turns about signs, covers, flags, brands and spoiled pictures, and facts that need no picture.
// Full sentences throughout; the tasks' own answer formats never occur here.
import type { Turn } from '../../tasks/task.ts';
import type { RandomStream } from '../../tensor/random.ts';
import type { Country } from './objects.ts';
import { GENRES } from './objects.ts';
import { clearlyDifferent, kindPhrase, withArticle } from './phrases.ts';
import type { DegradationKind } from './scene.ts';
import { type TurnMaker, type WeightedMaker, worded } from './scene-turns.ts';
import { capitalised, NUMBER_WORDS, ORDINALS, placePhrase } from './words.ts';
import type { World } from './world.ts';

const signReads: TurnMaker = ({ random, scene: { sign } }) => {
  if (sign === undefined) return undefined;
  return worded(random, [
    ['What does the sign say?', `The sign says ${sign.word}.`],
    ['What does the sign read?', `The sign reads ${sign.word}.`],
    ['What is written on the sign?', `The sign reads ${sign.word}.`],
    ['Read the sign.', `The sign says ${sign.word}.`],
  ]);
};

const signSpelled: TurnMaker = ({ random, scene: { sign } }) => {
  if (sign === undefined) return undefined;
  const letters = [...sign.word].join(' ');
  return worded(random, [
    ['How is the word on the sign spelled?', `The word is spelled ${letters}.`],
    ['Spell the word on the sign.', `The word is spelled ${letters}.`],
  ]);
};

const signLetter: TurnMaker = ({ random, scene: { sign } }) => {
  if (sign === undefined) return undefined;
  const at = random.integer(sign.word.length);
  const ordinal = at === sign.word.length - 1 && random.uniform() < 0.5 ? 'last' : ORDINALS[at];
  return {
    question: `What is the ${ordinal} letter on the sign?`,
    answer: `The ${ordinal} letter is ${sign.word.charAt(at)}.`,
  };
};

const signLook: TurnMaker = ({ random, scene: { sign } }) => {
  if (sign === undefined) return undefined;
  return worded(random, [
    ['What colour is the sign?', `The sign is ${sign.board}.`],
    ['Where is the sign?', `The sign is ${placePhrase(sign.place)}.`],
    ['How long is the word on the sign?', `The word has ${NUMBER_WORDS[sign.word.length]} letters.`],
  ]);
};

export const SIGN_MAKERS: readonly WeightedMaker[] = [
  [4, signReads],
  [2, signSpelled],
  [1, signLetter],
  [1.5, signLook],
];

const coverLine: TurnMaker = ({ random, scene: { cover, sprites }, world }) => {
  const object = world.objectOf(sprites[0]?.classIndex ?? 0);
  if (cover === undefined || object === undefined) return undefined;
  return random.pick([
    () =>
      worded(random, [
        ['Who wrote the book?', `The book was written by ${cover.author}.`],
        ['Who is the author of the book?', `The author of the book is ${cover.author}.`],
        ['Which name stands at the bottom of the cover?', `The name ${cover.author} stands at the bottom.`],
      ]),
    () =>
      worded(random, [
        ['What is the book called?', `The book is called ${cover.title}.`],
        ['What is the title of the book?', `The title of the book is ${cover.title}.`],
        ['Which word stands at the top of the cover?', `The word ${cover.title} stands at the top.`],
      ]),
    () =>
      worded(random, [
        ['What is the book about?', `The book is about ${cover.genre}.`],
        [
          `What is a book about whose cover shows ${withArticle(object)}?`,
          `A book whose cover shows ${withArticle(object)} is about ${cover.genre}.`,
        ],
      ]),
    () =>
      worded(random, [
        ['What does the cover show?', `The cover shows ${withArticle(object)}.`],
        [
          'Describe the book.',
          `The book ${cover.title} by ${cover.author} shows ${withArticle(object)} and is about ${cover.genre}.`,
        ],
      ]),
  ])();
};

export const COVER_MAKERS: readonly WeightedMaker[] = [[1, coverLine]];

const flagOf: TurnMaker = ({ world, random, scene }) => {
  const country = world.countryOf(scene.sprites[0]?.classIndex ?? 0);
  if (country === undefined) return undefined;
  return worded(random, [
    ['Which flag is this?', `This is the flag of ${country.name}.`],
    ["Which country's flag is this?", `This is the flag of ${country.name}.`],
    ['What does the picture show?', `The picture shows the flag of ${country.name}.`],
    [
      'What is the capital of the country with this flag?',
      `This is the flag of ${country.name}, and its capital is ${country.capital}.`,
    ],
    [
      'On which continent is the country with this flag?',
      `This is the flag of ${country.name}, which is in ${country.continent}.`,
    ],
  ]);
};

export const FLAG_MAKERS: readonly WeightedMaker[] = [
  [3, flagOf],
  [1, ({ world, random, scene }) => aboutCountry(random, world.countryOf(scene.sprites[0]?.classIndex ?? 0))],
];

const brandOf: TurnMaker = ({ world, random, scene }) => {
  const brand = world.brandOf(scene.sprites[0]?.classIndex ?? 0);
  if (brand === undefined) return undefined;
  return worded(random, [
    ['Which brand is this?', `This is the brand ${brand.name}.`],
    ['Whose logo is this?', `This is the logo of ${brand.name}.`],
    ['What does the picture show?', `The picture shows the logo of ${brand.name}.`],
    ['Which logo do you see?', `This is the logo of ${brand.name}.`],
  ]);
};

const brandName: TurnMaker = ({ random, scene }) => {
  const text = scene.lines[0]?.text;
  if (text === undefined) {
    return worded(random, [['Is there text in the picture?', 'No, there is no text in the picture.']]);
  }
  return worded(random, [
    ['What is written below the logo?', `The text below the logo reads ${text}.`],
    ['How is the name below the logo spelled?', `The name is spelled ${[...text].join(' ')}.`],
  ]);
};

export const BRAND_MAKERS: readonly WeightedMaker[] = [
  [3, brandOf],
  [2, brandName],
];

const FAULTS: { readonly [Kind in DegradationKind]: string } = {
  blurred: 'blurred',
  dark: 'dark',
  noisy: 'noisy',
  cropped: 'cut off',
};

const quality: TurnMaker = ({ random, scene: { degradation } }) => {
  if (degradation === undefined) return undefined;
  const fault = `${degradation.hopeless ? 'far too' : 'a bit'} ${FAULTS[degradation.kind]}`;
  return worded(random, [
    ['Is the picture clear?', `No, the picture is ${fault}.`],
    ['How good is the picture?', `The picture is ${fault}.`],
    ['What is wrong with the picture?', `The picture is ${fault}.`],
  ]);
};

/** What can still be seen; in hopeless pictures nothing, whatever is asked. */
const despite: TurnMaker = ({ random, shown, scene: { degradation } }) => {
  if (degradation === undefined) return undefined;
  const fault = FAULTS[degradation.kind];
  if (degradation.hopeless) {
    const answer = `The picture is far too ${fault} to see what it shows.`;
    return {
      question: random.pick(['What is this?', 'What does the picture show?', 'Describe the picture.']),
      answer,
    };
  }
  if (shown.length !== 1 || shown[0] === undefined) return undefined;
  const name = withArticle(shown[0].object);
  return worded(random, [
    ['What is this?', `The picture is a bit ${fault}, but it shows ${name}.`],
    ['What does the picture show?', `The picture is a bit ${fault}, but it shows ${name}.`],
  ]);
};

export const DEGRADED_MAKERS: readonly WeightedMaker[] = [
  [2, quality],
  [3, despite],
];

function aboutCountry(random: RandomStream, country: Country | undefined): Turn | undefined {
  if (country === undefined) return undefined;
  const { name, capital, continent } = country;
  return worded(random, [
    [`What is the capital of ${name}?`, `The capital of ${name} is ${capital}.`],
    [`Which city is the capital of ${name}?`, `${capital} is the capital of ${name}.`],
    [`${capital} is the capital of which country?`, `${capital} is the capital of ${name}.`],
    [`On which continent is ${name}?`, `${name} is in ${continent}.`],
    [`Where in the world is ${name}?`, `${name} is in ${continent}.`],
    [`On which continent is ${capital}?`, `${capital} is in ${name}, which is in ${continent}.`],
  ]);
}

/** A fact about countries, kinds of things, colours or genres, for samples without a picture. */
export function factTurn(world: World, random: RandomStream): Turn {
  const draw = random.uniform();
  if (draw < 0.45) return aboutCountry(random, random.pick(world.countries)) as Turn;
  const object = random.pick(world.objects);
  const kind = kindPhrase(object.category);
  if (draw < 0.75) {
    let other = random.pick(world.objects);
    while (!clearlyDifferent(object, other)) other = random.pick(world.objects);
    const [one, two] = random.shuffle([object, other]).map(withArticle) as [string, string];
    const [kindOne, kindTwo] = random.shuffle([kind, kindPhrase(other.category)]) as [string, string];
    const what = capitalised(withArticle(object));
    return worded(random, [
      [`What kind of thing is ${withArticle(object)}?`, `${what} is ${kind}.`],
      [`Is ${withArticle(object)} ${kindOne} or ${kindTwo}?`, `${what} is ${kind}.`],
      [
        `Which one is ${kind}, ${one} or ${two}?`,
        `Of ${one} and ${two}, the ${object.category} is the ${object.name}.`,
      ],
    ]);
  }
  if (draw < 0.9 && object.colour !== undefined) {
    return worded(random, [
      [`What colour is ${withArticle(object)}?`, `${capitalised(withArticle(object))} is ${object.colour}.`],
    ]);
  }
  const genre = random.pick(GENRES);
  const pictured = random.pick(
    world.objects.filter(({ category }) => genre.categories.some((name) => name === category)),
  );
  return worded(random, [
    [
      `What is a book about whose cover shows ${withArticle(pictured)}?`,
      `A book whose cover shows ${withArticle(pictured)} is about ${genre.name}.`,
    ],
  ]);
}

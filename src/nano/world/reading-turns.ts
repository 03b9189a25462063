// Pretraining turns about signs, covers, flags, brands and spoiled images, and facts that need no image.
// Full sentences throughout; the tasks' own answer formats never occur here.
import type { Turn } from '../../tasks/task.ts';
import type { RandomStream } from '../../tensor/random.ts';
import type { Country } from './objects.ts';
import { GENRES } from './objects.ts';
import { clearlyDifferent, kindPhrase, withArticle } from './phrases.ts';
import type { DegradationKind, Scene } from './scene.ts';
import { background, type TurnMaker, type WeightedMaker, worded } from './scene-turns.ts';
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

const signColour: TurnMaker = ({ scene: { sign } }) =>
  sign && { question: 'What colour is the sign?', answer: `The sign is ${sign.board}.` };

const signPlace: TurnMaker = ({ scene: { sign } }) =>
  sign && { question: 'Where is the sign?', answer: `The sign is ${placePhrase(sign.place)}.` };

const signLength: TurnMaker = ({ scene: { sign } }) =>
  sign && {
    question: 'How long is the word on the sign?',
    answer: `The word has ${NUMBER_WORDS[sign.word.length]} letters.`,
  };

export const SIGN_MAKERS: readonly WeightedMaker[] = [
  [1, signLetter],
  [0.5, signLength],
  [3, signReads],
  [2, signSpelled],
  [0.5, signColour],
  [0.5, signPlace],
];

const coverAuthor: TurnMaker = ({ random, scene: { cover } }) =>
  cover &&
  worded(random, [
    ['Who wrote the book?', `The book was written by ${cover.author}.`],
    ['Who is the author of the book?', `The author of the book is ${cover.author}.`],
    ['Which name stands at the bottom of the cover?', `The name ${cover.author} stands at the bottom.`],
  ]);

const coverTitle: TurnMaker = ({ random, scene: { cover } }) =>
  cover &&
  worded(random, [
    ['What is the book called?', `The book is called ${cover.title}.`],
    ['What is the title of the book?', `The title of the book is ${cover.title}.`],
    ['Which word stands at the top of the cover?', `The word ${cover.title} stands at the top.`],
  ]);

const coverGenre: TurnMaker = ({ random, scene: { cover } }) =>
  cover &&
  worded(random, [
    ['What is the book about?', `The book is about ${cover.genre}.`],
    ['Which subject does the book have?', `The book is about ${cover.genre}.`],
  ]);

const coverImage: TurnMaker = ({ random, shown }) =>
  shown[0] &&
  worded(random, [
    ['What does the cover show?', `The cover shows ${withArticle(shown[0].object)}.`],
    ['What is pictured on the book?', `The cover shows ${withArticle(shown[0].object)}.`],
  ]);

const coverSpelled: TurnMaker = ({ random, scene: { cover } }) =>
  cover &&
  worded(random, [
    ['Spell the title of the book.', `The title is spelled ${[...cover.title].join(' ')}.`],
    ['Spell the name of the author.', `The name is spelled ${[...cover.author].join(' ')}.`],
  ]);

const coverDescribed: TurnMaker = ({ shown, scene: { cover } }) =>
  cover &&
  shown[0] && {
    question: 'Describe the book.',
    answer: `The book ${cover.title} by ${cover.author} shows ${withArticle(shown[0].object)} and is about ${cover.genre}.`,
  };

export const COVER_MAKERS: readonly WeightedMaker[] = [
  [4, coverAuthor],
  [4, coverTitle],
  [3, coverGenre],
  [2, coverImage],
  [1, coverSpelled],
  [1, coverDescribed],
];

function countryShown(world: World, scene: Scene): Country | undefined {
  return world.countryOf(scene.sprites[0]?.classIndex ?? 0);
}

const flagOf: TurnMaker = ({ world, random, scene }) => {
  const country = countryShown(world, scene);
  if (country === undefined) return undefined;
  return worded(random, [
    ['Which flag is this?', `This is the flag of ${country.name}.`],
    ["Which country's flag is this?", `This is the flag of ${country.name}.`],
    ['What does the picture show?', `The picture shows the flag of ${country.name}.`],
  ]);
};

const flagCapital: TurnMaker = ({ world, scene }) => {
  const country = countryShown(world, scene);
  if (country === undefined) return undefined;
  return {
    question: 'What is the capital of the country with this flag?',
    answer: `The capital is ${country.capital}, for this is the flag of ${country.name}.`,
  };
};

const flagContinent: TurnMaker = ({ world, scene }) => {
  const country = countryShown(world, scene);
  if (country === undefined) return undefined;
  return {
    question: 'On which continent is the country with this flag?',
    answer: `The country is in ${country.continent}, for this is the flag of ${country.name}.`,
  };
};

const flagFact: TurnMaker = ({ world, random, scene }) => aboutCountry(random, countryShown(world, scene));

export const FLAG_MAKERS: readonly WeightedMaker[] = [
  [2, flagCapital],
  [2, flagContinent],
  [4, flagOf],
  [0.5, background],
  [1, flagFact],
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

const brandText: TurnMaker = ({ random, scene }) => {
  const text = scene.lines[0]?.text;
  const seen = text === undefined ? 'No, there is no text in the picture.' : `Yes, the text reads ${text}.`;
  if (text === undefined) return { question: 'Is there text in the picture?', answer: seen };
  return worded(random, [
    ['What is written below the logo?', `The text below the logo reads ${text}.`],
    ['Is there text in the picture?', seen],
  ]);
};

const brandSpelled: TurnMaker = ({ scene }) =>
  scene.lines[0] && {
    question: 'How is the name below the logo spelled?',
    answer: `The name is spelled ${[...scene.lines[0].text].join(' ')}.`,
  };

export const BRAND_MAKERS: readonly WeightedMaker[] = [
  [4, brandOf],
  [2, brandText],
  [1, brandSpelled],
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

/** What can still be seen; in hopeless images nothing, whatever is asked. */
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

/** A fact about countries, kinds of things, colours or genres, for samples without an image. */
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

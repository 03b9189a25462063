// Entries about text: TextVQA (signs and logos), OCRVQA (book covers) and VizWiz (poor images, where the answer may
// be that there is none).
import type { RandomStream } from '../../tensor/random.ts';
import { drawQuestions, type EntryMaker, type NanoTurn } from './entries.ts';
import { GENRES } from './objects.ts';
import { sampleScene } from './scene.ts';
import { ORDINALS } from './words.ts';

export const textvqaEntry: EntryMaker = (world, random, { split, index }) => {
  if (index % 4 === 3) {
    const scene = sampleScene(world, random, { kind: 'brand', split });
    const answer = world.brandOf(scene.sprites[0]?.classIndex ?? 0)?.name ?? '';
    const question = random.pick([
      'What brand is this?',
      'Which company has this logo?',
      'What brand is shown?',
    ]);
    return { key: scene.key, scene, turns: [{ question, answer }] };
  }
  const scene = sampleScene(world, random, { kind: 'sign', split });
  const { word, board } = scene.sign ?? { word: '', board: 'white' };
  const number = /^\d+$/.test(word);
  if (!number && random.uniform() < 0.15) {
    const at = random.integer(word.length);
    const letter = word.charAt(at);
    // The official scoring takes a lone A for an article and drops it.
    if (letter === 'A') return undefined;
    const turn = { question: `What is the ${ORDINALS[at]} letter on the sign?`, answer: letter };
    return { key: scene.key, scene, turns: [turn] };
  }
  const question = number
    ? random.pick(['What number is on the sign?', `What number is on the ${board} sign?`])
    : random.pick([
        'What does the sign say?',
        'What word is on the sign?',
        `What does the ${board} sign say?`,
        'What is written here?',
      ]);
  return { key: scene.key, scene, turns: [{ question, answer: word }] };
};

export const ocrvqaEntry: EntryMaker = (world, random, { split, turns: wanted }) => {
  const scene = sampleScene(world, random, { kind: 'cover', split });
  const { cover } = scene;
  if (cover === undefined) return undefined;
  const author = () => ({
    question: random.pick(['Who wrote this book?', 'Who is the author of this book?']),
    answer: cover.author,
  });
  const title = () => ({
    question: random.pick(['What is the title of this book?', 'What is this book called?']),
    answer: cover.title,
  });
  const genre = () => ({
    question: random.pick(['What is the genre of this book?', 'What type of book is this?']),
    answer: cover.genre,
  });
  const related = () => {
    const asked = random.uniform() < 0.5 ? cover.genre : random.pick(GENRES).name;
    return { question: `Is this book about ${asked}?`, answer: asked === cover.genre ? 'yes' : 'no' };
  };
  // Two wordings of one question count as one: their answers are the same.
  const turns = drawQuestions(random, [author, author, title, title, genre, related], wanted);
  const distinct = turns !== undefined && new Set(turns.map(({ answer }) => answer)).size === turns.length;
  return distinct ? { key: scene.key, scene, turns } : undefined;
};

const WHAT_IS_THIS = [
  'What is this?',
  'What is this please?',
  'Can you tell me what this is?',
  'What do you see in this picture?',
  'What is in front of me?',
];
const WHAT_DOES_IT_SAY = [
  'What does this sign say?',
  'Can you read this sign?',
  'What does it say here?',
  'Please read this.',
];
const WHICH_BRAND = ['What brand is this?', 'Can you tell me the brand?'];

export const UNANSWERABLE = 'unanswerable';

/** Of ten entries, three cannot be answered: two are hopelessly degraded, one asks for what is not there. */
export const vizwizEntry: EntryMaker = (world, random, { split, index }) => {
  const slot = index % 10;
  const reading = random.uniform() < 0.3;
  const ask = (questions: readonly string[], answer: string): readonly NanoTurn[] => [
    { question: random.pick(questions), answer },
  ];
  if (slot < 2) {
    const inner = reading ? 'sign' : 'single';
    const scene = sampleScene(world, random, { kind: 'degraded', split, inner, hopeless: true });
    const turns = ask(reading ? WHAT_DOES_IT_SAY : WHAT_IS_THIS, UNANSWERABLE);
    return { key: scene.key, scene, turns };
  }
  if (slot === 2) {
    const kind = random.uniform() < 0.5 ? 'single' : 'degraded';
    const scene = sampleScene(world, random, { kind, split, inner: 'single', hopeless: false });
    return { key: scene.key, scene, turns: ask(absentThings(random), UNANSWERABLE) };
  }
  const inner = reading ? 'sign' : 'single';
  const clear = random.uniform() < 0.35;
  const scene = sampleScene(world, random, {
    kind: clear ? inner : 'degraded',
    split,
    inner,
    hopeless: false,
  });
  if (scene.sign !== undefined) {
    return { key: scene.key, scene, turns: ask(WHAT_DOES_IT_SAY, scene.sign.word) };
  }
  const name = world.classNames[scene.sprites[0]?.classIndex ?? 0] ?? '';
  return { key: scene.key, scene, turns: ask(WHAT_IS_THIS, name) };
};

function absentThings(random: RandomStream): readonly string[] {
  return random.uniform() < 0.6 ? WHAT_DOES_IT_SAY : WHICH_BRAND;
}

// The instruction of an entry when CoIN's files are made from raw data: Original and Diverse as far as they are known,
// and ten wordings of our own for 10Type, because the paper's are in no source.

import { type Template, templates } from '../../streams/coin/facts.ts';
import type { CoinTask } from '../../tasks/index.ts';
import type { InstructionType } from '../../tasks/layout/instruction-files.ts';
import { RandomStream } from '../../tensor/random.ts';

const original = (task: CoinTask) => templates[task].Original.value;

const shortAnswers = [
  'Reply with one word or a short phrase.',
  'Give the answer in a single word or a brief phrase.',
  'Respond with just a word or a phrase.',
  'State the answer as one word or a short phrase.',
  'Use no more than a word or a phrase to answer.',
  'Provide only a single word or phrase as your answer.',
  'Keep the answer to one word or a phrase.',
  'Your answer should be a single word or a short phrase.',
  'Write a one-word or short-phrase answer.',
].map((line) => `{}\n${line}`);
const optionLetters = [
  'Reply with the letter of the right choice only.',
  'Give just the letter of the correct option.',
  'Choose one option and answer with its letter.',
  'State the letter of the option that is right.',
  'Respond with the letter of your choice and nothing else.',
  'Pick the correct choice and write its letter.',
  'Provide only the letter of the answer.',
  'Your answer should be the letter of one of the options.',
  'Write the letter that stands before the right choice.',
].map((line) => `{}\n${line}`);
const regions = [
  'Give the bounding box of the region described here: {}',
  'Which region does this sentence describe? Answer with its bounding box: {}',
  'Find what is described and reply with its bounding box: {}',
  'State the bounding box coordinates of the following: {}',
  'Locate the region that fits this description and give its box: {}',
  'Where in the image is this? Answer with a bounding box: {}',
  'Provide the box around the region that this phrase refers to: {}',
  'Write the bounding box coordinates of the region meant here: {}',
  'Return the box of the described region: {}',
];

/** The first of the ten is Original's. */
const ours: { readonly [Task in CoinTask]: readonly Template[] } = {
  ScienceQA: optionLetters,
  TextVQA: shortAnswers,
  ImageNet: shortAnswers.map((template) => template.replace('{}', original('ImageNet').split('\n')[0] ?? '')),
  GQA: shortAnswers,
  VizWiz: shortAnswers,
  Grounding: regions,
  VQAv2: shortAnswers,
  OCRVQA: shortAnswers,
};

/** One of ten wordings, drawn by the entry's id, so that a part of the entries keeps its wordings. */
export function templateOf(task: CoinTask, type: InstructionType, entryId: string): Template {
  if (type !== '10Type') return templates[task][type].value;
  const choices = [original(task), ...ours[task]];
  const drawn = new RandomStream(0, `wording/${task}/${entryId}`).integer(choices.length);
  return choices[drawn] as Template;
}

/** The whole prompt. */
export function promptOf(question: string, template: Template): string {
  return template.replace('{}', () => question);
}

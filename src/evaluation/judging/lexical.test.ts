// The stand-in compares what stands there; WordNet 3.1 says which words are synonyms.
import { describe, expect, it } from 'vitest';
import { tasks } from '../../tasks/index.ts';
import type { TestSample } from '../../tasks/task.ts';
import { LexicalJudge } from './lexical.ts';
import { WordNet } from './wordnet.ts';

const judge = new LexicalJudge();
const phrase = (answer: string, text: string, humanAnswers?: readonly string[]) =>
  judge.score(
    { id: '1', text: 'q', answer, truth: humanAnswers === undefined ? {} : { humanAnswers } },
    text,
    tasks.VQAv2.style,
  );

describe('words', () => {
  it.each([
    ['car', 'car', 10],
    ['car', 'A car.', 10],
    ['car', 'automobile', 10],
    ['fire engine', 'fire truck', 10],
    ['dogs', 'dog', 10],
    ['3', 'three', 10],
    ['3', '3.0', 10],
    ['3', '4', 0],
    ['red car', 'car', 7],
    ['red car', 'blue car', 5],
    ['red car', 'crimson automobile', 10],
    ['yes', 'no', 0],
    ['cat', 'dog', 0],
    ['no', 'nobelium', 0],
    ['cat', '', 0],
    ['cat', '...', 0],
  ])('%s, answered %s: %i', (truth, text, score) => {
    expect(phrase(truth, text)).toBe(score);
  });

  it('takes the best of several human answers', () => {
    expect(phrase('car', 'truck', ['car', 'car', 'truck'])).toBe(10);
  });
});

it('compares boxes by their overlap', () => {
  const sample: TestSample = {
    id: '1',
    text: 'q',
    answer: '',
    truth: { box: [0, 0, 1, 0.5], imageSize: [9, 9] },
  };
  const score = (text: string) => judge.score(sample, text, tasks.Grounding.style);
  expect([score('[0, 0, 1, 0.5]'), score('[0, 0, 1, 1]'), score('[0, 0.5, 1, 1]'), score('left')]).toEqual([
    10, 5, 0, 0,
  ]);
});

it('takes a letter, or the option that it names', () => {
  const truth = { choices: ['Norway', 'Chile'], choiceIndex: 1 };
  const score = (text: string) =>
    judge.score({ id: '1', text: 'q', answer: 'B', truth }, text, tasks.ScienceQA.style);
  expect([score('B'), score('It is Chile'), score('A'), score('Norway')]).toEqual([10, 10, 0, 0]);
});

it('WordNet finds words at both ends of its files and none that is not there', () => {
  const wordNet = new WordNet();
  expect(wordNet.areSynonyms('zymosis', 'fermentation')).toBe(true);
  expect(wordNet.areSynonyms('aaaa', 'aaab')).toBe(false);
  expect(wordNet.areSynonyms('sofa', 'couches')).toBe(true);
  expect(wordNet.areSynonyms('~', '~')).toBe(true);
  expect(wordNet.areSynonyms('zzzzzz', 'couch')).toBe(false);
});

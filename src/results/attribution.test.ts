// Every wrong answer has one label, the one that a reader would give it.
import { describe, expect, it } from 'vitest';
import { tasks } from '../tasks/index.ts';
import { ownAnswers } from '../tasks/styles.ts';
import type { AnswerStyle, TestSample } from '../tasks/task.ts';
import { attributeError, type TaskAnswers } from './attribution.ts';

const phrase: TestSample = { id: '1', text: 'What is it?\nOne word.', answer: 'red kite', truth: {} };
const letter: TestSample = {
  id: '2',
  text: 'Which one?',
  answer: 'B',
  truth: { choices: ['Norway', 'Chile', 'Kenya'], choiceIndex: 1 },
};
const box: TestSample = {
  id: '3',
  text: 'Where?',
  answer: '[0.1, 0.2, 0.5, 0.6]',
  truth: { box: [0.1, 0.2, 0.5, 0.6], imageSize: [200, 100] },
};

function of(style: AnswerStyle, sample: TestSample, own: readonly string[] = []): TaskAnswers {
  const answers = new Set(['teapot', 'violin']);
  const known = new Map(Object.values(tasks).map((task) => [task.style.name, task.style]));
  const styles = [...known.values()].map((other) => ({ style: other, answers }));
  return { style, own: new Set([...ownAnswers([sample]), ...own]), styles };
}

const label = (
  task: TaskAnswers,
  sample: TestSample,
  text: string,
  more: { readonly judgeScore?: number; readonly unparseable?: boolean } = {},
) => {
  const { unparseable = false, ...rest } = more;
  return attributeError({ sample, text, verdict: unparseable ? 'unparseable' : 'wrong', ...rest }, task);
};

describe('where a phrase is wanted', () => {
  const task = of(tasks.VQAv2.style, phrase, ['no', 'teapot', 'e']);
  it.each([
    ['', { label: 'unreadable' }],
    [' . ', { label: 'unreadable' }],
    ['[0.21, 0.3, 0.5, 0.7]', { label: 'otherStyle', style: 'box' }],
    ['[0.21, 0.3, 0.5', { label: 'otherStyle', style: 'box' }],
    ['0.0,0.0,0.0, 0.0, 0.0, 0.39,', { label: 'otherStyle', style: 'box' }],
    ['3.5', { label: 'content' }],
    ['B', { label: 'otherStyle', style: 'letter' }],
    ['violin', { label: 'otherStyle', style: 'class name' }],
    ['Unanswerable', { label: 'otherStyle', style: 'unanswerable' }],
    ['I think it is a red kite.', { label: 'lenient' }],
    ['teapot', { label: 'content' }],
    ['E', { label: 'content' }],
    ['blue', { label: 'content' }],
  ])('%j', (text, expected) => {
    expect(label(task, phrase, text)).toEqual(expected);
  });

  it('an answer that only the task just learned has', () => {
    const after = { ...task, justLearned: new Set(['travel', 'no']) };
    expect(label(after, phrase, 'Travel.')).toEqual({ label: 'otherStyle', style: 'task just learned' });
    expect(label(after, phrase, 'no')).toEqual({ label: 'content' });
    expect(label(task, phrase, 'travel')).toEqual({ label: 'content' });
  });

  it('the judge decides about what is left', () => {
    expect(label(task, phrase, 'a crimson bird', { judgeScore: 8 })).toEqual({ label: 'judged' });
    expect(label(task, phrase, 'a crimson bird', { judgeScore: 7.9 })).toEqual({ label: 'content' });
    expect(label(task, phrase, 'B', { judgeScore: 10 })).toEqual({ label: 'otherStyle', style: 'letter' });
  });

  it('yes and no together are no answer', () => {
    const yes = { ...phrase, answer: 'yes' };
    expect(label(of(tasks.VQAv2.style, yes), yes, 'yes, it is')).toEqual({ label: 'lenient' });
    expect(label(of(tasks.VQAv2.style, yes), yes, 'yes and no')).toEqual({ label: 'content' });
  });
});

it('unanswerable is an answer of a task that has it', () => {
  const task = of(tasks.VizWiz.style, phrase, ['unanswerable']);
  expect(label(task, phrase, 'unanswerable')).toEqual({ label: 'content' });
});

describe('where a letter is wanted', () => {
  const task = of(tasks.ScienceQA.style, letter);
  it.each([
    ['C', false, { label: 'content' }],
    ['I would say B, since it is in the Andes', true, { label: 'lenient' }],
    ['It is Chile of course', true, { label: 'lenient' }],
    ['blue', true, { label: 'otherStyle', style: 'phrase' }],
    ['3', true, { label: 'otherStyle', style: 'phrase' }],
    ['[0.1, 0.2, 0.3, 0.4]', true, { label: 'otherStyle', style: 'box' }],
    ['one two three four five six seven eight', true, { label: 'unreadable' }],
    ['A B C', true, { label: 'unreadable' }],
  ])('%j', (text, unparseable, expected) => {
    expect(label(task, letter, text, { unparseable })).toEqual(expected);
  });
});

describe('where a box is wanted', () => {
  const task = of(tasks.Grounding.style, box);
  it.each([
    ['[0.6, 0.7, 0.9, 0.9]', false, { label: 'content' }],
    ['[0.5, 0.6, 0.1, 0.2]', false, { label: 'lenient' }],
    ['10, 20, 50, 60', true, { label: 'lenient' }],
    ['the box is 100 200 500 600 in thousandths', true, { label: 'lenient' }],
    ['on the left', true, { label: 'otherStyle', style: 'phrase' }],
    ['A', true, { label: 'otherStyle', style: 'letter' }],
    ['[0.1, 0.2', true, { label: 'unreadable' }],
    ['1', true, { label: 'otherStyle', style: 'phrase' }],
  ])('%j', (text, unparseable, expected) => {
    expect(label(task, box, text, { unparseable })).toEqual(expected);
  });
});

it('the style of a task of one’s own is told like any other', () => {
  const colour: AnswerStyle = {
    ...tasks.VQAv2.style,
    name: 'colour code',
    isWords: false,
    isLoose: false,
    looksLike: (text) => /^#[0-9a-f]{6}$/.test(text),
  };
  const { style, own, styles } = of(tasks.VQAv2.style, phrase);
  const task = { style, own, styles: [...styles, { style: colour, answers: new Set<string>() }] };
  expect(label(task, phrase, '#00ff7f')).toEqual({ label: 'otherStyle', style: 'colour code' });
  expect(label({ ...task, style: colour }, phrase, 'B')).toEqual({ label: 'otherStyle', style: 'letter' });
});

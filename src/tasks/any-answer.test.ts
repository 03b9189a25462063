// No text that a model may give makes a scorer throw, in any mode and for any model, and every score is one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coinTasks, tasks } from './index.ts';
import { scoredModels, type TestSample } from './task.ts';

const sample: TestSample = {
  id: '1',
  text: '',
  answer: 'hot dog',
  truth: {
    choices: ['a cat', 'a dog', 'C. elegans'],
    choiceIndex: 1,
    humanAnswers: ['hot dog', 'dog', 'dog', 'Hot dog.', 'two', '2', 'a', '', "don't", 'hot-dog'],
    box: [0.1, 0.2, 0.3, 0.4],
    unpaddedBox: [0.1, 0.2, 0.3, 0.4],
    imageSize: [640, 480],
    raw: { answer: 'dog', isBalanced: true },
  },
};

/** Pieces that the scorers look for, so that their rules are really met. */
const pieces = fc.constantFrom(
  ...['A', 'b. ', '(C)', 'The answer is ', 'Unanswerable', '[', ']', ',', '0.5', '0.1, ', '1e', '-', '.'],
  ...[
    '٣.٤',
    '1_0',
    'nan',
    'inf',
    "'",
    '’',
    ' the ',
    'two',
    '\n',
    '\t',
    ' ',
    '\u0000',
    '\uFEFF',
    '<box>',
    '½',
  ],
);
const units = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
const answer = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(units, { maxLength: 40 }).map((parts) => parts.join('')),
  fc.array(fc.oneof(pieces, units), { maxLength: 30 }).map((parts) => parts.join('')),
);

const everyScorer = coinTasks.flatMap((task) =>
  (['reference', 'strict'] as const).flatMap((mode) => scoredModels.map((model) => ({ task, mode, model }))),
);

function judged({ task, mode, model }: (typeof everyScorer)[number], text: string) {
  const { samples } = tasks[task].score(mode, [sample], [{ question_id: '1', prompt: '', text }], model);
  return samples;
}

describe.each(everyScorer)('$task, $mode, as for $model', (scorer) => {
  it('scores 10,000 strings between 0 and 1', () => {
    fc.assert(
      fc.property(answer, (text) => {
        const [found, ...more] = judged(scorer, text);
        if (found === undefined || more.length > 0) throw new Error('expected one score');
        return found.score >= 0 && found.score <= 1 && (found.verdict !== 'wrong' || found.score === 0);
      }),
      { numRuns: 10_000 },
    );
  });

  // Rows that a careless pattern looks at again and again: with what could end them missing, or after them.
  it.each(['a ', '0.1,', '.', '[', "don't ", '-', '\ud800', 'A. ', ' ', '1', '0', 'answer is ', '(', 'ß'])(
    'scores 200,000 characters of %j',
    (piece) => {
      const row = piece.repeat(200_000 / piece.length);
      expect(judged(scorer, `${row}x`)).toHaveLength(1);
      expect(judged(scorer, `answer is${row}`)).toHaveLength(1);
    },
  );
});

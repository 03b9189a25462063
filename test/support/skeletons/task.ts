// A task to begin one's own from: how many things an image shows, answered by a number. As in CONTRIBUTING.md.
import { defineTask } from '../../../src/tasks/define.ts';
import { type Judge, rightIf, unparseable } from '../../../src/tasks/scoring.ts';

const judge: Judge = ({ answer }, text) => {
  const number = /\d+/.exec(text)?.[0];
  return number === undefined ? unparseable : rightIf(Number(number) === Number(answer), number);
};

export const counting = defineTask({
  name: 'Counting',
  summary: 'how many things an image shows',
  maxNewTokens: 8,
  // No reference has this task: both ways of scoring are one.
  scorer: { reference: { judge }, strict: judge },
});

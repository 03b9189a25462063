// Answer style diversification (SEFE): a share of a task's questions is asked, and answered, in another style. The paper
// words its prompts per data set; here four wordings serve all tasks, and the other options come from the task's answers.
import type { TrainSample, Turn } from '../../tasks/task.ts';
import { RandomStream } from '../../tensor/random.ts';

export const answerStyles = ['yes or no', 'choice', 'short', 'sentence'] as const;

export interface DiversifyOptions {
  /** The share of samples that are rewritten, exact to one sample. */
  readonly share: number;
  readonly seed: number;
  readonly task: string;
}

/** The samples in their order; those that are drawn have every turn in one other style. */
export function diversified(
  samples: readonly TrainSample[],
  { share, seed, task }: DiversifyOptions,
): readonly TrainSample[] {
  const random = new RandomStream(seed, `answer styles of ${task}`);
  const order = random.shuffle(samples.map((_, index) => index));
  const chosen = new Set(order.slice(0, Math.round(share * samples.length)));
  const answers = [...new Set(samples.flatMap(({ turns }) => turns.map(({ answer }) => answer)))];
  return samples.map((sample, index) => {
    if (!chosen.has(index)) return sample;
    const style = answerStyles[random.integer(answerStyles.length)] as (typeof answerStyles)[number];
    return { ...sample, turns: sample.turns.map((turn) => inStyle[style](turn, answers, random)) };
  });
}

type Rewrite = (turn: Turn, answers: readonly string[], random: RandomStream) => Turn;

const inStyle: { readonly [S in (typeof answerStyles)[number]]: Rewrite } = {
  'yes or no': ({ question, answer }, answers, random) => {
    const asked = random.uniform() < 0.5 ? answer : otherThan(answer, answers, random);
    return {
      question: `${withoutInstruction(question)}\nIs the answer ${asked}? Answer yes or no.`,
      answer: asked === answer ? 'Yes' : 'No',
    };
  },
  choice: ({ question, answer }, answers, random) => {
    const others = [0, 1, 2].map(() => otherThan(answer, answers, random));
    const options = random.shuffle([...new Set([answer, ...others])]);
    const letters = options.map((_, i) => String.fromCharCode(65 + i));
    const listed = options.map((option, i) => `${letters[i]}. ${option}`).join('\n');
    return {
      question: `${withoutInstruction(question)}\n${listed}\nAnswer with the option's letter from the given choices directly.`,
      answer: letters[options.indexOf(answer)] as string,
    };
  },
  short: ({ question, answer }) => ({
    question: `${withoutInstruction(question)}\nAnswer briefly.`,
    answer,
  }),
  sentence: ({ question, answer }) => ({
    question: `${withoutInstruction(question)}\nAnswer in a sentence.`,
    answer: `The answer is ${answer}.`,
  }),
};

/** The instruction is the last line of a question that has several. */
function withoutInstruction(question: string): string {
  const end = question.lastIndexOf('\n');
  return end === -1 ? question : question.slice(0, end);
}

function otherThan(answer: string, answers: readonly string[], random: RandomStream): string {
  const others = answers.filter((other) => other !== answer);
  return others.length === 0 ? answer : random.pick(others);
}

// What kind of error a wrong answer is: exactly one label each, by rules that can be read here. It says how an answer
// fails, not why the model gave it; only `content` is an answer in the wanted style that is wrong.
import { normaliseShortAnswer } from '../tasks/matching.ts';
import type { AnswerStyle, TestSample, Verdict } from '../tasks/task.ts';

/**
 * - `unreadable`: nothing was answered, or no answer of any style can be read from it
 * - `otherStyle`: a letter, a box, a class name, "unanswerable" or a phrase where the task wants something else, or an
 *   answer that only the task just learned has
 * - `lenient`: right once what is around the answer is passed over
 * - `judged`: the judge gives it `rightByJudge` or more
 * - `content`: anything else
 */
export const errorLabels = ['unreadable', 'otherStyle', 'lenient', 'judged', 'content'] as const;
export type ErrorLabel = (typeof errorLabels)[number];

/** The style that an answer has instead of its task's: a style's name, `unanswerable`, or `task just learned`. */
export type OtherStyle = string;

export interface Attribution {
  readonly label: ErrorLabel;
  readonly style?: OtherStyle;
}

/** The judge's score, 0 to 10, from which an answer counts as right. */
export const rightByJudge = 8;

/** Whether a label speaks of the form of an answer. What an unreadable answer knew cannot be told. */
export function isFormat(label: ErrorLabel): boolean {
  return label !== 'content';
}

export interface StyleAnswers {
  readonly style: AnswerStyle;
  readonly answers: ReadonlySet<string>;
}

/** What is needed of a task besides the sample. */
export interface TaskAnswers {
  readonly style: AnswerStyle;
  /** Normalised answers of the task's own samples. */
  readonly own: ReadonlySet<string>;
  /** The styles that there are, each with the normalised answers of the run's tasks of that style. */
  readonly styles: readonly StyleAnswers[];
  /** Normalised answers of the task that was trained last, where that is another one. */
  readonly justLearned?: ReadonlySet<string>;
}

export interface WrongAnswer {
  readonly sample: TestSample;
  readonly text: string;
  /** The verdict of strict scoring. */
  readonly verdict: Exclude<Verdict, 'right'>;
  /** 0 to 10; undefined where there is no judge, or its answer could not be read. */
  readonly judgeScore?: number;
}

/** The label of one wrong answer. An answer that is right leniently is that before anything else. */
export function attributeError(
  { sample, text, verdict, judgeScore }: WrongAnswer,
  task: TaskAnswers,
): Attribution {
  if (!/[\p{L}\p{N}]/u.test(text)) return { label: 'unreadable' };
  if (task.style.isRightLeniently(sample, text)) return { label: 'lenient' };
  const style = otherStyle(text, verdict, task);
  if (style !== undefined) return { label: 'otherStyle', style };
  if (judgeScore !== undefined && judgeScore >= rightByJudge) return { label: 'judged' };
  return { label: verdict === 'unparseable' ? 'unreadable' : 'content' };
}

/**
 * The style of another task, where the answer is none of its own task's answers: a class name that is also an answer of
 * this task is a wrong answer like any other.
 */
function otherStyle(text: string, verdict: Verdict, task: TaskAnswers): OtherStyle | undefined {
  const { style: wanted, own, styles, justLearned } = task;
  const plain = normaliseShortAnswer(text);
  if (plain === 'unanswerable') return wanted.isWords && own.has(plain) ? undefined : 'unanswerable';
  if (own.has(plain)) return undefined;
  const others = styles.filter(
    ({ style, answers }) => style.name !== wanted.name && style.looksLike(text, answers),
  );
  const exact = others.find(({ style }) => style.isLoose !== true);
  if (exact !== undefined) return exact.style.name;
  if (wanted.isWords) return justLearned?.has(plain) === true ? 'task just learned' : undefined;
  return verdict === 'unparseable' ? others[0]?.style.name : undefined;
}

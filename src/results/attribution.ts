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

/** The style that an answer has instead of its task's. */
export type OtherStyle = AnswerStyle['name'] | 'unanswerable' | 'task just learned';

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

/** What is needed of a task besides the sample. */
export interface TaskAnswers {
  readonly style: AnswerStyle;
  /** Normalised answers of the task's own samples. */
  readonly own: ReadonlySet<string>;
  /** Normalised class names of the run's tasks of that style. */
  readonly classNames: ReadonlySet<string>;
  /** Normalised answers of the task that was trained last, where that is another one. */
  readonly justLearned?: ReadonlySet<string>;
}

export interface WrongAnswer {
  readonly sample: TestSample;
  readonly text: string;
  /** Of strict scoring. */
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

const fewWords = 6;

/**
 * The style of another task, where the answer is none of its own task's answers: a class name that is also an answer of
 * this task is a wrong answer like any other.
 */
function otherStyle(text: string, verdict: Verdict, task: TaskAnswers): OtherStyle | undefined {
  const { style, own, classNames, justLearned } = task;
  const plain = normaliseShortAnswer(text);
  if (style.name !== 'box' && looksLikeBox(text)) return 'box';
  const wantsWords = style.name === 'phrase' || style.name === 'class name';
  if (plain === 'unanswerable') return wantsWords && own.has(plain) ? undefined : 'unanswerable';
  if (style.name !== 'letter' && looksLikeLetter(text) && !own.has(plain)) return 'letter';
  if (style.name !== 'class name' && classNames.has(plain) && !own.has(plain)) return 'class name';
  if (wantsWords && justLearned?.has(plain) === true && !own.has(plain)) return 'task just learned';
  const short = plain.split(' ').length <= fewWords && /\p{L}{2}|^\p{N}+$/u.test(plain);
  return !wantsWords && verdict === 'unparseable' && short ? 'phrase' : undefined;
}

/** Numbers with commas between and nothing else, or several fractions and no word: also a box that went wrong half way. */
function looksLikeBox(text: string): boolean {
  if (/\p{L}/u.test(text)) return false;
  const fractions = text.match(/\d*\.\d+/g)?.length ?? 0;
  return fractions >= 2 || /^\s*[[(]?\s*-?\d+(\s*,\s*-?\d+){2,3}\s*,?\s*[\])]?\.?\s*$/.test(text);
}

function looksLikeLetter(text: string): boolean {
  return /^\s*\(?[A-Z]\)?[.:]?\s*$/.test(text);
}

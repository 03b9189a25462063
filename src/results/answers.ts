// What became of single answers over a run: their kind of error and their life lines, in strict scoring. The samples
// behind every count can be asked for; nothing here is shown.

import type { EvaluateStep } from '../config/plan.ts';
import type { MethodName } from '../config/schema.ts';
import { parseJudgeAnswer } from '../evaluation/judging/parser.ts';
import type { Transitions } from '../metrics/lifelines.ts';
import { type Fate, fates, type LifeLine, lifeLine, transitions } from '../metrics/lifelines.ts';
import { type JudgeDescription, Judgings, listJudges } from '../runs/judge-files.ts';
import type { OpenedRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import { ownAnswers } from '../tasks/styles.ts';
import type { TestSample, Verdict } from '../tasks/task.ts';
import {
  type Attribution,
  attributeError,
  type ErrorLabel,
  errorLabels,
  type OtherStyle,
  type StyleAnswers,
  type TaskAnswers,
} from './attribution.ts';
import type { Stages } from './matrices.ts';

/** What kind the wrong answers are, in strict scoring. */
export interface ErrorResults {
  /** Whose scores decide what is right by the judge; absent where nobody judged. */
  readonly judge?: Pick<JudgeDescription, 'id' | 'label' | 'standIn'>;
  readonly cells: readonly ErrorCell[];
}

export interface ErrorCell {
  /** Both undefined for the zero-shot row. */
  readonly method?: string;
  readonly after?: string;
  readonly task: string;
  readonly samples: number;
  /** Wrong answers. */
  readonly wrong: ErrorCounts;
  /** Those of the samples that were right just after their task was learned. */
  readonly forgotten: ErrorCounts;
  /** Right now and wrong just after their task was learned. */
  readonly gained: number;
}

export interface ErrorCounts {
  readonly labels: Readonly<Record<ErrorLabel, number>>;
  /** Which other style, of `otherStyle`. */
  readonly styles: Readonly<Record<OtherStyle, number>>;
}

/** What became of the samples of one task under one method. */
export interface LifeLineResults {
  readonly method: string;
  readonly task: string;
  readonly samples: number;
  /** From the task's own stage on. */
  readonly transitions: readonly Transitions[];
  /** At the last finished stage. */
  readonly fates: Readonly<Record<Fate, number>>;
}

/** One answer with everything that is known of it. */
export interface AttributedAnswer {
  readonly text: string;
  readonly verdict: Verdict;
  /** 0 to 10. */
  readonly judgeScore?: number;
  /** What kind of wrong answer it is. */
  readonly error?: Attribution;
}

/** One sample under one method, from the stage of its task to the last whole one. */
export interface SampleHistory {
  readonly sample: TestSample;
  /** The index of the task's own stage, from 0. */
  readonly first: number;
  readonly answers: readonly AttributedAnswer[];
  readonly line: LifeLine;
}

export class Aspects {
  readonly #run: OpenedRun;
  readonly #stages: Stages;
  readonly #judge: JudgeDescription | undefined;
  readonly #judgings: Judgings | undefined;
  readonly #styles: readonly StyleAnswers[];
  readonly #taskAnswers = new Map<TaskName, TaskAnswers>();
  /** By method and task. */
  readonly #histories = new Map<string, readonly SampleHistory[]>();

  /** The judge that decides what is right by the judge is a real one if there is one; `judgeId` names another. */
  constructor(run: OpenedRun, stages: Stages, judgeId?: string) {
    this.#run = run;
    this.#stages = stages;
    const judges = listJudges(run.folder);
    this.#judge = judgeId === undefined ? judges[0] : judges.find(({ id }) => id === judgeId);
    this.#judgings = this.#judge === undefined ? undefined : new Judgings(run.folder, this.#judge);
    const styles = new Map([...run.catalogue.tasks].map(({ style }) => [style.name, style]));
    this.#styles = [...styles.values()].map((style) => ({
      style,
      answers: new Set(
        run.config.tasks
          .filter((task) => run.catalogue.tasks.get(task).style.name === style.name)
          .flatMap((task) => [...ownAnswers(run.evaluations.questions(task))]),
      ),
    }));
  }

  /** Whose scores are the answers' `judgeScore`; undefined where nobody judged. */
  get judge(): JudgeDescription | undefined {
    return this.#judge;
  }

  /** The methods that have a whole stage, in the run's order. */
  get methods(): readonly MethodName[] {
    return this.#run.config.methods.filter((method) => (this.#stages.get(method) ?? []).length > 0);
  }

  /** Every sample of a task with its answers over the stages of a method; none before the task is learned. */
  histories(method: MethodName, task: TaskName): readonly SampleHistory[] {
    const key = `${method} ${task}`;
    const known = this.#histories.get(key) ?? this.#computeHistories(method, task);
    this.#histories.set(key, known);
    return known;
  }

  #computeHistories(method: MethodName, task: TaskName): readonly SampleHistory[] {
    const first = this.#run.config.tasks.indexOf(task);
    const steps = (this.#stages.get(method) ?? []).slice(first).flatMap((stage) => {
      const step = stage.find((evaluation) => evaluation.task === task);
      return step === undefined ? [] : [this.#answers(step)];
    });
    if (steps.length === 0) return [];
    return this.#run.evaluations.samples(task).map((sample) => {
      const answers = steps.map(
        (answerOf) => answerOf.get(sample.id) ?? { text: '', verdict: 'missing' as const },
      );
      const right = answers.map(({ verdict }) => verdict === 'right');
      return { sample, first, answers, line: lifeLine(right, first) };
    });
  }

  errors(): ErrorResults {
    const zeroShot = this.#run.done
      .filter(({ trained }) => trained === undefined)
      .map((step): ErrorCell => {
        const answers = [...this.#answers(step).values()];
        return {
          task: step.task,
          samples: answers.length,
          wrong: countErrors(answers),
          forgotten: countErrors([]),
          gained: 0,
        };
      });
    const cells = this.methods.flatMap((method) =>
      this.#run.config.tasks.flatMap((task) => this.#errorCells(method, task)),
    );
    const { id, label, standIn } = this.#judge ?? {};
    const judge =
      id === undefined || label === undefined || standIn === undefined
        ? {}
        : { judge: { id, label, standIn } };
    return { ...judge, cells: [...zeroShot, ...cells] };
  }

  lifeLines(): readonly LifeLineResults[] {
    return this.methods.flatMap((method) =>
      this.#run.config.tasks.flatMap((task) => {
        const histories = this.histories(method, task);
        if (histories.length === 0) return [];
        const right = histories.map(({ answers }) => answers.map(({ verdict }) => verdict === 'right'));
        const count = (fate: Fate) => histories.filter(({ line }) => line.fate === fate).length;
        return [
          {
            method,
            task,
            samples: histories.length,
            transitions: transitions(right, histories[0]?.first ?? 0),
            fates: Object.fromEntries(fates.map((fate) => [fate, count(fate)])) as Record<Fate, number>,
          },
        ];
      }),
    );
  }

  #errorCells(method: MethodName, task: TaskName): readonly ErrorCell[] {
    const histories = this.histories(method, task);
    const first = histories[0]?.first ?? 0;
    return (histories[0]?.answers ?? []).map((_, stage) => {
      const now = histories.map(({ answers }) => answers[stage] as AttributedAnswer);
      const wasRight = histories.map(({ answers }) => answers[0]?.verdict === 'right');
      return {
        method,
        after: this.#run.config.tasks[first + stage] as string,
        task,
        samples: histories.length,
        wrong: countErrors(now),
        forgotten: countErrors(now.filter((_answer, index) => wasRight[index])),
        gained: now.filter(({ verdict }, index) => verdict === 'right' && !wasRight[index]).length,
      };
    });
  }

  /** The answers of an evaluation by sample. */
  #answers(step: EvaluateStep): ReadonlyMap<string, AttributedAnswer> {
    const { evaluations } = this.#run;
    const texts = new Map(evaluations.predictions(step).map(({ question_id, text }) => [question_id, text]));
    const verdicts = new Map(
      evaluations.score(step, 'strict').samples.map(({ id, verdict }) => [id, verdict]),
    );
    const scores = this.#judgeScores(step);
    const last = step.trained?.tasks.length === 1 ? step.trained.task : step.task;
    const task = {
      ...this.#answersOf(step.task),
      ...(last === step.task ? {} : { justLearned: this.#answersOf(last).own }),
    };
    return new Map(
      evaluations.samples(step.task).map((sample): readonly [string, AttributedAnswer] => {
        const text = texts.get(sample.id) ?? '';
        const verdict = verdicts.get(sample.id) ?? 'missing';
        const judgeScore = scores.get(sample.id);
        const judged = judgeScore === undefined ? {} : { judgeScore };
        if (verdict === 'right') return [sample.id, { text, verdict, ...judged }];
        const error = attributeError({ sample, text, verdict, ...judged }, task);
        return [sample.id, { text, verdict, error, ...judged }];
      }),
    );
  }

  #judgeScores(step: EvaluateStep): ReadonlyMap<string, number> {
    if (this.#judgings?.has(step) !== true) return new Map();
    return new Map(
      this.#judgings.answers(step).flatMap(({ question_id, text }): (readonly [string, number])[] => {
        const parsed = parseJudgeAnswer(text, 'strict');
        return 'score' in parsed ? [[question_id, parsed.score]] : [];
      }),
    );
  }

  #answersOf(task: TaskName): TaskAnswers {
    const known = this.#taskAnswers.get(task);
    if (known !== undefined) return known;
    const own = ownAnswers(this.#run.evaluations.questions(task));
    const answers = { style: this.#run.catalogue.tasks.get(task).style, own, styles: this.#styles };
    this.#taskAnswers.set(task, answers);
    return answers;
  }
}

function countErrors(answers: readonly AttributedAnswer[]): ErrorCounts {
  const labels = Object.fromEntries(errorLabels.map((label) => [label, 0])) as Record<ErrorLabel, number>;
  const styles: Record<OtherStyle, number> = {};
  for (const { error } of answers) {
    if (error === undefined) continue;
    labels[error.label]++;
    if (error.style !== undefined) styles[error.style] = (styles[error.style] ?? 0) + 1;
  }
  return { labels, styles };
}

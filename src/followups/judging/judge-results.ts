// A run's matrices of general knowledge, one per judge, computed from the judges' own words on disk in both parser modes.

import type { EvaluateStep } from '../../config/plan.ts';
import { type JudgedFigure, judgedFigure } from '../../evaluation/judging/parser.ts';
import type { ModeResults } from '../../results/matrices.ts';
import { modeResults, wholeStages } from '../../results/matrices.ts';
import { type JudgeDescription, Judgings, listJudges } from '../../runs/judge-files.ts';
import type { OpenedRun } from '../../runs/open.ts';
import type { ScoringMode } from '../../tasks/task.ts';

/** General knowledge as one judge sees it. A cell's unread judgements are its `unparseable`. */
export interface JudgeResults {
  readonly id: string;
  readonly label: string;
  /** No judge but a comparison of words: what is shown must say so. */
  readonly standIn: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly modes: Readonly<Record<ScoringMode, ModeResults>>;
  /** Answers judged, those of them whose judgement strict parsing cannot read, and those at which the reference stops. */
  readonly answers: number;
  readonly unparsed: number;
  readonly crashes: number;
  /** Evaluations of the run that this judge has not judged yet. */
  readonly open: number;
}

/** Real judges first. An evaluation that a judge has not judged, or from other predictions, is not in its results. */
export function judgeResults(run: OpenedRun): readonly JudgeResults[] {
  return listJudges(run.folder).map((judge) => resultsOf(run, judge));
}

function resultsOf(run: OpenedRun, judge: JudgeDescription): JudgeResults {
  const judgings = new Judgings(run.folder, judge);
  const judged = run.done.filter((step) => judgings.has(step));
  const cells = new Map<EvaluateStep, Readonly<Record<ScoringMode, JudgedFigure>>>(
    judged.map((step) => {
      const texts = judgings.answers(step).map(({ text }) => text);
      return [step, { strict: judgedFigure(texts, 'strict'), reference: judgedFigure(texts, 'reference') }];
    }),
  );
  const figure = (step: EvaluateStep, mode: ScoringMode) => {
    const cell = cells.get(step)?.[mode];
    if (cell === undefined) throw new Error(`internal: ${step.key} was not judged`);
    return cell;
  };
  const results = (mode: ScoringMode): ModeResults =>
    modeResults({
      tasks: run.config.tasks,
      stages: wholeStages(run, judged),
      done: judged,
      scoreOf: (step) => {
        const { percent, unparsed } = figure(step, mode);
        return { accuracy: percent, missing: 0, unparseable: unparsed };
      },
    });
  const sum = (count: (step: EvaluateStep) => number) =>
    judged.reduce((total, step) => total + count(step), 0);
  const { id, label, standIn, settings } = judge;
  return {
    id,
    label,
    standIn,
    settings,
    modes: { strict: results('strict'), reference: results('reference') },
    answers: sum((step) => figure(step, 'strict').judged),
    unparsed: sum((step) => figure(step, 'strict').unparsed),
    crashes: sum((step) => figure(step, 'reference').crashes),
    open: run.done.length - judged.length,
  };
}

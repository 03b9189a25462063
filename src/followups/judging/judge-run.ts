// Judges every answer of a run. Running it again continues: an evaluation whose predictions were judged is passed over,
// and of a begun one every answer that was received is in the cache.
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import type { EvaluateStep } from '../../config/plan.ts';
import { writeFileAtomic, writeJsonAtomic } from '../../formats/files/files.ts';
import { CellJournal } from '../../runs/cell-journal.ts';
import { descriptionFile, journalFile, judgingCell, judgingFolder } from '../../runs/judge-files.ts';
import type { OpenedRun } from '../../runs/open.ts';
import { answerCells, type FollowUpOptions, followUp } from '../followup.ts';
import type { CellJudge, JudgeItem, Workload } from './cell-judge.ts';

export interface JudgeRunOptions extends FollowUpOptions {
  readonly judge: CellJudge;
  readonly observer?: JudgeObserver;
}

/** Told of everything that happens; used to show progress. */
export interface JudgeObserver {
  /** Before anything is asked. Returning false leaves it at that. */
  judgingStarts?(plan: JudgingPlan): boolean | undefined;
  answered?(done: number, total: number): void;
  cellFinished?(step: EvaluateStep): void;
}

export interface JudgingPlan extends Workload {
  /** Evaluations to judge, and those that are judged already. */
  readonly cells: number;
  readonly judged: number;
  /** Answers of the model in the cells to judge. */
  readonly answers: number;
}

/**
 * Returns how many evaluations it judged.
 * @throws UserError when the judge is unusable, or when single answers got no judgement: then their evaluations are
 * left open, all others are complete, and the same command asks for what is missing.
 */
export async function judgeRun({ judge, observer = {}, ...options }: JudgeRunOptions): Promise<number> {
  return followUp({ ...options, openEngine: noEngine }, async ({ run, signal }) => {
    const { description } = judge;
    const place = judgingFolder(run.folder, description.id);
    const journal = CellJournal.open(place, journalFile(place));
    const cells = run.done
      .map((step) => ({ ...judgingCell(run.folder, step, description.identity), step }))
      .filter((cell) => !journal.isThere(cell));
    const open = cells.map(({ step }) => step);
    const plan = planOf(run, open, judge);
    if (observer.judgingStarts?.(plan) === false) return 0;

    const failures = new Map<string, number>();
    let done = 0;
    const finished = await answerCells('judge', {
      journal,
      cells,
      signal,
      answer: async ({ step, file }) => {
        const items = itemsOf(run, step);
        const outcome = await judge.judge(items, signal, () => observer.answered?.(++done, plan.answers));
        for (const [why, count] of outcome.failures) failures.set(why, (failures.get(why) ?? 0) + count);
        const answers = outcome.answers.filter((answer) => answer !== undefined);
        if (answers.length < items.length) return undefined;
        // A judge that has judged nothing, because it could not be asked, is no judge of the run.
        writeJsonAtomic(descriptionFile(place), description);
        writeFileAtomic(join(place, file), answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''));
        return { answers: answers.length };
      },
      onCell: ({ step }) => observer.cellFinished?.(step),
    });
    if (failures.size > 0) throw unanswered(failures);
    return finished;
  });
}

/** A judge reads answers that are there. */
async function noEngine(): Promise<never> {
  throw new Error('internal: a judge needs no engine of the run');
}

function planOf(run: OpenedRun, open: readonly EvaluateStep[], judge: CellJudge): JudgingPlan {
  let answers = 0;
  const items = function* () {
    for (const step of open) {
      for (const item of itemsOf(run, step)) {
        answers++;
        yield item;
      }
    }
  };
  const workload = judge.workload(items());
  return { ...workload, cells: open.length, judged: run.done.length - open.length, answers };
}

/** The answers of an evaluation in the order of its file. */
function itemsOf({ evaluations, catalogue }: OpenedRun, step: EvaluateStep): readonly JudgeItem[] {
  const samples = new Map(evaluations.samples(step.task).map((sample) => [sample.id, sample]));
  const { style } = catalogue.tasks.get(step.task);
  return evaluations.predictions(step).flatMap(({ question_id, text }) => {
    const sample = samples.get(question_id);
    return sample === undefined ? [] : [{ sample, text, style }];
  });
}

function unanswered(failures: ReadonlyMap<string, number>): UserError {
  const reasons = [...failures].sort(([, first], [, second]) => second - first);
  const count = reasons.reduce((sum, [, times]) => sum + times, 0);
  const shown = reasons.slice(0, 3).map(([why, times]) => `${times} × ${why}`);
  return new UserError({
    message: `${count} ${count === 1 ? 'answer got' : 'answers got'} no judgement (${shown.join('; ')})`,
    hint: 'every answer that came is kept; run the same command again to ask for the rest',
  });
}

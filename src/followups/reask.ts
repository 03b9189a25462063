// Asks forgotten samples again with an explicit reminder of the format: a counterfactual. Those that come back had not
// lost the answer, only the form. Files: reask/journal.jsonl, and reask/<method>/<n>-<Task>/<Task>.jsonl with the answers.
import { join } from 'node:path';
import type { EvaluateStep } from '../config/plan.ts';
import type { RunEngine } from '../engine/contract.ts';
import { engineOf } from '../engine/engine-of.ts';
import { sha256, sha256OfFile } from '../formats/files/files.ts';
import { Aspects } from '../results/answers.ts';
import { wholeStages } from '../results/matrices.ts';
import { type Cell, CellJournal } from '../runs/cell-journal.ts';
import type { OpenedRun } from '../runs/open.ts';
import { readPredictions } from '../tasks/predictions.ts';
import type { TestSample } from '../tasks/task.ts';
import { answerByStage, answerCells, type FollowUpOptions, followUp } from './followup.ts';

export interface ReaskResults {
  readonly cells: readonly {
    readonly method: string;
    readonly after: string;
    readonly task: string;
    /** Samples that were right just after their task was learned and wrong after `after`. */
    readonly asked: number;
    /** Right again, in strict scoring, when the format is asked for once more. */
    readonly back: number;
  }[];
}

export interface ReaskOptions extends FollowUpOptions {
  /** By default the run's own engine. */
  readonly openEngine?: (run: OpenedRun) => Promise<RunEngine>;
  /** In every task's own words by default. */
  readonly reminder?: string;
  /** After every stage, not only after the last. */
  readonly everyStage?: boolean;
  readonly onCell?: (step: EvaluateStep, asked: number) => void;
}

/**
 * Asks what was right just after its task was learned and is wrong after a later stage. Returns how many cells it asked.
 * Running it again continues; what was asked with the same reminder is not asked again.
 */
export async function reask(options: ReaskOptions): Promise<number> {
  const { openEngine = engineOf, reminder, everyStage = false, onCell } = options;
  return followUp({ ...options, openEngine }, async (asking) => {
    const { run, signal } = asking;
    const journal = CellJournal.open(run.folder, journalOf(run.folder));
    const cells = forgottenCells(run, everyStage).map(({ step, forgotten }) => {
      const words = reminder ?? run.catalogue.tasks.get(step.task).style.reminder;
      const samples = forgotten.map((sample) => reminded(sample, words));
      return { ...cellOf(run.folder, step, words), step, samples };
    });
    return answerCells('evaluate', {
      journal,
      cells: cells.filter((cell) => !journal.isThere(cell)),
      signal,
      answer: async ({ step: { trained, task }, samples, file }) => {
        await answerByStage(asking, { trained, task, samples, file });
        return { samples: samples.length };
      },
      onCell: ({ step, samples }) => onCell?.(step, samples.length),
    });
  });
}

/** What came back, scored strictly; undefined where nothing was asked again. */
export function reaskResults(run: OpenedRun): ReaskResults | undefined {
  const journal = CellJournal.read(run.folder, journalOf(run.folder));
  const cells = run.done.flatMap((step): ReaskResults['cells'] => {
    const file = fileOf(step);
    if (step.trained === undefined || !journal.isWhole({ key: step.key, file })) return [];
    const answers = readPredictions(join(run.folder, file));
    const ids = new Set(answers.map(({ question_id }) => question_id));
    const samples = run.evaluations.samples(step.task).filter(({ id }) => ids.has(id));
    const scores = run.catalogue.tasks.get(step.task).score('strict', samples, answers).samples;
    const { method, task: after } = step.trained;
    const back = scores.filter(({ verdict }) => verdict === 'right').length;
    return [{ method, after, task: step.task, asked: answers.length, back }];
  });
  return cells.length === 0 ? undefined : { cells };
}

function forgottenCells(run: OpenedRun, everyStage: boolean) {
  const stages = wholeStages(run, run.done);
  const aspects = new Aspects(run, stages);
  return aspects.methods.flatMap((method) => {
    const whole = [...(stages.get(method) ?? []).entries()];
    const asked = everyStage ? whole : whole.slice(-1);
    return asked.flatMap(([stage, evaluations]) =>
      evaluations.flatMap((step) => {
        const later = stage - run.config.tasks.indexOf(step.task);
        const forgotten = aspects
          .histories(method, step.task)
          .filter(({ answers }) => answers[0]?.verdict === 'right' && answers[later]?.verdict !== 'right')
          .map(({ sample }) => sample);
        // A task that is not learned yet, or whose model does not change, has nothing to forget.
        return later < 1 || forgotten.length === 0 ? [] : [{ step, forgotten }];
      }),
    );
  });
}

function reminded(sample: TestSample, reminder: string): TestSample {
  return { ...sample, text: `${sample.text}\n${reminder}` };
}

const journalOf = (folder: string) => join(folder, 'reask', 'journal.jsonl');
const fileOf = (step: EvaluateStep) => `reask/${step.predictionFile.replace('/predictions/', '/')}`;

function cellOf(folder: string, step: EvaluateStep, reminder: string): Cell {
  const from = sha256(`${reminder}\n${sha256OfFile(join(folder, step.predictionFile))}`);
  return { key: step.key, from, file: fileOf(step) };
}

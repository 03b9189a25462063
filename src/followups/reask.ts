// Asks forgotten samples again with an explicit reminder of the format: a counterfactual. Those that come back had not
// lost the answer, only the form. Files: reask/journal.jsonl, and reask/<method>/<n>-<Task>/<Task>.jsonl with the answers.
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type EvaluateStep, trainedStage } from '../config/plan.ts';
import type { RunEngine } from '../engine/contract.ts';
import { makeFolder, sha256, sha256OfFile } from '../formats/files/files.ts';
import { lockFolder } from '../formats/files/lock.ts';
import { Aspects } from '../results/answers.ts';
import { wholeStages } from '../results/matrices.ts';
import { appendRecord, openJournal, readJournal, recordsByKey } from '../runs/journal.ts';
import { type OpenedRun, openRun } from '../runs/open.ts';
import { tasks } from '../tasks/index.ts';
import { readPartialPredictions, readPredictions, writePredictions } from '../tasks/predictions.ts';
import type { TestSample } from '../tasks/task.ts';

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

export interface ReaskOptions {
  readonly folder: string;
  /** Called only when there is something to ask. */
  readonly openEngine: (run: OpenedRun) => Promise<RunEngine>;
  /** In every task's own words by default. */
  readonly reminder?: string;
  /** After every stage, not only after the last. */
  readonly everyStage?: boolean;
  readonly signal?: AbortSignal;
  readonly onCell?: (step: EvaluateStep, asked: number) => void;
}

/**
 * Asks what was right just after its task was learned and is wrong after a later stage. Returns how many cells it asked.
 * Running it again continues; what was asked with the same reminder is not asked again.
 */
export async function reask(options: ReaskOptions): Promise<number> {
  const { folder, openEngine, reminder, everyStage = false, onCell } = options;
  const signal = options.signal ?? new AbortController().signal;
  const release = lockFolder(folder, { otherwise: 'try again then' });
  let engine: RunEngine | undefined;
  try {
    const run = await openRun(folder);
    const records = recordsByKey(openJournal(journalOf(folder)));
    let asked = 0;
    for (const { step, forgotten } of forgottenCells(run, everyStage)) {
      const from = originOf(folder, step, reminder);
      const file = join(folder, fileOf(step));
      if (records.get(step.key)?.from === from && existsSync(file)) continue;
      signal.throwIfAborted();
      const samples = forgotten.map((sample) =>
        reminded(sample, reminder ?? tasks[step.task].style.reminder),
      );
      const partial = `${file}.partial`;
      rmSync(partial, { force: true });
      makeFolder(dirname(file));
      engine ??= await openEngine(run);
      await engine.evaluate({
        trained: step.trained && trainedStage(folder, step.trained),
        task: step.task,
        samples,
        predictionFile: partial,
        config: run.config,
        signal,
        onProgress: () => {},
      });
      writePredictions(file, samples, readPartialPredictions(partial));
      rmSync(partial, { force: true });
      appendRecord(journalOf(folder), {
        kind: 'evaluate',
        key: step.key,
        at: new Date().toISOString(),
        from,
        files: { [fileOf(step)]: sha256OfFile(file) },
        measured: { samples: samples.length },
      });
      onCell?.(step, samples.length);
      asked++;
    }
    return asked;
  } finally {
    await engine?.close();
    release();
  }
}

/** What came back, scored strictly; undefined where nothing was asked again. */
export function reaskResults(run: OpenedRun): ReaskResults | undefined {
  const records = recordsByKey(readJournal(journalOf(run.folder)));
  const cells = run.done.flatMap((step): ReaskResults['cells'] => {
    const file = join(run.folder, fileOf(step));
    if (step.trained === undefined || !records.has(step.key) || !existsSync(file)) return [];
    const answers = readPredictions(file);
    const ids = new Set(answers.map(({ question_id }) => question_id));
    const samples = run.evaluations.samples(step.task).filter(({ id }) => ids.has(id));
    const scores = tasks[step.task].score('strict', samples, answers).samples;
    const { method, task: after } = step.trained;
    const back = scores.filter(({ verdict }) => verdict === 'right').length;
    return [{ method, after, task: step.task, asked: answers.length, back }];
  });
  return cells.length === 0 ? undefined : { cells };
}

function forgottenCells(run: OpenedRun, everyStage: boolean) {
  const stages = wholeStages(run.config, run.done);
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

function originOf(folder: string, step: EvaluateStep, reminder: string | undefined): string {
  const own = reminder ?? tasks[step.task].style.reminder;
  return sha256(`${own}\n${sha256OfFile(join(folder, step.predictionFile))}`);
}

// What everything that is asked of a run once more has in common: the run is held while its files are added to, it is
// opened, an engine is opened with the first question, and both are let go whatever happens. What is asked, and where the
// answers lie, is each one's own.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TrainStep, trainedStage } from '../config/plan.ts';
import type { RunEngine } from '../engine/contract.ts';
import { makeFolder } from '../formats/files/files.ts';
import { lockFolder } from '../formats/files/lock.ts';
import type { Cell, CellJournal } from '../runs/cell-journal.ts';
import { type OpenedRun, openRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import { readPartialPredictions, writePredictions } from '../tasks/predictions.ts';
import type { TestSample } from '../tasks/task.ts';

/** What every follow-up is given. */
export interface FollowUpOptions {
  /** The folder of the run. */
  readonly folder: string;
  readonly signal?: AbortSignal;
}

/** A run that is held, and what it can be asked with. */
export interface FollowUp<Engine extends RunEngine> {
  readonly run: OpenedRun;
  readonly signal: AbortSignal;
  /** Opened with the first call. */
  engine(): Promise<Engine>;
}

export interface Opening<Engine extends RunEngine> extends FollowUpOptions {
  /** Called when the first question is asked. */
  readonly openEngine: (run: OpenedRun) => Promise<Engine>;
  /** Whether files are added to the run's folder, which nobody else may do meanwhile. */
  readonly writes?: boolean;
}

/**
 * Calls `ask` with the opened run; returns what it returns.
 * @throws UserError when the folder is not a run or another process holds it.
 */
export async function followUp<Result, Engine extends RunEngine>(
  { folder, signal = new AbortController().signal, writes = true, openEngine }: Opening<Engine>,
  ask: (followUp: FollowUp<Engine>) => Promise<Result>,
): Promise<Result> {
  const release = writes ? lockFolder(folder, { otherwise: 'try again then' }) : () => {};
  let opened: Promise<Engine> | undefined;
  try {
    const run = await openRun(folder);
    const engine = () => {
      opened ??= openEngine(run);
      return opened;
    };
    return await ask({ run, signal, engine });
  } finally {
    await (await opened?.catch(() => undefined))?.close();
    release();
  }
}

export interface CellsOptions<C extends Cell> {
  readonly journal: CellJournal;
  /** Those that are not there yet. */
  readonly cells: readonly C[];
  readonly signal: AbortSignal;
  /** Writes the cell's file whole and says what is recorded of it; nothing where the cell stays open. */
  answer(cell: C): Promise<Readonly<Record<string, number>> | undefined>;
  readonly onCell?: (cell: C) => void;
}

/** Answers cell after cell, each recorded before the next; returns how many were. */
export async function answerCells<C extends Cell>(
  kind: 'evaluate' | 'judge',
  { journal, cells, signal, answer, onCell }: CellsOptions<C>,
): Promise<number> {
  let answered = 0;
  for (const cell of cells) {
    signal.throwIfAborted();
    const measured = await answer(cell);
    if (measured === undefined) continue;
    journal.keep(cell, kind, measured);
    onCell?.(cell);
    answered++;
  }
  return answered;
}

export interface StageQuestion {
  /** The stage that answers; the model before any training without it. */
  readonly trained: TrainStep | undefined;
  readonly task: TaskName;
  readonly samples: readonly TestSample[];
  /** Below the run's folder. */
  readonly file: string;
}

/** Has a stage of the run answer samples, as it is; the file of predictions is there whole or not at all. */
export async function answerByStage(
  { run: { folder, config }, signal, engine }: FollowUp<RunEngine>,
  { trained, task, samples, file }: StageQuestion,
): Promise<void> {
  const path = join(folder, file);
  const partial = `${path}.partial`;
  rmSync(partial, { force: true });
  makeFolder(dirname(path));
  await (await engine()).evaluate({
    trained: trained && trainedStage(folder, trained),
    task,
    samples,
    predictionFile: partial,
    config,
    signal,
    onProgress: () => {},
  });
  writePredictions(path, samples, readPartialPredictions(partial));
  rmSync(partial, { force: true });
}

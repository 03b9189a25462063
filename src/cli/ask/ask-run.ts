// The frame of every command that asks something of a run once more: it can be stopped, and what is known then is written
// into the run's results. What is asked, and how it is shown, is the command's.
import { computeResults } from '../../report/compute.ts';
import type { RunResults } from '../../report/results.ts';
import { interruptible } from '../shell/interruption.ts';
import { writeResults } from '../shell/write-results.ts';

/**
 * Calls `ask` with a signal that Ctrl-C aborts; returns the results of the run with what was asked, which are written.
 * @param unit what is finished before it stops, e.g. batch
 */
export async function askRun(
  folder: string,
  unit: string,
  ask: (signal: AbortSignal) => Promise<unknown>,
): Promise<RunResults> {
  const words = {
    stopping: `Stopping after this ${unit}; once more to kill.`,
    stopped: 'Stopped. What was asked so far is kept; the same command goes on from there.',
  };
  await interruptible(words, ask);
  const results = await computeResults(folder);
  await writeResults(folder, results);
  return results;
}

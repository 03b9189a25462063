// A process that executes a run with the fake engine and prints a line per batch. After a stated batch it may send itself
// a signal: SIGKILL ends it there; of another it goes on when it has heard it, however long that takes.
// Arguments: the run's folder, the data folder, the configuration as JSON; a number of batches and the signal's name.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { listenForInterruption } from '../../dist/cli/shell/interruption.js';
import { executeRun } from '../../dist/runs/execute.js';
import { RunInterrupted } from '../../dist/runs/interrupted.js';
import { FakeEngine } from './fake-engine.mjs';

const [folder, root, config, after, signal] = process.argv.slice(2);
const interruption = listenForInterruption(() => writeSync(1, 'stopping\n'));
let batches = 0;
const engine = new FakeEngine({
  onBatch: async (batch) => {
    writeSync(1, `${batch}\n`);
    if (++batches !== Number(after)) return;
    const heard = once(interruption.signal, 'abort');
    const alive = setInterval(() => {}, 1000);
    process.kill(process.pid, signal);
    await heard;
    clearInterval(alive);
  },
});
try {
  await executeRun({
    config: JSON.parse(config),
    folder,
    source: { root, instructionType: 'Original' },
    openEngine: async () => engine,
    signal: interruption.signal,
  });
} catch (error) {
  if (!(error instanceof RunInterrupted)) throw error;
  process.exitCode = 130;
} finally {
  interruption.stop();
}

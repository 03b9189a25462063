// A process that executes a run with the fake engine, slowly, and prints a line per batch; tests stop or kill it.
// Arguments: the run's folder, the data folder, the configuration as JSON, milliseconds per batch.
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenForInterruption } from '../../dist/cli/shell/interruption.js';
import { executeRun } from '../../dist/runs/execute.js';
import { RunInterrupted } from '../../dist/runs/interrupted.js';
import { FakeEngine } from './fake-engine.mjs';

const [folder, root, config, pause] = process.argv.slice(2);
const interruption = listenForInterruption(() => writeSync(1, 'stopping\n'));
const engine = new FakeEngine({
  onBatch: async (batch) => {
    writeSync(1, `${batch}\n`);
    await sleep(Number(pause));
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

// The live comparison: makes models of every layout anew with the Python that is here, with weights and prompts of
// another seed, and runs the parity test on them.
//
//   node tools/parity/live.mjs [--python .venv-parity/bin/python] [--seed N]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: '.venv-parity/bin/python' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
  },
});
const folder = join(mkdtempSync(join(tmpdir(), 'coin-parity-')), 'layouts');

function run(command, parameters, environment = {}) {
  const { status, error } = spawnSync(command, parameters, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  if (error !== undefined) throw error;
  return status;
}

try {
  console.log(`seed ${values.seed}`);
  const made = run(values.python, ['tools/parity/layouts.py', '--out', folder, '--seed', values.seed]);
  process.exitCode =
    made === 0
      ? run('npx', ['vitest', 'run', 'test/parity/layouts.test.ts'], { COIN_PARITY_LAYOUTS: folder })
      : 1;
} finally {
  rmSync(join(folder, '..'), { recursive: true, force: true });
}

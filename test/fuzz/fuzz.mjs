// Fuzzing of every reader: files damaged by a seed are accepted, or refused with one short error that names the file. Each
// target is read in a process that may hang or crash; it is then started again behind the case.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('./child.mjs', import.meta.url));

/** Longer than any case takes on a loaded machine; only a case that never ends gets there. */
const LONGEST_CASE_MS = 60_000;

/** { cases, refused, faults: [{ index, file, fault }] } of one target, or of `all` in turn. */
export async function fuzzTarget(name, { seed, cases, caseMs = LONGEST_CASE_MS }) {
  const faults = [];
  let refused = 0;
  const onOutcome = (outcome) => {
    if (outcome.refused) refused++;
    if (outcome.fault !== undefined) faults.push(outcome);
  };
  let next = 0;
  while (next < cases) {
    const ended = await runChild(name, { seed, from: next, to: cases, caseMs }, onOutcome);
    if (ended === undefined) break;
    faults.push(ended);
    next = ended.index + 1;
  }
  return { cases, refused, faults };
}

/** Undefined when all cases were read; otherwise the case that ended the process. */
function runChild(name, { seed, from, to, caseMs }, onOutcome) {
  return new Promise((resolve, reject) => {
    const process_ = fork(child, [name, seed, from, to].map(String), {
      execArgv: ['--max-old-space-size=2048'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let current;
    let stopped = false;
    let stderr = '';
    let timer;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        stopped = true;
        process_.kill('SIGKILL');
      }, caseMs);
    };
    process_.stderr.on('data', (data) => {
      stderr = (stderr + data).slice(-4000);
    });
    process_.on('message', ({ index, file, refused, fault }) => {
      watch();
      if (file !== undefined) {
        current = { index, file };
        return;
      }
      onOutcome({ ...current, refused, fault });
      current = undefined;
    });
    process_.on('error', reject);
    process_.on('close', (code, signal) => {
      clearTimeout(timer);
      if (stopped && current !== undefined) resolve({ ...current, fault: `hangs: more than ${caseMs} ms` });
      else if (code === 0) resolve(undefined);
      else if (current !== undefined)
        resolve({ ...current, fault: `ends the process (${code ?? signal}): ${stderr.slice(0, 600)}` });
      else reject(new Error(`fuzz: ${name}: ${stderr}`));
    });
    watch();
  });
}

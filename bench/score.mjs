// Scores a prediction file of a million rows with `coin score` and prints seconds, CPU seconds and the largest memory of the process.
//   node bench/score.mjs [rows] [TASK ...]
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const commandLine = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const [rows = '1000000', ...named] = process.argv.slice(2);
const count = Number(rows);

/** Annotations as the reference reads them: as many as predictions, but for the official files, which have their size. */
const cases = {
  OCRVQA: { expected: count, file: 'test.json', row: (id) => ({ question_id: id, answer: `answer ${id}` }) },
  VQAv2: { expected: count, file: 'val.json', row: (id) => ({ question_id: id, answer: `answer ${id}` }) },
  Grounding: {
    expected: count,
    file: 'test.json',
    row: (id) => ({ question_id: id, answer_bbox: '[0.1, 0.2, 0.3, 0.4]', size: [640, 480] }),
    answer: () => '[0.10, 0.20, 0.30, 0.40]',
  },
  TextVQA: {
    expected: 5000,
    file: 'TextVQA_0.5.1_val.json',
    before: '{"data":',
    after: '}',
    row: (id) => ({
      question_id: id,
      answers: Array.from({ length: 10 }, (_, i) => `answer ${id + (i % 3)}`),
    }),
  },
};

for (const task of named.length > 0 ? named : Object.keys(cases)) {
  const { expected, file, row, answer, before = '', after = '' } = cases[task];
  const folder = mkdtempSync(join(tmpdir(), 'coin-bench-score-'));
  try {
    writeRows(
      join(folder, file),
      expected,
      (id) => JSON.stringify(row(id)),
      `${before}[`,
      ',\n',
      `]${after}`,
    );
    const line = (index) =>
      JSON.stringify({
        question_id: index % expected,
        prompt: 'What is written on the cover?\nAnswer the question using a single word or phrase.',
        text: answer?.(index) ?? `Answer ${(index % expected) + (index % 2)}`,
        answer_id: 'Qm9vayBjb3Zlcg',
        model_id: 'llava',
        metadata: {},
      });
    writeRows(join(folder, 'merge.jsonl'), count, line, '', '\n', '\n');
    for (const mode of ['reference', 'strict']) {
      const { seconds, cpuSeconds, kilobytes, bytes } = await score(task, mode, folder, join(folder, file));
      const memory = `${(kilobytes / 1024).toFixed(0)} MiB`;
      console.log(
        `${task} ${mode}: ${count} predictions, ${expected} annotations: ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU), ${memory}, ${bytes} bytes of JSON (load ${loadavg()[0].toFixed(1)})`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function score(task, mode, folder, annotations) {
  const script = `process.on('exit', () => process.send(process.resourceUsage())); process.argv.splice(1, 0, ${JSON.stringify(commandLine)}); await import(${JSON.stringify(commandLine)});`;
  const parameters = ['score', '--task', task, '--mode', mode, '--json'];
  const files = ['--predictions', join(folder, 'merge.jsonl'), '--annotations', annotations];
  const started = performance.now();
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', script, '--', ...parameters, ...files],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  );
  let usage;
  let bytes = 0;
  child.on('message', (value) => {
    usage = value;
  });
  child.stdout.on('data', (chunk) => {
    bytes += chunk.length;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`coin score ended with ${code}`);
  const cpuSeconds = (usage.userCPUTime + usage.systemCPUTime) / 1e6;
  return { seconds: (performance.now() - started) / 1000, cpuSeconds, kilobytes: usage.maxRSS, bytes };
}

function writeRows(file, rowCount, rowOf, first, separator, last) {
  const descriptor = openSync(file, 'w');
  writeSync(descriptor, first);
  const piece = 10_000;
  for (let start = 0; start < rowCount; start += piece) {
    const part = Array.from({ length: Math.min(piece, rowCount - start) }, (_, index) =>
      rowOf(start + index),
    );
    writeSync(descriptor, `${start === 0 ? '' : separator}${part.join(separator)}`);
  }
  writeSync(descriptor, last);
  closeSync(descriptor);
}

// The whole way in miniature, with the real commands: the raw downloads of all ten data sets are prepared and checked,
// the embedded model is tuned on all eight tasks, its answers are scored, and the matrix comes out.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DoctorReport } from '../../src/data/doctor/findings.ts';
import { readJsonLines } from '../../src/formats/records/json.ts';
import type { Metrics } from '../../src/report/compute.ts';
import { officialOrder } from '../../src/streams/coin/order.ts';
import { type CoinTask, coinTasks, tasks } from '../../src/tasks/index.ts';
import type { Prediction } from '../../src/tasks/task.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { writeDownload } from '../support/files/raw-downloads.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-miniature-'));
beforeAll(async () => {
  buildIfStale();
  for (const task of coinTasks) await writeDownload(task, join(root, 'raw', task));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function coin(...parameters: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, ...parameters], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

const configuration = `
model: nano
benchmark: data
methods: [lora]
adapter: { rank: 4, alpha: 8 }
training: { batchSize: 4 }
evaluation: { slots: 4, maxNewTokens: 3, zeroShot: false }
`;

it('from raw downloads to the matrix', () => {
  for (const task of coinTasks) {
    expect(coin('data', 'prepare', '--task', task, '--from', `raw/${task}`, '--to', 'data')).toContain(
      `${task}: prepared from `,
    );
  }

  const report = JSON.parse(coin('data', 'doctor', 'data', '--images', 'all', '--json')) as DoctorReport;
  expect(report.errors).toBe(0);
  // Only that it is a miniature.
  expect(new Set(report.findings.map(({ code }) => code))).toEqual(new Set(['count']));

  writeFileSync(join(root, 'miniature.yaml'), configuration);
  coin('run', 'miniature.yaml');

  const metrics = JSON.parse(coin('metrics', 'runs/miniature', '--json')) as Metrics;
  const { rows } = metrics.modes.reference.methods.lora!.matrix;
  expect(rows.map(({ after }) => after)).toEqual(officialOrder);
  for (const [index, { scores }] of rows.entries()) {
    expect(Object.keys(scores)).toEqual(officialOrder.slice(0, index + 1));
  }
  for (const name of coinTasks) {
    const predictions = `runs/miniature/lora/8-OCRVQA/predictions/${name}.jsonl`;
    expect(scoreOf(name, predictions)).toBeCloseTo(rows.at(-1)!.scores[name]!, 10);
    // One optimiser step teaches little: that right answers count is shown with the right answers.
    const answers = new Map(
      tasks[name]
        .loadTest({ root: join(root, 'data'), instructionType: 'Original' })
        .map(({ id, answer }) => [id, answer]),
    );
    const right = readJsonLines(join(root, predictions)).map(({ value }) => {
      const line = value as Prediction;
      return JSON.stringify({ ...line, text: answers.get(line.question_id) });
    });
    writeFileSync(join(root, 'right.jsonl'), `${right.join('\n')}\n`);
    // The reference drops a digit of every bracketed box.
    expect(scoreOf(name, 'right.jsonl')).toBeGreaterThan(name === 'Grounding' ? 0 : 99);
  }
  expect(readFileSync(join(root, 'runs/miniature/report.html'), 'utf8')).toContain('<svg');
});

function scoreOf(task: CoinTask, predictions: string): number {
  const official = ['ScienceQA', 'TextVQA', 'GQA'].includes(task);
  const annotations = official ? `data/cl_dataset/${task}` : `data/Instructions_Original/${task}`;
  const parameters = ['--task', task, '--predictions', predictions, '--annotations', annotations];
  return (JSON.parse(coin('score', ...parameters, '--json')) as { readonly accuracy: number }).accuracy;
}

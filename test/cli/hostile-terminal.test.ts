// Names, ids, values and answers that would move the cursor, set a title or turn the direction of writing, shown by every
// command that shows such texts, on what the process takes for a terminal: none of it gets through as it is.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { printable, printableDrawing } from '../../src/base/printable.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { openRun } from '../../src/runs/open.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { readPredictions, writePredictions } from '../../src/tasks/predictions.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

/** What a terminal obeys, and characters that turn the direction of what follows. */
const marks = {
  title: '\u001b]0;',
  'title, one byte': '\u009d0;',
  'clear the screen': '\u001b[2J',
  'clear, one byte': '\u009b2J',
  'a line up': '\u001b[1A',
  'clear the line': '\u001b[2K',
  'hide the cursor': '\u001b[?25l',
  'hidden text': '\u001b[8m',
  'other screen': '\u001b[?1049h',
  reset: '\u001bc',
  bell: '\u0007',
  'back a character': '\b',
  'to the start of the line': '\r',
  'right to left': '\u202e',
  isolate: '\u2067',
  'right-to-left mark': '\u200f',
  delete: '\u007f',
} as const;
const evil = Object.values(marks)
  .map((mark) => `${mark}evil`)
  .join('');
const gotThrough = (output: string) =>
  Object.entries(marks).flatMap(([name, mark]) => (output.includes(`${mark}evil`) ? [name] : []));

const root = mkdtempSync(join(tmpdir(), 'coin-hostile-'));
const places = {
  run: join(root, `run ${evil}`),
  other: join(root, `other ${evil}`),
  data: join(root, `data ${evil}`),
  file: join(root, `file ${evil}.json`),
  matrix: join(root, 'matrix.json'),
  model: join(root, `model ${evil}`),
  missing: join(root, `missing ${evil}`),
  annotations: join(root, 'annotations.json'),
};

/** A test row of each kind that the doctor and the tables show. */
function hostileData(): ReturnType<typeof writeTinyData> {
  const source = writeTinyData(places.data);
  const write = (file: string, rows: unknown) =>
    writeFileSync(join(places.data, 'Instructions_Original', file), JSON.stringify(rows));
  const row = (index: number) => ({
    question_id: `${index} ${evil}`,
    image: 'image.png',
    text: `What ${evil} is it?`,
    answer: `an answer ${evil}`,
  });
  write('VQAv2/val.json', [0, 1, 2, 3].map(row));
  return source;
}

async function finishedRun(folder: string, source: ReturnType<typeof writeTinyData>): Promise<void> {
  const modelFolder = join(root, 'run model');
  mkdirSync(modelFolder, { recursive: true });
  writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava"}');
  await executeRun({
    config: tinyConfig(folder, source),
    folder,
    source,
    prepare: (run) => recordProvenance(run, { source, tasks: tinyTasks, modelFolder }),
    openEngine: async () => new FakeEngine(),
  });
}

/** Other answers to the tests of a run; `salt` sets runs apart. */
async function sayEvil(folder: string, salt: string): Promise<void> {
  const { done, evaluations } = await openRun(folder);
  for (const { predictionFile, task } of done) {
    const file = join(folder, predictionFile);
    const said = readPredictions(file).map((line) => ({ ...line, text: `${line.text} ${salt} ${evil}` }));
    rmSync(file);
    writePredictions(file, evaluations.samples(task), said);
  }
}

beforeAll(async () => {
  buildIfStale();
  const source = hostileData();
  await finishedRun(places.run, source);
  cpSync(places.run, places.other, { recursive: true });
  await sayEvil(places.run, 'one');
  await sayEvil(places.other, 'two');
  writeFileSync(places.file, JSON.stringify({ [`key ${evil}`]: evil }));
  writeFileSync(
    places.matrix,
    JSON.stringify({ tasks: [`A ${evil}`, 'B'], rows: [{ after: evil, scores: {} }] }),
  );
  mkdirSync(places.model);
  writeFileSync(join(places.model, 'config.json'), JSON.stringify({ model_type: evil }));
  const answers = Array(10).fill({ answer: evil });
  const answer = { question_id: evil, image: 'a.jpg', text: 'x', answer: evil, answers };
  writeFileSync(places.annotations, JSON.stringify([answer]));
  // Rows with every kind of finding that shows what the row says.
  const sick = join(places.data, 'Instructions_Original');
  const row = { question_id: evil, image: `${evil}.png`, text: 'x', answer: `${evil}\n${evil}` };
  writeFileSync(
    join(sick, 'OCRVQA/test.json'),
    JSON.stringify([row, row, { ...row, image: `../../${evil}` }]),
  );
  writeFileSync(join(sick, 'ImageNet/train.json'), `[{"id": 1, "image": "x", ${evil}`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const terminal =
  'data:text/javascript,for (const s of [process.stdout, process.stderr]) { s.isTTY = true; s.columns = 100 }';

function onTerminal(parameters: readonly string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', terminal, commandLine, ...parameters], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: '' },
  });
  return stdout + stderr;
}

const { run, other, data, file, matrix, model, missing, annotations } = places;
it.each<readonly string[]>([
  [evil],
  ['run', missing],
  ['run', file],
  ['run', 'nano', `--${evil}`],
  ['run', 'nano', '--set', `${evil}=1`],
  ['run', 'nano', '--set', `methods=["${evil}"]`],
  ['config', file],
  ['plan', missing],
  ['study', missing],
  ['cache', evil],
  ['evaluate', missing],
  ['metrics', missing],
  ['metrics', run],
  ['metrics', '--matrix', matrix],
  ['metrics', '--matrix', file],
  ['report', run],
  ['compare', run, other],
  ['compare', run, missing],
  ['compare', run, other, '--json'],
  ['diff', run, other],
  ['diff', run, missing],
  ['samples', run, '--task', 'VQAv2'],
  ['samples', run, '--task', 'VQAv2', '--json'],
  ['samples', run, '--task', evil],
  ['score', '--task', 'VQAv2', '--predictions', missing, '--annotations', annotations],
  ['score', '--task', 'VQAv2', '--predictions', file, '--annotations', annotations],
  ['judge', run, '--judge', evil],
  ['judge', run, '--judge', 'lexical'],
  ['judge', run, '--judge', `gguf:${missing}`],
  ['data', 'doctor', data],
  ['data', 'doctor', data, '--json'],
  ['data', 'doctor', missing],
  ['data', 'doctor', data, '--base-images', missing],
  ['data', 'prepare', '--task', 'GQA', '--from', missing, '--to', join(root, 'to')],
  ['data', 'prepare', '--task', evil, '--from', data, '--to', join(root, 'to')],
  ['model', 'inspect', model],
  ['model', 'inspect', missing],
  ['adapter', 'inspect', model],
])('coin %s %s %s %s %s', (...parameters) => {
  const output = onTerminal(parameters.filter((part) => part !== undefined));
  expect(output, 'shows nothing of it').toContain('evil');
  expect(gotThrough(output)).toEqual([]);
});

it('leaves what this program draws as it is: colours everywhere, moves where it redraws', () => {
  const bold = '\u001b[1mbold\u001b[22m\n';
  const redraw = '\u001b[2A\r\u001b[0Jline\n';
  expect(printableDrawing(bold, { redraws: false })).toBe(bold);
  expect(printableDrawing(bold + redraw, { redraws: true })).toBe(bold + redraw);
  expect(printableDrawing(redraw, { redraws: false })).toBe('\ufffd[2A\ufffd\ufffd[0Jline\n');
  expect(gotThrough(printable(evil))).toEqual([]);
});

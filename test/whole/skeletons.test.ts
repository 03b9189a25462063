// The skeletons of CONTRIBUTING.md: the page shows these files, which compile with everything else, and they do what they say.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openModel } from '../../src/models/index.ts';
import { llava } from '../../src/models/llava/index.ts';
import { float32 } from '../../src/tensor/dtype.ts';
import { evaluate } from '../../src/tensor/interpreter.ts';
import { input, sum } from '../../src/tensor/ops.ts';
import { floats, Program } from '../../src/tensor/program.ts';
import { repository } from '../support/built.ts';
import { gradientError } from '../support/central-differences.ts';
import { wordedLlava } from '../support/skeletons/family.ts';
import { decaying } from '../support/skeletons/method.ts';
import { softplus } from '../support/skeletons/operator.ts';
import { counting } from '../support/skeletons/task.ts';
import { writeToyModel } from '../support/toy-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-skeletons-'));
beforeAll(async () => {
  await writeToyModel(join(folder, 'llava'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const page = readFileSync(join(repository, 'CONTRIBUTING.md'), 'utf8');
const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);

it.each(['method', 'task', 'operator', 'family'])(
  'CONTRIBUTING.md shows the %s as it is compiled',
  (name) => {
    const file = readFileSync(join(repository, 'test', 'support', 'skeletons', `${name}.ts`), 'utf8');
    const [, ...code] = file.split('\n');
    expect(blocks).toContain(code.join('\n'));
  },
);

it('the method makes its update smaller, and nothing else', async () => {
  const open = decaying.open({ adapter: { rank: 2, alpha: 4, dropout: 0, experts: 1 }, own: { keep: 0.5 } });
  const two = () => float32(Float32Array.of(2, 4), [1, 2]);
  const trained = new Map([
    ['layer.lora_A.weight', two()],
    ['layer.lora_B.weight', two()],
    ['projector', two()],
  ]);
  const { trained: left } = await open.finishTask(Object(null), trained, Object(null));
  expect([...left].map(([name, { data }]) => [name, ...(data as Float32Array)])).toEqual([
    ['layer.lora_A.weight', 2, 4],
    ['layer.lora_B.weight', 1, 2],
    ['projector', 2, 4],
  ]);
});

it('the task tells right, wrong and unreadable apart', () => {
  const samples = ['3', '4', '5'].map((answer, index) => ({ id: `${index}`, text: '', answer, truth: {} }));
  const texts = ['There are 3.', 'five', '6'];
  const predictions = texts.map((text, index) => ({ question_id: `${index}`, prompt: '', text }));
  expect(counting.score('strict', samples, predictions)).toMatchObject({
    correct: 1,
    unparseable: 1,
    denominator: 3,
  });
});

it('the rows of a primitive stand where the page says', () => {
  const rows = [...page.matchAll(/^\| `([\w/-]+\.ts)` \| `(.+)` \|$/gm)];
  expect(rows).toHaveLength(6);
  for (const [, file = '', row = ''] of rows) {
    expect(readFileSync(join(repository, 'src', 'tensor', file), 'utf8'), file).toContain(row);
  }
});

it('the operator is log(1 + exp(x)), with its gradient, and stays finite', async () => {
  const x = input('x', 'float32', [5]);
  const values = [-2, -0.5, 0.25, 1, 3];
  const feeds = { x: { shape: [5], data: Float64Array.from(values), dtype: 'float32' as const } };
  expect(gradientError(sum(softplus(x)), [x], feeds)).toBeLessThan(1e-6);
  const { y: plain } = evaluate({ y: softplus(x) }, feeds);
  values.forEach((value, i) => {
    expect(plain.data[i]).toBeCloseTo(Math.log1p(Math.exp(value)), 12);
  });
  const program = await Program.compile({ y: softplus(x) });
  const { y } = await program.run({ x: float32(Float32Array.of(-200, -1, 0, 1, 200), [5]) });
  const expected = [0, Math.log1p(Math.exp(-1)), Math.LN2, Math.log1p(Math.E), 200];
  expected.forEach((value, i) => {
    expect(y && floats(y)[i]).toBeCloseTo(value, 6);
  });
  await program.dispose();
});

it('the family is recognised, asks in its own words and answers for all files', () => {
  const here = join(folder, 'worded');
  mkdirSync(here);
  writeFileSync(join(here, 'coin-model.yaml'), 'family: worded\nmodel: ../llava\n');
  const model = openModel(here, { families: [llava, wordedLlava] });
  expect(model).toMatchObject({ folder: here, family: { name: 'worded', label: 'Worded' } });
  const plain = llava.open(join(folder, 'llava'));
  const context = { image: { rows: 4 } };
  const asked = model.prompts.ask('what colour', context);
  expect(asked).toEqual(plain.prompts.ask('Question: what colour Short answer:', context));
  const turns = [{ question: 'what colour', answer: 'red' }];
  const { inputIds } = model.prompts.conversation(turns, context);
  expect([...inputIds.slice(0, asked.inputIds.length)]).toEqual([...asked.inputIds]);
  const files = wordedLlava.files(here);
  expect(files).toContain('../llava/model.safetensors');
  for (const file of files) expect(existsSync(join(here, file)), file).toBe(true);
});

// The skeletons of CONTRIBUTING.md: the page shows these files, which compile with everything else, and they do what they say.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { float32 } from '../../src/tensor/dtype.ts';
import { repository } from '../support/built.ts';
import { decaying } from '../support/skeletons/method.ts';
import { counting } from '../support/skeletons/task.ts';

const page = readFileSync(join(repository, 'CONTRIBUTING.md'), 'utf8');
const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);

it.each(['method', 'task'])('CONTRIBUTING.md shows the %s as it is compiled', (name) => {
  const file = readFileSync(join(repository, 'test', 'support', 'skeletons', `${name}.ts`), 'utf8');
  const [, ...code] = file.split('\n');
  expect(blocks).toContain(code.join('\n'));
});

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

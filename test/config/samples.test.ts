// Which samples a run uses: shares that lie in each other, and test subsets by a seed of their own.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtIn } from '../../src/config/catalogue.ts';
import { testSamples, trainSamples } from '../../src/config/samples.ts';
import { type ConfigInput, configSchema } from '../../src/config/schema.ts';
import { tasks } from '../../src/tasks/index.ts';
import { writeTinyData } from '../support/tiny-run.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-samples-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const source = { root, instructionType: 'Original' };

function configOf(more: Partial<ConfigInput>) {
  const config = configSchema(builtIn).parse({ model: 'nano', benchmark: root, ...more });
  return { ...config, name: 'x', output: 'x', tasks: ['OCRVQA' as const] };
}

const trained = (more: Partial<ConfigInput>) =>
  trainSamples(configOf(more), source, tasks.OCRVQA).map(({ id }) => Number(id));
const tested = (more: Partial<ConfigInput>) =>
  testSamples(configOf(more), source, tasks.OCRVQA).map(({ id }) => Number(id));

beforeAll(() => {
  writeTinyData(root);
  const folder = join(root, 'Instructions_Original', 'OCRVQA');
  mkdirSync(folder, { recursive: true });
  const row = {
    image: 'image.png',
    conversations: [
      { from: 'human', value: 'q' },
      { from: 'gpt', value: 'a' },
    ],
  };
  const rows = (count: number, make: (index: number) => object) =>
    JSON.stringify(Array.from({ length: count }, (_, index) => make(index)));
  writeFileSync(
    join(folder, 'train.json'),
    rows(250, (id) => ({ id, ...row })),
  );
  writeFileSync(
    join(folder, 'test.json'),
    rows(4100, (id) => ({ question_id: id, image: 'image.png', text: 'q', answer: 'a' })),
  );
});

describe('the data volume', () => {
  it('is a share of the training samples, in file order, and a smaller one is part of a larger one', () => {
    let smaller: readonly number[] = [];
    for (const dataVolume of [10, 20, 40, 60, 80, 100]) {
      const chosen = trained({ dataVolume });
      expect(chosen).toHaveLength((250 * dataVolume) / 100);
      expect(chosen).toEqual([...chosen].sort((a, b) => a - b));
      expect(chosen).toEqual(expect.arrayContaining([...smaller]));
      smaller = chosen;
    }
  });

  it('is the same again, another for another seed, and never nothing', () => {
    expect(trained({ dataVolume: 20 })).toEqual(trained({ dataVolume: 20 }));
    expect(trained({ dataVolume: 20, seed: 1 })).not.toEqual(trained({ dataVolume: 20 }));
    expect(trained({ dataVolume: 1 })).toHaveLength(3);
    expect(trained({ dataVolume: 40, trainSamples: 5 })).toHaveLength(5);
    expect(trained({ dataVolume: 40, trainSamples: 5 })).toEqual(trained({ trainSamples: 5 }));
  });
});

describe('the test set', () => {
  it("called slim has 4,000 samples, by a seed that is not the run's", () => {
    const slim = tested({ testSamples: 'slim' });
    expect(slim).toHaveLength(4000);
    expect(tested({ testSamples: 'slim', seed: 7 })).toEqual(slim);
    expect(tested({ testSamples: 'slim', testSeed: 7 })).not.toEqual(slim);
    expect(tested({})).toHaveLength(4100);
  });
});

// A hundred thousand judged answers load into the report's data within 1 GiB. How long it takes is for
// tools/judged-answers.mjs to say on a machine that does nothing else.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { buildIfStale } from '../support/built.ts';

beforeAll(buildIfStale);

it('100,000 judged answers', () => {
  const tool = fileURLToPath(new URL('../../tools/judged-answers.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, '100000'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { answers, peakMiB, generalKnowledge, lifeLines } = JSON.parse(stdout);
  expect({ answers, lifeLines }).toEqual({ answers: 100_005, lifeLines: 6 });
  // Four answers in ten are judged 3, the rest 10.
  expect(generalKnowledge).toBeCloseTo(72, 1);
  expect(peakMiB).toBeLessThan(1024);
});

// Figures in README and docs that follow from files of the package: they are those of the files, and agree with each other.
// Figures that a run made name its command; those are not made again here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { methodNames } from '../../src/methods/index.ts';
import { families, openModel } from '../../src/models/index.ts';
import { officialOrder } from '../../src/streams/coin/order.ts';
import { readPublished } from '../../src/streams/coin/published.ts';
import { repository } from '../support/built.ts';

const read = (...path: readonly string[]) => readFileSync(join(repository, ...path), 'utf8');
const [readme, nano] = [read('README.md'), read('docs', 'results', 'nano.md')];

/** The only match of a pattern with one group, as a number; a minus may be typographic. */
function figure(text: string, pattern: RegExp): number {
  const found = [...text.matchAll(new RegExp(pattern, 'g'))].map(([, value = '']) => value);
  expect(new Set(found).size, `${pattern}: ${found}`).toBe(1);
  return Number(found[0]?.replace('−', '-').replaceAll(',', ''));
}

describe('what the package holds', () => {
  it('methods, tasks and published matrices are counted right', () => {
    expect(figure(readme, /methods\.md\): all (\d+) methods/)).toBe(methodNames.length);
    expect(readme).toContain('all eight tasks');
    expect(officialOrder).toHaveLength(8);
    expect(figure(read('docs', 'coin.md'), /lists the (\d+) matrices/)).toBe(readPublished().rows.length);
  });

  it('the embedded model has the size that is told', () => {
    const { computed } = openModel(join(repository, 'assets', 'nano'), { families });
    const numbers = [...computed.values()].reduce(
      (total, shape) => total + shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(figure(readme, /embedded model of (\d+) million parameters/)).toBe(Math.round(numbers / 1e6));
  });

  it('the shipped studies run the seeds that docs name', () => {
    expect(read('docs', 'comparing.md')).toContain('The shipped studies run five.');
    const studies = readdirSync(join(repository, 'assets', 'studies'));
    const seeds = studies.flatMap((file) => parse(read('assets', 'studies', file)).seeds ?? []);
    expect(seeds.length).toBeGreaterThan(3);
    expect(new Set(seeds)).toEqual(new Set([5]));
  });
});

describe('docs/results/nano.md', () => {
  /** Rows of the table of seeds: ACC, MAA and BWT of LoRA, then of MoELoRA. */
  const seeds = [...nano.matchAll(/^\| (\d) \| (.+) \/ (.+) \/ (.+) \| (.+) \/ (.+) \/ (.+) \|$/gm)].map(
    ([, , ...cells]) => cells.map((cell) => Number(cell.replace('−', '-'))),
  );
  const column = (index: number) => seeds.map((row) => row[index] as number);
  /** Student's t, 95 %, two degrees of freedom. */
  const T = 4.302653;
  const summary = (values: readonly number[]) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / (values.length - 1);
    return { mean, half: T * Math.sqrt(variance / values.length) };
  };

  it.each([
    ['LoRA', 0, (index: number) => column(index)],
    ['MoELoRA', 3, (index: number) => column(index)],
    [
      'MoELoRA − LoRA, paired by seed',
      0,
      (index: number) => column(index + 3).map((value, seed) => value - (column(index)[seed] as number)),
    ],
  ] as const)('the means and intervals of %s are those of its seeds', (name, first, values) => {
    expect(seeds).toHaveLength(3);
    const cells = nano
      .split('\n')
      .find((line) => line.startsWith(`| ${name} | `) && line.split('|').length === 6)
      ?.split('|')
      .slice(2, 5);
    expect(cells).toHaveLength(3);
    cells?.forEach((cell, index) => {
      const [mean = Number.NaN, half = Number.NaN] = cell.replace('−', '-').split('±').map(Number);
      const expected = summary(values(first + index));
      // Seeds are told to one digit, and an interval over three is four times their deviation.
      expect(Math.abs(mean - expected.mean), `${name}, ${cell}`).toBeLessThan(0.15);
      expect(Math.abs(half - expected.half), `${name}, ${cell}`).toBeLessThan(0.4);
    });
  });
});

it('a whole run takes as long as README says wherever it is told', () => {
  expect(readme).toContain('In about four minutes on two cores');
  const [, minutes = '', seconds = ''] =
    /`time npm start` in a fresh clone, quiet two cores: \*\*(\d+) min (\d+) s\*\*/.exec(
      read('docs', 'performance.md'),
    ) ?? [];
  expect(Math.round(Number(minutes) + Number(seconds) / 60)).toBe(4);
  expect(nano).toContain('since operators are fused it is about four');
});

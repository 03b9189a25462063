// The asset is the authors' own figures; what the paper gives comes out of them again.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { AccuracyMatrix } from './matrix.ts';
import {
  isWhole,
  type PublishedRow,
  parsePublished,
  publishedMatrix,
  publishedSummary,
  reproduce,
  restrictTo,
} from './published.ts';
import { formatPercent, summarise } from './summary.ts';

const file = fileURLToPath(new URL('../../assets/published/matrices.json', import.meta.url));
const { rows } = parsePublished(JSON.parse(readFileSync(file, 'utf8')), file);

function rowOf(id: string): PublishedRow {
  const row = rows.find((candidate) => candidate.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row;
}

it('holds all rows, each of its own name', () => {
  expect(rows).toHaveLength(46);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(46);
});

describe("the paper's figures (reference.md, Metrics)", () => {
  it.each([
    ['llava7b-lora-original', '-32.62', 32.97],
    ['llava7b-moelora-8', '-25.91', 42.76],
  ])('%s: BWT %s', (id, bwt, maa) => {
    const found = reproduce(rowOf(id))!;
    expect(formatPercent(found.bwt)).toBe(bwt);
    expect(formatPercent(found.publishedBwt)).toBe(bwt);
    expect(found.publishedMaa).toBe(maa);
  });

  it('MAA lies within what the cells allow that no file has', () => {
    for (const id of ['llava7b-lora-original', 'llava7b-moelora-8']) {
      const { maaRange, publishedMaa, impliedMean, unknownCells } = reproduce(rowOf(id))!;
      expect(publishedMaa).toBeGreaterThan(maaRange[0]);
      expect(publishedMaa).toBeLessThan(maaRange[1]);
      // ScienceQA after tasks 2 to 7.
      expect(unknownCells).toBe(6);
      const weights = [2, 3, 4, 5, 6, 7].reduce((sum, stage) => sum + 1 / stage, 0);
      expect(maaRange[0] + (impliedMean * weights) / 8).toBeCloseTo(publishedMaa, 10);
    }
  });

  it('are given for no other row', () => {
    expect(rows.filter((row) => reproduce(row) !== undefined)).toHaveLength(2);
  });
});

describe('a row over its own tasks', () => {
  it('is summed up where it is whole', () => {
    const { maa, bwt, finalAverage } = publishedSummary(rowOf('llava7b-moelora-8'))!;
    expect(bwt * 7).toBeCloseTo(-194.58, 10);
    expect(maa).toBeCloseTo(38.3912, 4);
    expect(finalAverage).toBeCloseTo(233.95 / 7, 10);
  });

  it('has no figures where a cell is missing', () => {
    expect(publishedSummary(rowOf('llava7b-moelora-40'))).toBeUndefined();
    expect(publishedSummary(rowOf('judge-llava7b-lora-alphabet-by-qwen'))).toBeUndefined();
  });

  it('leaves the stage of a task without scores out', () => {
    const matrix = publishedMatrix(rowOf('llava7b-lora-alphabet'));
    expect(matrix.rows.map(({ after }) => after)).toEqual(matrix.tasks);
    expect(isWhole(matrix)).toBe(true);
  });
});

it('restricts a run to the tasks that both have', () => {
  const run: AccuracyMatrix = {
    tasks: ['ScienceQA', 'GQA', 'VizWiz'],
    rows: [
      { after: 'ScienceQA', scores: { ScienceQA: 80 } },
      { after: 'GQA', scores: { ScienceQA: 40, GQA: 60 } },
      { after: 'VizWiz', scores: { ScienceQA: 30, GQA: 20, VizWiz: 50 } },
    ],
  };
  const both = restrictTo(run, rowOf('llava7b-lora-original').tasks);
  expect(both).toEqual({
    tasks: ['GQA', 'VizWiz'],
    rows: [
      { after: 'GQA', scores: { GQA: 60 } },
      { after: 'VizWiz', scores: { GQA: 20, VizWiz: 50 } },
    ],
  });
  expect(summarise(both)).toEqual({ maa: 47.5, bwt: -20, finalAverage: 35 });
});

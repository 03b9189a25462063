import { describe, expect, it } from 'vitest';
import { coinTasks } from '../../tasks/index.ts';
import { expectedCounts, templates } from './facts.ts';

describe('what is known of the data', () => {
  it('adds up to what an independent reader of the paper wrote down (reference.md, Order and file names)', () => {
    const total = (part: 'train' | 'test', which: (values: readonly number[]) => number | undefined) =>
      coinTasks.reduce(
        (sum, task) => sum + (which(expectedCounts[task][part].map(({ value }) => value)) ?? 0),
        0,
      );
    // "About 570 k train": the paper's own counts, which are the last ones given.
    expect(total('train', (values) => values.at(-1))).toBe(561_722);
    // "About 260 k test": the figures that the result files give.
    expect(total('test', (values) => values[0])).toBeGreaterThan(260_000);
  });

  it('has one place for the question in every template, and the instruction on the last line of all but Grounding', () => {
    for (const task of coinTasks) {
      for (const { value } of Object.values(templates[task])) {
        const parts = value.split('{}').length - 1;
        expect(parts, value).toBe(task === 'ImageNet' ? 0 : 1);
        expect(value.includes('\n'), value).toBe(task !== 'Grounding');
      }
    }
  });
});

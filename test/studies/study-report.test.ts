// What is shown of a study, from results made by hand: tables, words, Markdown and the page.
import { describe, expect, it } from 'vitest';
import type { Difference, Estimate } from '../../src/metrics/comparison.ts';
import { renderStudyPage } from '../../src/report/page/study-page.ts';
import { renderStudy, studyMarkdown } from '../../src/report/terminal/study-text.ts';
import { sharingSentence, studyTables, studyWords } from '../../src/report/words/study-tables.ts';
import type { ArmResults, StudyResults } from '../../src/studies/study-results.ts';

const names = ['ACC', 'MAA', 'BWT'];
const figures = (value: number): readonly Estimate[] =>
  names.map((name) => ({ name, value, low: value - 2, high: value + 2 }));
const differences = (value: number): readonly Difference[] =>
  names.map((name) => ({
    name,
    value,
    low: value - 2,
    high: value + 2,
    of: 'models',
    tested: true,
    distinguishable: Math.abs(value) > 2,
    alpha: 0.05,
    adjustedP: 0.01,
  }));

function arm(rank: string, method: string, value: number | undefined): ArmResults {
  return {
    name: `rank ${rank}, ${method}`,
    coordinates: { rank, method },
    runs: [{ run: `rank-${rank}_seed-0`, seed: 0, stages: value === undefined ? 1 : 2, of: 2 }],
    ...(value === undefined ? {} : { figures: figures(value), final: { GQA: value, VizWiz: value } }),
    cost: {
      method: 'lora',
      label: method,
      trainableParameters: 1234,
      memoryBytes: 4096,
      trainingSeconds: 90,
      evaluationSeconds: 4.2,
    },
  };
}

const results: StudyResults = {
  name: 'ranks',
  question: 'Does <b>rank</b> | matter?',
  mode: 'strict',
  axes: [
    { label: 'rank', values: ['8', '16'] },
    { label: 'method', values: ['LoRA', 'EWC'] },
  ],
  seeds: [0],
  comparedSeeds: [0],
  tasks: ['GQA', 'VizWiz'],
  images: { GQA: 40, VizWiz: 40 },
  resamples: 2000,
  arms: [arm('8', 'LoRA', 40), arm('8', 'EWC', 50), arm('16', 'LoRA', 41), arm('16', 'EWC', undefined)],
  comparisons: [
    {
      axis: 'rank',
      arm: 'rank 16, LoRA',
      reference: 'rank 8, LoRA',
      corrected: 2,
      differences: differences(1),
    },
    {
      axis: 'method',
      arm: 'rank 8, EWC',
      reference: 'rank 8, LoRA',
      corrected: 2,
      differences: differences(10),
    },
  ],
  notes: ['One seed: how much training again would change is not in these intervals.'],
  sharing: { steps: 40, trainings: 2, trainingSeconds: 61, evaluations: 1, evaluationSeconds: 3 },
};

describe('a study', () => {
  it('is shown in tables, an unfinished row with how far it is', () => {
    const tables = studyTables(results);
    expect(tables.map(({ title }) => title)).toEqual([
      'Figures',
      'Cost',
      'What rank changes',
      'What method changes',
      'ACC by rank',
      'BWT by rank',
      'ACC by method',
      'BWT by method',
      'Tasks at the end',
      'Runs',
    ]);
    const text = (title: string) =>
      tables.find((table) => table.title === title)?.rows.map((row) => row.map((cell) => cell.text));
    expect(text('Figures')?.[0]).toEqual(['8', 'LoRA', ...Array(3).fill('40.00 [38.00, 42.00]')]);
    expect(text('Figures')?.[3]).toEqual(['16', 'EWC', ...Array(3).fill('1 of 2 stages')]);
    expect(text('Cost')?.[0]?.slice(2, 6)).toEqual(['1,234', '4.10 KB', '1 min 30 s', '4.2 s']);
    expect(text('ACC by rank')).toEqual([
      ['LoRA', '40.00', '41.00'],
      ['EWC', '50.00', '\u2013'],
      ['mean', '45.00', '\u2013'],
    ]);
    expect(text('What method changes')?.[0]).toEqual([
      '8',
      'EWC',
      ...Array(3).fill('higher: +10.00 [+8.00, +12.00]'),
    ]);
    expect(text('Runs')?.map((row) => row.join())).toEqual([
      'rank-8_seed-0,8,0,2 of 2',
      'rank-16_seed-0,16,0,1 of 2',
    ]);
  });

  it('says in words what can be told apart', () => {
    expect(studyWords(results)).toEqual([
      'ACC, against rank 8: not distinguishable: rank 16, LoRA.',
      'BWT, against rank 8: not distinguishable: rank 16, LoRA.',
      'ACC, against LoRA: higher: rank 8, EWC.',
      'BWT, against LoRA: higher: rank 8, EWC.',
    ]);
    expect(sharingSentence(results)).toBe(
      'Of 40 steps, 2 trainings (1 min 01 s) and 1 evaluation (3.0 s) were taken over from a run that had computed the same, which saved 1 min 04 s.',
    );
    const none = { ...results.sharing, trainings: 0, evaluations: 0 };
    expect(sharingSentence({ sharing: none })).toBeUndefined();
  });

  it('fits into a terminal, and is Markdown whose cells are cells', () => {
    const text = renderStudy(results, { width: 80, color: false });
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const markdown = studyMarkdown(
      { ...results, arms: [arm('8|9', 'LoRA', 40)], comparisons: [] },
      'coin study ranks',
    );
    expect(markdown).toContain('| 8\\|9 | LoRA | 40.00 [38.00, 42.00] |');
    expect(markdown).toContain('`coin study ranks`');
  });

  it('is a page without a script, with a link to the report of every run', () => {
    const page = renderStudyPage(results);
    expect(page).toContain('<a href="rank-8_seed-0/report.html">rank-8_seed-0</a>');
    expect(page).toContain('Does &lt;b&gt;rank&lt;/b&gt; | matter?');
    expect(page).not.toMatch(/<script|style="|https?:/);
    expect(page).toMatch(/default-src &#39;none&#39;; .*style-src &#39;sha256-/);
  });
});

// The tables as a reader of a terminal sees them: figures, widths, colours, unfinished runs, hostile names.
import { describe, expect, test } from 'vitest';
import { fakeResults } from '../../../test/support/fake-results.ts';
import { renderTables } from './terminal.ts';
import { textWidth } from './terminal-grid.ts';

const results = fakeResults();
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is to be found
const escapes = /\u001b\[[0-9;]*m/g;

test('matrix, zero-shot row, means, figures with formulas', () => {
  const lines = renderTables(results).split('\n');
  expect(lines).toContain(
    'after      ScienceQA  TextVQA  ImageNet    GQA  VizWiz  Grounding  VQAv2  OCRVQA   mean',
  );
  expect(lines).toContain('zero-shot      41.30     3.20      0.40   2.60    1.10       0.00   0.90    0.20');
  expect(lines).toContain(
    'OCRVQA         27.40    30.60     12.10  38.50   31.90       1.80  44.70   57.30  30.54',
  );
  expect(lines).toContain('ACC    30.54   (1/T) Σ_i A[T][i]                mean of the last row');
  expect(lines).toContain('MAA    43.46   (1/T) Σ_j (1/j) Σ_{i≤j} A[j][i]  mean of the column "mean"');
  expect(lines).toContain('BWT   −31.24   (1/T) Σ_i (A[T][i] − A[i][i])    final minus just trained');
});

test('unseen cells are blank', () => {
  const row = renderTables(results)
    .split('\n')
    .find((line) => line.startsWith('TextVQA ') && line.includes('64.20'));
  expect(row).toMatch(/^TextVQA +64\.20 +51\.40 +57\.80$/);
});

test('unreadable answers and scoring differences are told', () => {
  const text = renderTables(results);
  expect(text).toMatch(/^Grounding +1 +131 {2}3 stages$/m);
  expect(text).toContain('18 cells differ, the largest first');
  expect(text).toMatch(/^LoRA +OCRVQA +ImageNet +12\.10 +16\.30$/m);
  const same = { ...results, modes: { strict: results.modes.strict, reference: results.modes.strict } };
  expect(renderTables(same)).toContain('agree in every cell');
});

describe.each([60, 80, 100])('at %i columns', (width) => {
  test('no line is wider, no figure is lost', () => {
    const text = renderTables(results, { width });
    for (const line of text.split('\n')) expect(textWidth(line), line).toBeLessThanOrEqual(width);
    for (const figure of ['30.54', '−31.24', '51.79', '393,216', '93.80']) expect(text).toContain(figure);
  });

  test('colours change nothing but colours', () => {
    const coloured = renderTables(results, { width, color: true });
    expect(coloured).toMatch(escapes);
    const visible = coloured.replace(escapes, '').replace(/ +$/gm, '');
    expect(visible).toBe(renderTables(results, { width }).replace(/ +$/gm, ''));
  });
});

test('an unfinished run says so and invents no figure', () => {
  const text = renderTables(fakeResults({ stages: [5, 0] }));
  expect(text).toContain('(5 of 8 stages finished)');
  expect(text).toContain('T = 5: the stages finished so far.');
  expect(text).toMatch(/^MoELoRA +– +– +– +0\/8/m);
  expect(text).not.toContain('NaN');
  expect(text).not.toMatch(/^Grounding +\S+ +\d.*█/m);
});

test('names cannot drive the terminal', () => {
  const hostile = { ...results, title: 'run\u001b[2J\u0007\u202e', folder: 'run\u001b[2J\u0007\u202e' };
  const text = renderTables(hostile);
  expect(text).not.toContain('\u001b');
  expect(text.split('\n')[0]).toBe('run\ufffd[2J\ufffd\ufffd');
});

// Tables and drawings of a run as files: every number of the page is in them, and each stands by itself.
import { describe, expect, it } from 'vitest';
import { exportFigures, toPng } from '../../src/report/export/figures.ts';
import { exportTables, toCsv, toLatex } from '../../src/report/export/tables.ts';
import { fakeResults } from '../support/fake-results.ts';

const results = fakeResults();
const table = (name: string, of = results) => {
  const found = exportTables(of).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no table ${name}`);
  return found;
};

describe('tables', () => {
  it('hold both scorings, with all digits in CSV and as shown in LaTeX', () => {
    const { finalAverage, bwt } = results.modes.strict.methods.lora ?? {};
    const [head, first] = toCsv(table('figures')).split('\n');
    expect(head).toBe('method,scoring,stages,ACC,ACC low,ACC high,MAA,MAA low,MAA high,BWT,BWT low,BWT high');
    expect(first?.split(',').slice(0, 4)).toEqual(['LoRA', 'strict', '8', String(finalAverage)]);
    expect(first?.split(',')[9]).toBe(String(bwt));
    expect(toLatex(table('figures'))).toMatch(
      new RegExp(
        `LoRA & strict & 8 & ${finalAverage?.toFixed(2)} & .* & \\$-\\$${Math.abs(bwt ?? 0).toFixed(2)} &`,
      ),
    );
    // A row per method, scoring and stage.
    expect(table('matrix').rows).toHaveLength(2 * 2 * 8);
    expect(toCsv(table('matrix'))).toContain('\nMoELoRA,reference,OCRVQA,');
    expect(toCsv(table('costs'))).toMatch(/^method,trainable,training,evaluation\nLoRA,393216,71\.4,48\.9\n/);
  });

  it('of a run that has not begun are not there, and an absent figure is an empty field', () => {
    const none = fakeResults({ stages: [1, 0] });
    expect(toCsv(table('tasks', none))).toContain('\nMoELoRA,strict,TextVQA,3.2,,,\n');
    expect(toLatex(table('tasks', none))).toContain('MoELoRA & strict & TextVQA & 3.20 & -- & -- & -- \\\\');
  });

  it('take names of any kind', () => {
    const label = 'a "b", 50 % & $x_1$ \\end{table}\n~^';
    const named = { ...results, methods: results.methods.map((method) => ({ ...method, label })) };
    expect(toCsv(table('costs', named))).toContain('\n"a ""b"", 50 % & $x_1$ \\end{table}\n~^",393216');
    expect(toLatex(table('costs', named))).toContain(
      'a "b", 50 \\% \\& \\$x\\_1\\$ \\textbackslash{}end\\{table\\} \\textasciitilde{}\\textasciicircum{} & 393,216',
    );
  });
});

describe('figures', () => {
  const figures = exportFigures(results);

  it('are a radar for each method and a chart for each task, under both scorings', () => {
    expect(figures.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['radar-lora-strict', 'radar-moelora-reference', 'curves-1-ScienceQA-strict']),
    );
    expect(figures).toHaveLength(2 * (2 + 8));
    expect(new Set(figures.map(({ name }) => name)).size).toBe(figures.length);
  });

  it('need no page: every class that is drawn has a rule, and no variable is left', () => {
    for (const { svg } of figures) {
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+" /);
      expect(svg).not.toContain('var(');
      const [, rules = ''] = /<style>([\s\S]*?)<\/style>/.exec(svg) ?? [];
      const drawn = [...svg.matchAll(/<(?:path|line|circle|polygon)[^>]* class="([\w-]+)/g)].map(
        ([, name]) => name,
      );
      expect(drawn.length).toBeGreaterThan(0);
      for (const name of drawn) if (name !== 'dash0') expect(rules).toContain(`.${name}`);
    }
  });

  it('are drawn as images with something on them', async () => {
    const [first] = figures;
    const { default: sharp } = await import('sharp');
    const png = await toPng(first?.svg ?? '');
    const { width, height } = await sharp(png).metadata();
    expect([width, height]).toEqual([(380 + 60) * 3, (316 + 60) * 3]);
    const { channels } = await sharp(png).stats();
    // White paper, with the pale fill of what is left and no black area.
    expect(Math.min(...channels.map(({ mean }) => mean))).toBeGreaterThan(200);
    expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(5);
  });
});

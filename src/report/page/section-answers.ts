// How answers were read: predictions that could not be scored, and where strict and reference scoring differ.

import type { ScoringMode } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { methodFigures, scoringDifferences, unreadableByTask } from '../words/figures.ts';
import { formatChange, formatCount, formatScore } from '../words/numbers.ts';
import { html, type Markup } from './markup.ts';
import { swatch } from './svg.ts';

/** Missing and unparseable predictions per task and method, with the stages they come from. */
export function unreadableTable(results: RunResults, mode: ScoringMode): Markup {
  const unreadable = methodFigures(results, mode).map((method) => ({
    method,
    tasks: unreadableByTask(method),
  }));
  const rows = results.tasks.flatMap((task) =>
    unreadable.flatMap(({ method, tasks }, index) => {
      const counts = tasks.find((entry) => entry.task === task);
      if (counts === undefined) return [];
      const stages = method.results.unreadable
        .filter((entry) => entry.task === task && entry.missing + entry.unparseable > 0)
        .map((entry) => `${entry.after} ${formatCount(entry.missing + entry.unparseable)}`);
      return [
        html`<tr><th scope="row">${task}</th><td class="method">${swatch(index)}${method.label}</td><td class="number">${formatCount(counts.missing)}</td><td class="number">${formatCount(counts.unparseable)}</td><td class="muted">${stages.join(', ')}</td></tr>`,
      ];
    }),
  );
  if (rows.length === 0) return html`<p class="empty">Every prediction could be read.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Predictions that could not be read"><table class="plain">
<caption class="sr">Predictions that could not be read, ${mode} scoring</caption>
<thead><tr><th scope="col">Task</th><th scope="col">Method</th><th scope="col" class="number">Missing</th><th scope="col" class="number">Unparseable</th><th scope="col">After</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** The figures under both scorings, then per task how far they lie apart. */
export function scoringComparison(results: RunResults): Markup {
  const differences = scoringDifferences(results);
  if (differences.length === 0) {
    return html`<p class="empty">Strict and reference scoring agree in every cell of this run.</p>`;
  }
  const reference = methodFigures(results, 'reference');
  const figures = methodFigures(results, 'strict').map((method, index) => {
    const other = reference[index]?.results;
    const pair = (
      strict: number,
      second: number | undefined,
      format: (value: number | undefined) => string,
    ) => html`<td class="number">${format(strict)}</td><td class="number">${format(second)}</td>`;
    return html`<tr><th scope="row">${swatch(index)}<span>${method.label}</span></th>${pair(method.results.finalAverage, other?.finalAverage, formatScore)}${pair(method.results.maa, other?.maa, formatScore)}${pair(method.results.bwt, other?.bwt, formatChange)}</tr>`;
  });
  const rows = results.tasks.flatMap((task) =>
    results.methods.flatMap((method, index) => {
      const cells = differences.filter((cell) => cell.task === task && cell.method === method.name);
      const [first] = cells;
      if (first === undefined) return [];
      const largest = cells.reduce(
        (worst, cell) =>
          Math.abs(cell.reference - cell.strict) > Math.abs(worst.reference - worst.strict) ? cell : worst,
        first,
      );
      return [
        html`<tr><th scope="row">${task}</th><td class="method">${swatch(index)}${method.label}</td><td class="number">${cells.length}</td><td>${largest.after ?? 'zero-shot'}</td><td class="number">${formatScore(largest.strict)}</td><td class="number">${formatScore(largest.reference)}</td><td class="number">${formatChange(largest.reference - largest.strict)}</td></tr>`,
      ];
    }),
  );
  const zeroShot = differences.filter(({ after }) => after === undefined).map(({ task }) => task);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Figures under both scorings"><table class="plain">
<caption class="sr">Figures under both scorings</caption>
<thead><tr><th scope="col">Method</th>${['ACC', 'MAA', 'BWT'].map((name) => html`<th scope="col" class="number">${name} strict</th><th scope="col" class="number">reference</th>`)}</tr></thead>
<tbody>${figures}</tbody></table></div>
${
  rows.length > 0 &&
  html`<h3>Where they differ</h3><div class="scroll" tabindex="0" role="region" aria-label="Cells where the scorings differ"><table class="plain">
<caption class="sr">Cells where the scorings differ, per task and method, with the largest difference</caption>
<thead><tr><th scope="col">Task</th><th scope="col">Method</th><th scope="col" class="number">Cells</th><th scope="col">Most, after</th><th scope="col" class="number">Strict</th><th scope="col" class="number">Reference</th><th scope="col" class="number">Difference</th></tr></thead>
<tbody>${rows}</tbody></table></div>`
}
${zeroShot.length > 0 && html`<p class="note">Zero-shot scores differ on ${zeroShot.join(', ')}.</p>`}`;
}

// A run beside a published row, as a section of the page.
import { type BesideFigures, besideNotes } from '../words/beside.ts';
import { formatChange, formatScore } from '../words/numbers.ts';
import { html, type Markup } from './markup.ts';

export function besideTables(figures: BesideFigures): Markup {
  const { tasks, columns } = figures;
  const groups = tasks.map((task, index) => {
    const rows = columns.map((column, position) => {
      const { zeroShot, justTrained, final, change } = column.tasks[index] ?? {};
      const head = position === 0 && html`<th scope="rowgroup" rowspan="${columns.length}">${task}</th>`;
      return html`<tr>${head}<th scope="row">${column.label}</th><td class="number">${formatScore(zeroShot)}</td><td class="number">${formatScore(justTrained)}</td><td class="number">${formatScore(final)}</td><td class="number">${formatChange(change)}</td></tr>`;
    });
    return html`<tbody>${rows}</tbody>`;
  });
  const summaries = columns.map(
    ({ label, summary }) =>
      html`<tr><th scope="row">${label}</th><td class="number">${formatScore(summary?.finalAverage)}</td><td class="number">${formatScore(summary?.maa)}</td><td class="number">${formatChange(summary?.bwt)}</td></tr>`,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Figures beside the published row"><table class="plain">
<caption class="sr">ACC, MAA and BWT over the shared tasks</caption>
<thead><tr><th scope="col">Over the shared tasks</th><th scope="col" class="number">ACC</th><th scope="col" class="number">MAA</th><th scope="col" class="number">BWT</th></tr></thead>
<tbody>${summaries}</tbody></table></div>
<div class="scroll" tabindex="0" role="region" aria-label="Tasks beside the published row"><table class="plain">
<caption class="sr">Zero-shot, just-trained and final accuracy per task, percent</caption>
<thead><tr><th scope="col">Task</th><th scope="col">Results</th><th scope="col" class="number">Zero-shot</th><th scope="col" class="number">Just trained</th><th scope="col" class="number">Final</th><th scope="col" class="number">Change</th></tr></thead>
${groups}</table></div>${besideNotes(figures).map((note) => html`<p>${note}</p>`)}`;
}

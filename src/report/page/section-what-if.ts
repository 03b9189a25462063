// Models that were never trained: what the saved stages answer when they are mixed, or asked about later tasks.

import type { ScoringMode } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { absent, formatScore } from '../words/numbers.ts';
import { modelInWords } from '../words/what-if-words.ts';
import { html, type Markup } from './markup.ts';
import type { PageSection } from './page.ts';

/** The section, where there is something to show. */
export function whatIfSections(
  results: RunResults,
  both: (draw: (mode: ScoringMode) => Markup) => Markup,
): readonly PageSection[] {
  if (results.whatIf === undefined) return [];
  return [
    {
      id: 'what-if',
      short: 'What if',
      title: 'What if',
      introduction: html`Models that were never trained, from the saved stages (<code>coin what-if</code>). Weights are of the updates Δ<i>W</i> and of the projector; ACC is the mean over the tasks.`,
      body: both((mode) => whatIfTable(results, mode)),
    },
  ];
}

function whatIfTable({ whatIf, tasks }: RunResults, mode: ScoringMode): Markup {
  const rows = (whatIf?.rows ?? []).map((row) => {
    const { scores, average } = row.modes[mode];
    const cells = tasks.map((task) => {
      const score = scores[task];
      return html`<td class="number">${score === undefined ? absent : formatScore(score)}</td>`;
    });
    const acc = formatScore(average);
    return html`<tr><th scope="row">${row.label}</th><td>${modelInWords(row)}</td>${cells}<td class="number">${acc}</td></tr>`;
  });
  const headings = tasks.map((task) => html`<th scope="col" class="number">${task}</th>`);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="What if"><table class="plain">
<caption class="sr">Scores of models between the trained stages</caption>
<thead><tr><th scope="col">Method</th><th scope="col">Model</th>${headings}<th scope="col" class="number">ACC</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

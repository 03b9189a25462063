// Forward transfer: tasks evaluated before they were learned, where a run has such evaluations.

import type { ScoringMode } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { methodFigures } from '../words/figures.ts';
import { formatChange, formatScore } from '../words/numbers.ts';
import { html, type Markup } from './markup.ts';
import { swatch } from './svg.ts';

export function hasTransfer(results: RunResults): boolean {
  return Object.values(results.modes.strict.methods).some(({ transfer }) => transfer !== undefined);
}

/** FWT per method, and the tasks it is the mean of. */
export function transferSection(results: RunResults, mode: ScoringMode): Markup {
  const methods = methodFigures(results, mode);
  const rows = results.tasks.slice(1).flatMap((task) =>
    methods.flatMap(({ label, results: { transfer } }, index) => {
      const cell = transfer?.cells.find((candidate) => candidate.task === task);
      if (cell === undefined) return [];
      return [
        html`<tr><th scope="row">${task}</th><td class="method">${swatch(index)}${label}</td><td class="number">${formatScore(cell.zeroShot)}</td><td class="number">${formatScore(cell.before)}</td><td class="number">${formatChange(cell.change)}</td></tr>`,
      ];
    }),
  );
  const means = methods.flatMap(({ label, results: { transfer } }, index) =>
    transfer === undefined
      ? []
      : [
          html`<tr><th scope="row">FWT</th><td class="method">${swatch(index)}${label}</td><td class="number"></td><td class="number"></td><td class="number"><b>${formatChange(transfer.fwt)}</b></td></tr>`,
        ],
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Forward transfer"><table class="plain">
<caption class="sr">Tasks just before they were learned, beside zero-shot</caption>
<thead><tr><th scope="col">Task</th><th scope="col">Method</th><th scope="col" class="number">Zero-shot</th><th scope="col" class="number">Just before learning</th><th scope="col" class="number">Change</th></tr></thead>
<tbody>${rows}</tbody><tfoot>${means}</tfoot></table></div>`;
}

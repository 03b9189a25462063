// Routing on the page: how each mixture uses its experts by layer, task and kind of token, how that moved, and where
// methods that choose a task's expert for a question sent them.

import type { ChoiceCell } from '../../followups/observatory-file.ts';
import { meanOf } from '../../metrics/routing.ts';
import type { RunResults } from '../results.ts';
import { own } from '../words/figures.ts';
import { formatCount, formatShort } from '../words/numbers.ts';
import {
  formatBits,
  type MixtureFigures,
  mixtureFigures,
  routingSentences,
  unreadSentence,
} from '../words/routing-figures.ts';
import { heatStep, heatSteps } from './colours.ts';
import { html, type Markup } from './markup.ts';
import { useMap } from './routing-drawing.ts';
import { curvePanel, shorten, swatch } from './svg.ts';

/** Where the colours of divergences end at least, in bits. */
const LEAST_SCALE = 0.1;

export function routingSection(results: RunResults): Markup {
  const mixtures = mixtureFigures(results);
  const unread = unreadSentence(results);
  const scaleEnd = Math.max(
    LEAST_SCALE,
    ...mixtures.flatMap(({ apart }) => apart.flat().map((bits) => bits ?? 0)),
  );
  return html`${mixtures.length > 0 && explanation}${mixtures.map((figures) => mixtureGroup(figures, scaleEnd))}${driftPanels(results, mixtures)}${choiceGroups(results)}
${unread !== '' && html`<p class="note">${unread} <code class="command">coin observe RUN</code> reads gates off the saved stages, without training.</p>`}`;
}

const explanation = html`<p class="note">Experts per token: as many of N as its gates spread over, N to the power of their entropy as a share of the largest; of all tokens: the same for the mean gates. First most often: the tokens whose largest gate is that of their layer’s most chosen expert. Apart: Jensen–Shannon divergence between the use of two tasks, 0 alike and 1 disjoint. Moved: weight that went to other experts between a task’s own stage and the last one. Means over layers, and over tasks; text around a question counts as question.</p>`;

function mixtureGroup(figures: MixtureFigures, scaleEnd: number): Markup {
  const { mixture, label, index, after, tasks } = figures;
  const [claim, ...more] = routingSentences(figures);
  const maps = tasks.map(
    ({ task, use }) =>
      html`<figure><figcaption>${shorten(task, 32)}</figcaption>${useMap(use, mixture, `${label}, questions of ${task}`)}</figure>`,
  );
  const steps = Array.from({ length: heatSteps }, (_, step) => html`<i class="h${step}"></i>`);
  return html`<div class="group"><h3>${swatch(index)} ${label}</h3>
<p class="claim">${claim}</p>${more.length > 0 && html`<p class="more">${more.join(' ')}</p>`}
${kindTable(figures)}
<h3>Weight of the experts after ${after}</h3>
<p class="legend" aria-hidden="true"><span>none</span><span class="ramp">${steps}</span><span>twice an even share or more</span></p>
<div class="panels uses">${maps}</div>
<p class="note">A row per decoder layer, a block per module in it, a column per expert. Experts of different blocks are different ones.</p>
${tasks.length > 2 && apartTable(figures, scaleEnd)}</div>`;
}

function kindTable({ kinds, label }: MixtureFigures): Markup {
  const rows = kinds.map(
    ({ kind, tokens, perToken, inAll, mostFirst, apart, moved }) =>
      html`<tr><th scope="row">${kind}</th><td class="number">${formatCount(tokens)}</td><td class="number">${perToken.toFixed(2)}</td><td class="number">${inAll.toFixed(2)}</td><td class="number">${formatShort(mostFirst)} %</td><td class="number">${formatBits(apart)}</td><td class="number">${formatShort(moved)}${moved !== undefined && ' %'}</td></tr>`,
  );
  const headings = [
    'Tokens of the',
    'Read',
    'Experts per token',
    'Of all tokens',
    'First most often',
    'Tasks apart, bits',
    'Moved',
  ];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Experts of ${label} by kind of token"><table class="plain">
<caption class="sr">Use of the experts of ${label} by kind of token</caption>
<thead><tr>${headings.map((heading, column) => html`<th scope="col"${column > 0 && html` class="number"`}>${heading}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** Divergence between each two tasks, on one scale for all mixtures. */
function apartTable({ tasks, apart, label, after }: MixtureFigures, scaleEnd: number): Markup {
  const upright = tasks.length > 4;
  const rows = tasks.map(({ task }, row) => {
    const cells = tasks.map(({ task: other }, column) => {
      const bits = apart[row]?.[column];
      if (row === column || bits === undefined) return html`<td class="unseen"></td>`;
      return html`<td class="h${heatStep((100 * bits) / scaleEnd)}" title="${task} and ${other}: ${formatBits(bits)} bits">${formatBits(bits)}</td>`;
    });
    return html`<tr><th scope="row" title="${task}">${task}</th>${cells}</tr>`;
  });
  return html`<h3>How far tasks are apart, in bits</h3><figure class="heat-figure"><div class="scroll" tabindex="0" role="region" aria-label="How far the tasks of ${label} are apart"><table class="heat even apart${upright && ' upright'}">
<caption class="sr">Jensen–Shannon divergence between the use of two tasks by ${label} after ${after}, in bits</caption>
<thead><tr><td class="corner"></td>${tasks.map(({ task }) => html`<th scope="col" title="${task}"><span>${task}</span></th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div></figure>`;
}

/** One panel per task that has a later stage, a line per mixture. */
function driftPanels(results: RunResults, mixtures: readonly MixtureFigures[]): Markup | false {
  const all = mixtures.flatMap(({ drift }) => drift.flat().flatMap((value) => value ?? []));
  const highest = Math.max(...all, 0);
  if (highest === 0) return false;
  const top = [5, 10, 20, 50].find((limit) => highest <= limit) ?? 100;
  const panels = results.tasks.flatMap((task, taskIndex) => {
    const curves = results.methods.map(({ name, label }) => ({
      label,
      scores: mixtures.find(({ mixture }) => mixture.method === name)?.drift[taskIndex] ?? [],
    }));
    if (curves.every(({ scores }) => scores.filter((value) => value !== undefined).length < 2)) return [];
    const spoken = curves
      .flatMap(({ label, scores }) => {
        const last = scores.findLast((value) => value !== undefined);
        return last === undefined ? [] : [`${label} ${formatShort(last)} %`];
      })
      .join(', ');
    const drawing = curvePanel({
      stages: results.tasks.length,
      learnedAt: taskIndex + 1,
      curves,
      top,
      description: `Weight of ${task}'s tokens that moved to other experts by the last stage: ${spoken}`,
    });
    return [
      html`<figure><figcaption><b>${taskIndex + 1}</b> ${shorten(task, 32)}</figcaption>${drawing}</figure>`,
    ];
  });
  return html`<div class="group"><h3>Weight that moved to other experts since a task was learned, in percent, over the stages</h3><div class="panels">${panels}</div></div>`;
}

/** Per method that chooses an expert per question: where questions went after the last stage, and the share right. */
function choiceGroups(results: RunResults): readonly Markup[] {
  return results.methods.flatMap(({ name, label }, index) => {
    const cells = (results.routing?.choices ?? []).filter(({ method }) => method === name);
    const after = cells.at(-1)?.after;
    if (after === undefined) return [];
    const shares = cells
      .filter((cell) => cell.after === after)
      .map(({ routed, right }) => (100 * right) / routed);
    const claim = `After ${after}, ${formatShort(meanOf(shares))} % of the questions of a task go to its own expert.`;
    return [
      html`<div class="group"><h3>${swatch(index)} ${label}: which task’s expert was chosen</h3>
<p class="claim">${claim}</p><div class="pair">${confusion(results, label, cells, after)}${rightOverStages(results, label, cells)}</div></div>`,
    ];
  });
}

function confusion(
  results: RunResults,
  label: string,
  cells: readonly ChoiceCell[],
  after: string,
): Markup | false {
  const last = cells.filter((cell) => cell.after === after);
  const columns = results.tasks.filter((task) => last.some(({ to }) => Object.hasOwn(to, task)));
  if (columns.length === 0) return false;
  return choiceTable({
    caption: `Questions after ${after}, in percent by the expert they went to`,
    label,
    corner: 'of',
    columns,
    rows: last.map(({ task, to, routed }) => ({
      name: task,
      own: task,
      values: columns.map((chosen) => (100 * (own(to, chosen) ?? 0)) / routed),
    })),
  });
}

function rightOverStages(results: RunResults, label: string, cells: readonly ChoiceCell[]): Markup | false {
  const stages = results.tasks.filter((task) => cells.some(({ after }) => after === task));
  if (stages.length < 2) return false;
  return choiceTable({
    caption: 'Percent that went to their own task’s expert, after each stage',
    label,
    corner: 'after',
    columns: results.tasks,
    rows: stages.map((after) => ({
      name: after,
      own: after,
      values: results.tasks.map((task) => {
        const cell = cells.find((candidate) => candidate.after === after && candidate.task === task);
        return cell === undefined ? undefined : (100 * cell.right) / cell.routed;
      }),
    })),
  });
}

interface ChoiceTable {
  readonly caption: string;
  readonly label: string;
  readonly corner: string;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    /** The column that is framed. */
    readonly own: string;
    readonly values: readonly (number | undefined)[];
  }[];
}

function choiceTable({ caption, label, corner, columns, rows }: ChoiceTable): Markup {
  const upright = columns.some((task) => task.length > 10) || columns.length > 9;
  const drawn = rows.map(({ name, own: framed, values }) => {
    const cells = values.map((value, column) => {
      if (value === undefined) return html`<td class="unseen"></td>`;
      const mark = columns[column] === framed ? ' own' : '';
      return html`<td class="h${heatStep(value)}${mark}" title="${name}, ${columns[column]}: ${formatShort(value)} %">${value.toFixed(0)}</td>`;
    });
    return html`<tr><th scope="row" title="${name}">${name}</th>${cells}</tr>`;
  });
  return html`<figure class="heat-figure"><figcaption>${caption}</figcaption><div class="scroll" tabindex="0" role="region" aria-label="${label}: ${caption}"><table class="heat even${upright && ' upright'}">
<caption class="sr">${label}: ${caption}</caption>
<thead><tr><td class="corner">${corner}</td>${columns.map((task) => html`<th scope="col" title="${task}"><span>${task}</span></th>`)}</tr></thead>
<tbody>${drawn}</tbody></table></div></figure>`;
}

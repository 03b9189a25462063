// Life lines: what became of single samples over the stages, as counts per stage and as fates at the end.
import type { Fate, Transition } from '../../metrics/lifelines.ts';
import type { LifeLineResults } from '../../results/answers.ts';
import type { MethodInfo, RunResults } from '../results.ts';
import { formatCount } from '../words/numbers.ts';
import { html, type Markup } from './markup.ts';
import { stackedBar, stackedPanel, stackLegend } from './stacked.ts';
import { shorten, swatch } from './svg.ts';

/** From the bottom: what is right, then what is not. */
const parts: readonly { readonly transition: Transition; readonly colour: string; readonly label: string }[] =
  [
    { transition: 'kept', colour: 'l-kept', label: 'still right' },
    { transition: 'recovered', colour: 'l-recovered', label: 'right again' },
    { transition: 'learnt', colour: 'l-learnt', label: 'right for the first time' },
    { transition: 'forgotten', colour: 'l-forgotten', label: 'forgotten at this stage' },
    { transition: 'stillForgotten', colour: 'l-still', label: 'forgotten earlier' },
    { transition: 'notLearnt', colour: 'l-never', label: 'not learnt so far' },
  ];

export const fateNames: Readonly<Record<Fate, string>> = {
  kept: 'kept',
  recovered: 'recovered',
  forgotten: 'forgotten',
  never: 'never learnt',
};

const fateColours: Readonly<Record<Fate, string>> = {
  kept: 'l-kept',
  recovered: 'l-recovered',
  forgotten: 'l-forgotten',
  never: 'l-never',
};

export function lifeLineSection(results: RunResults): Markup {
  const lines = results.lifeLines ?? [];
  if (lines.length === 0) return html`<p class="empty">No stage is finished.</p>`;
  return html`${stackLegend(parts)}${results.methods.map((method, index) => methodPanels(results, lines, method, index))}${fateTable(results, lines)}
<p class="note">The samples behind a number: <code class="command">coin samples RUN --task TASK --forgotten-at STAGE</code>; more of them on this page: <code class="command">coin report RUN --samples 10</code></p>`;
}

function methodPanels(
  results: RunResults,
  all: readonly LifeLineResults[],
  method: MethodInfo,
  index: number,
): Markup {
  const panels = results.tasks.map((task, firstStage) => {
    const line = all.find((candidate) => candidate.method === method.name && candidate.task === task);
    const { transitions = [], samples = 0 } = line ?? {};
    const share = (count: number) => (100 * count) / Math.max(1, samples);
    const last = transitions.at(-1);
    const drawing = stackedPanel({
      stages: results.tasks.length,
      firstStage,
      parts: parts.map(({ transition, colour, label }) => ({
        colour,
        label,
        values: transitions.map((counts) => share(counts[transition])),
      })),
      names: transitions.map(({ stage }) => results.tasks[stage] ?? ''),
      description:
        last === undefined
          ? `${method.label} has not learned ${task} yet.`
          : `${method.label}, samples of ${task} after the last stage: ${parts.map(({ transition, label }) => `${label} ${share(last[transition]).toFixed(0)} %`).join(', ')}`,
    });
    return html`<figure><figcaption><b>${firstStage + 1}</b> ${shorten(task, 32)}</figcaption>${drawing}</figure>`;
  });
  return html`<div class="group"><h3>${swatch(index)} ${method.label}</h3><div class="panels">${panels}</div></div>`;
}

/** At the last finished stage, per task and method. */
function fateTable(results: RunResults, all: readonly LifeLineResults[]): Markup {
  const shown: readonly Fate[] = ['kept', 'recovered', 'forgotten', 'never'];
  const rows = results.tasks.flatMap((task) =>
    results.methods.flatMap((method, index) => {
      const line = all.find((candidate) => candidate.method === method.name && candidate.task === task);
      if (line === undefined) return [];
      const bar = stackedBar(
        shown.map((fate) => ({
          colour: fateColours[fate],
          label: fateNames[fate],
          share: (100 * line.fates[fate]) / Math.max(1, line.samples),
        })),
      );
      return [
        html`<tr><th scope="row">${task}</th><td class="method">${swatch(index)}${method.label}</td>${shown.map((fate) => html`<td class="number">${formatCount(line.fates[fate])}</td>`)}<td class="stack">${bar}</td></tr>`,
      ];
    }),
  );
  return html`<h3>What became of the samples</h3><div class="scroll" tabindex="0" role="region" aria-label="What became of the samples"><table class="plain">
<caption class="sr">Samples kept, recovered, forgotten and never learnt, after the last finished stage</caption>
<thead><tr><th scope="col">Task</th><th scope="col">Method</th>${shown.map((fate) => html`<th scope="col" class="number">${fateNames[fate]}</th>`)}<th scope="col" class="stack">Share of samples</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

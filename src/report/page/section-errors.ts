// What kind of forgetting it was: per task and stage the forgotten samples by how their answers fail now. Strict scoring.

import type { ErrorCell, ErrorResults } from '../../results/answers.ts';
import {
  type ErrorLabel,
  errorLabels,
  isFormat,
  type OtherStyle,
  rightByJudge,
} from '../../results/attribution.ts';
import type { MethodInfo, RunResults } from '../results.ts';
import { formatCount } from '../words/numbers.ts';
import { html, type Markup } from './markup.ts';
import { stackedBar, stackedPanel, stackLegend } from './stacked.ts';
import { shorten, swatch } from './svg.ts';

/** In the order of the stack, from the bottom: content, then the kinds of form. */
const stackOrder: readonly ErrorLabel[] = ['content', 'unreadable', 'otherStyle', 'lenient', 'judged'];

/** What a label is called where there is little room. */
export const errorNames: Readonly<Record<ErrorLabel, string>> = {
  content: 'wrong in content',
  unreadable: 'empty or unreadable',
  otherStyle: "another task's style",
  lenient: 'right inside other text',
  judged: 'right by the judge',
};

const notStyles: Readonly<Record<string, string>> = {
  unanswerable: '“unanswerable”',
  'task just learned': 'the task just learned',
};

/** "as …", in place of the task's own style. */
export function styleName(style: OtherStyle): string {
  return notStyles[style] ?? `a ${style}`;
}

export function errorSection(results: RunResults): Markup {
  const { errors } = results;
  if (errors === undefined || errors.cells.every(({ method }) => method === undefined)) {
    return html`<p class="empty">No stage is finished.</p>`;
  }
  const names = nameLabels(errors);
  const legend = stackLegend(stackOrder.map((label) => ({ colour: `e-${label}`, label: names[label] })));
  return html`${results.methods.map((method) => claim(errors, method))}${legend}
${results.methods.map((method, index) => methodPanels(results, errors, method, index))}
${lastStageTable(results, errors)}${reaskTable(results)}`;
}

function nameLabels({ judge }: ErrorResults): Readonly<Record<ErrorLabel, string>> {
  if (judge === undefined) return { ...errorNames, judged: 'right by a judge (nobody judged)' };
  const by = judge.standIn ? 'near in words (lexical stand-in)' : `right by ${judge.label}`;
  return { ...errorNames, judged: `${by}, ${rightByJudge} or more` };
}

/** One sentence per method, out of the counts of its last stage. */
function claim({ cells }: ErrorResults, { name, label }: MethodInfo): Markup | undefined {
  const last = lastCells(cells, name);
  const total = last.reduce((sum, cell) => sum + forgottenOf(cell), 0);
  if (total === 0) return undefined;
  const content = last.reduce((sum, { forgotten }) => sum + forgotten.labels.content, 0);
  const form = total - content;
  return html`<p class="claim">${label}: of ${formatCount(total)} samples forgotten at the end, ${percent(form, total)} are answered in another form or as another task, ${percent(content, total)} in the right form and wrong.</p>`;
}

function methodPanels(
  results: RunResults,
  { cells }: ErrorResults,
  method: MethodInfo,
  index: number,
): Markup {
  const panels = results.tasks.map((task, firstStage) => {
    const own = cells.filter((cell) => cell.method === method.name && cell.task === task);
    const parts = stackOrder.map((label) => ({
      colour: `e-${label}`,
      label: errorNames[label],
      values: own.map(({ forgotten, samples }) => (100 * forgotten.labels[label]) / Math.max(1, samples)),
    }));
    const learned = own[0];
    const right = learned === undefined ? undefined : learned.samples - sumOf(learned.wrong.labels);
    const spoken = own.slice(1).map((cell) => {
      const { samples, forgotten } = cell;
      return `after ${cell.after}: ${percent(forgottenOf(cell), samples)}, of it in content ${percent(forgotten.labels.content, samples)}`;
    });
    const drawing = stackedPanel({
      stages: results.tasks.length,
      firstStage,
      parts,
      names: own.map(({ after }) => after ?? ''),
      description: `${method.label}, forgotten samples of ${task} in percent. ${spoken.join('; ') || 'No later stage.'}`,
      ...(right === undefined || learned === undefined
        ? {}
        : { ceiling: (100 * right) / Math.max(1, learned.samples) }),
    });
    return html`<figure><figcaption><b>${firstStage + 1}</b> ${shorten(task, 32)}</figcaption>${drawing}</figure>`;
  });
  return html`<div class="group"><h3>${swatch(index)} ${method.label}</h3><div class="panels">${panels}</div></div>`;
}

/** The last finished stage in numbers. */
function lastStageTable(results: RunResults, { cells }: ErrorResults): Markup {
  const rows = results.tasks.flatMap((task) =>
    results.methods.flatMap((method, index) => {
      const cell = lastCells(cells, method.name).find((candidate) => candidate.task === task);
      if (cell === undefined) return [];
      const { forgotten, gained } = cell;
      const total = forgottenOf(cell);
      const styles = Object.entries(forgotten.styles)
        .sort(([, first], [, second]) => second - first)
        .map(([style, count]) => `${count} as ${styleName(style)}`);
      const bar = stackedBar(
        stackOrder.map((label) => ({
          colour: `e-${label}`,
          label: errorNames[label],
          share: (100 * forgotten.labels[label]) / Math.max(1, cell.samples),
        })),
      );
      const { content } = forgotten.labels;
      return [
        html`<tr><th scope="row">${task}</th><td class="method">${swatch(index)}${method.label}</td><td class="number">${formatCount(total)}</td><td class="number">${formatCount(total - content)}</td><td class="number">${formatCount(content)}</td><td class="number">${formatCount(gained)}</td><td>${styles.join(', ')}</td><td class="stack">${bar}</td></tr>`,
      ];
    }),
  );
  return html`<h3>After the last finished stage</h3><div class="scroll" tabindex="0" role="region" aria-label="Forgotten samples after the last stage"><table class="plain">
<caption class="sr">Forgotten samples after the last finished stage, in form and in content</caption>
<thead><tr><th scope="col">Task</th><th scope="col">Method</th><th scope="col" class="number">Forgotten</th><th scope="col" class="number">in form</th><th scope="col" class="number">in content</th><th scope="col" class="number">Gained</th><th scope="col">Style instead</th><th scope="col" class="stack">Share of samples</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** The counterfactual: asked again with a reminder of the format. */
function reaskTable({ reask, methods }: RunResults): Markup | undefined {
  if (reask === undefined) return undefined;
  const labels = new Map(methods.map(({ name, label }) => [name, label]));
  const rows = reask.cells.map(
    ({ method, after, task, asked, back }) =>
      html`<tr><th scope="row">${task}</th><td>${labels.get(method) ?? method}</td><td>${after}</td><td class="number">${formatCount(asked)}</td><td class="number">${formatCount(back)}</td><td class="number">${asked === 0 ? '' : percent(back, asked)}</td></tr>`,
  );
  return html`<h3>Asked again with a reminder of the format</h3><div class="scroll" tabindex="0" role="region" aria-label="Forgotten samples asked again"><table class="plain">
<caption class="sr">Forgotten samples asked again with a reminder of the format</caption>
<thead><tr><th scope="col">Task</th><th scope="col">Method</th><th scope="col">After</th><th scope="col" class="number">Asked</th><th scope="col" class="number">Right again</th><th scope="col" class="number">Share</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function lastCells(cells: readonly ErrorCell[], method: string): readonly ErrorCell[] {
  const own = cells.filter((cell) => cell.method === method);
  const last = own.at(-1)?.after;
  // The last task's own cell comes last of all; it is evaluated after the last stage like the others.
  return own.filter(({ after }) => after === last);
}

function forgottenOf({ forgotten }: ErrorCell): number {
  return sumOf(forgotten.labels);
}

function sumOf(labels: ErrorCell['wrong']['labels']): number {
  return errorLabels.reduce((sum, label) => sum + labels[label], 0);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(0)} %`;
}

/** For the introduction: the kinds that speak of form. */
export const formKinds: readonly string[] = errorLabels.filter(isFormat).map((label) => errorNames[label]);

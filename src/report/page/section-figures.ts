// The upper half of the page: the three figures per method with their formulas, the accuracy matrices as heat maps,
// what was forgotten, and the curves over the stages. Each under one scoring; the page draws both.
import type { Interval } from '../../metrics/bootstrap.ts';
import type { ScoringMode } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { costColumns, unmatchedNote } from '../words/costs.ts';
import { definitions } from '../words/definitions.ts';
import { type MethodFigures, methodFigures, mostForgotten, nothingLearnt, own } from '../words/figures.ts';
import { comparisonSentences, intervalNote } from '../words/intervals.ts';
import { formatChange, formatInterval, formatScore, formatShort } from '../words/numbers.ts';
import { capitalised } from '../words/text.ts';
import { heatStep, heatSteps } from './colours.ts';
import { html, type Markup } from './markup.ts';
import { bar, changeTrack, curvePanel, radarChart, shorten, swatch } from './svg.ts';

/** ACC, MAA and BWT: a card each, with a bar per method and the formula. */
export function figureCards(results: RunResults, mode: ScoringMode): Markup {
  const methods = methodFigures(results, mode);
  const nothing = methods.flatMap((method) => {
    const words = nothingLearnt(method);
    return words === undefined ? [] : [html`<p class="nothing">${method.label}: ${words}.</p>`];
  });
  const cards = definitions.map(({ key, symbol, name, meaning, formula }) => {
    const values = methods.map((method) => method.results[key]);
    const isChange = key === 'bwt';
    const figure = key === 'finalAverage' ? 'acc' : key;
    const best = methods.findIndex(({ name }) => isAboveAll(results, mode, name, figure));
    const domain = isChange ? changeDomain(values) : ([0, 100] as const);
    return html`<article class="card figure">
<h3><span class="symbol">${symbol}</span> ${name}</h3>
<table><caption class="sr">${name} per method</caption><tbody>${methods.map((method, index) => {
      const value = values[index] ?? Number.NaN;
      return html`<tr${index === best && html` class="best"`}><th scope="row">${swatch(index)}<span>${method.label}</span></th>
<td class="bars">${bar(value, domain, index)}</td><td class="number">${isChange ? formatChange(value) : formatScore(value)}${index === best && html`<span class="sr"> (best)</span>`}${method.intervals !== undefined && html`<span class="interval">${formatInterval(method.intervals[figure])}</span>`}</td></tr>`;
    })}</tbody></table>
${isChange && nothing}
<div class="formula">${formula}</div><p>${meaning}</p></article>`;
  });
  return html`<div class="cards">${cards}</div>${comparison(results, mode)}`;
}

/** Which methods can be told apart, and what the intervals are of. */
function comparison(results: RunResults, mode: ScoringMode): Markup | false {
  const sentences = comparisonSentences(results, mode);
  const note = intervalNote(results, mode);
  if (note === '') return false;
  return html`<div class="apart-words">${sentences.map((sentence) => html`<p>${sentence}</p>`)}<p class="note">${note}</p></div>`;
}

/** What each method cost, and where it lost most. */
export function costTable(results: RunResults, mode: ScoringMode): Markup {
  const columns = costColumns(results.methods);
  const rows = methodFigures(results, mode).map((method, index) => {
    const worst = mostForgotten(method);
    const { info, stages, tasks } = method;
    return html`<tr><th scope="row">${swatch(index)}<span>${method.label}</span></th><td>${stages.length} of ${tasks.length}</td>
<td>${worst === undefined ? 'nothing' : html`${worst.task} <span class="muted">${formatChange(worst.change, 1)}</span>`}</td>
${columns.map((column) => html`<td class="number">${column.cell(info)}</td>`)}</tr>`;
  });
  const note = unmatchedNote(results.methods);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Cost of the methods"><table class="plain">
<caption class="sr">Cost of the methods, and where each lost most</caption>
<thead><tr><th scope="col">Method</th><th scope="col">Stages</th><th scope="col">Lost most</th>${columns.map(({ heading }) => html`<th scope="col" class="number">${capitalised(heading)}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>${note !== '' && html`<p class="note">${note}</p>`}`;
}

/** The accuracy matrix of every method, colour behind the numbers. */
export function heatMaps(results: RunResults, mode: ScoringMode, words: HeatWords = {}): Markup {
  return html`<div class="pair">${methodFigures(results, mode).map((method, index) => heatMap(results, mode, method, index, words))}</div>`;
}

const ACCURACY = 'Accuracy';

/** A prefix that keeps ids apart, and what the numbers are. */
export interface HeatWords {
  readonly id?: string;
  readonly what?: string;
}

function heatMap(
  results: RunResults,
  mode: ScoringMode,
  method: MethodFigures,
  index: number,
  { id = 'heat', what = ACCURACY }: HeatWords,
): Markup {
  const zeroShot = results.tasks.map((task) => own(results.modes[mode].zeroShot, task));
  const many = results.tasks.length > 4;
  const upright = many && (results.tasks.some((task) => task.length > 12) || results.tasks.length > 9);
  const intervalOf = (after: string, task: string | undefined) =>
    what === ACCURACY
      ? method.intervals?.cells.find((candidate) => candidate.after === after && candidate.task === task)
      : undefined;
  const cell = (score: number | undefined, column: number, place: string, mark = '', interval?: Interval) => {
    if (score === undefined) return html`<td class="unseen"></td>`;
    const title = `${results.tasks[column]}, ${place}: ${formatScore(score)}${interval === undefined ? '' : ` ${formatInterval(interval)}`}`;
    return html`<td class="h${heatStep(score)}${mark}" title="${title}">${inCell(formatShort(score))}</td>`;
  };
  const rows = method.stages.map(({ after, scores, mean }, stage) => {
    const cells = scores.map((score, column) =>
      cell(
        score,
        column,
        `after ${after}`,
        stage === column ? ' own' : '',
        intervalOf(after, results.tasks[column]),
      ),
    );
    return html`<tr><th scope="row" title="after ${after}">${after}</th>${cells}<td class="mean">${formatShort(mean)}</td></tr>`;
  });
  const waiting = results.tasks
    .slice(method.stages.length)
    .map(
      (task) =>
        html`<tr class="waiting"><th scope="row" title="${task}">${task}</th>${results.tasks.map(() => html`<td class="unseen"></td>`)}<td></td></tr>`,
    );
  const changes = method.tasks.map(
    ({ change }, column) =>
      html`<td>${column === method.stages.length - 1 ? '' : change === undefined ? '' : inCell(formatChange(change, 1))}</td>`,
  );
  return html`<figure class="heat-figure">
<figcaption id="${id}-${mode}-${index}">${swatch(index)} <b>${method.label}</b> <span class="muted">ACC ${formatShort(method.results.finalAverage)}, BWT ${formatChange(method.results.bwt, 1)}</span></figcaption>
<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}-${mode}-${index}"><table class="heat${many && ' many'}${upright && ' upright'}">
<caption class="sr">${what} of ${method.label} in percent, ${mode} scoring. Rows: after a stage. Columns: tasks.</caption>
<thead><tr><td class="corner">after</td>${results.tasks.map((task) => html`<th scope="col" title="${task}"><span>${breakable(task)}</span></th>`)}<th scope="col" class="mean"><span>mean</span></th></tr></thead>
<tbody class="zero-shot"><tr><th scope="row">zero-shot</th>${zeroShot.map((score, column) => cell(score, column, 'zero-shot'))}<td></td></tr></tbody>
<tbody>${rows}${waiting}</tbody>
${method.stages.length > 1 && html`<tfoot><tr><th scope="row">change</th>${changes}<td></td></tr></tfoot>`}
</table></div></figure>`;
}

/** `100` for `100.0`: three digits and a point are more than a narrow cell holds. */
function inCell(text: string): string {
  return text.replace(/^([+\u2212]?100)\.0$/, '$1');
}

/** A name that may be broken where a new word begins, as in `Science|QA`. */
function breakable(name: string): Markup {
  return html`${name.split(/(?<=[a-z])(?=[A-Z])/).map((part, index) => (index === 0 ? html`${part}` : html`<wbr>${part}`))}`;
}

/** The scale of the heat maps. */
export function heatLegend(): Markup {
  const steps = Array.from({ length: heatSteps }, (_, step) => html`<i class="h${step}"></i>`);
  return html`<p class="legend" aria-hidden="true"><span>0</span><span class="ramp">${steps}</span><span>100 %</span><span class="key"><i class="own"></i>just trained</span></p>`;
}

/** Undefined with fewer than three learned tasks. */
export function radarDrawing(method: MethodFigures, index: number): Markup | undefined {
  const axes = method.tasks.flatMap(({ task, justTrained, final }) =>
    justTrained === undefined || final === undefined
      ? []
      : [{ label: task, before: justTrained, after: final }],
  );
  if (axes.length < 3) return undefined;
  const spoken = axes
    .map(({ label, before, after }) => `${label} ${formatShort(before)} to ${formatShort(after)}`)
    .join(', ');
  return radarChart(axes, index, `${method.label}, just trained to final accuracy: ${spoken}`);
}

/** The paper's figure 1, a radar per method, and the same numbers as a table. */
export function forgetting(results: RunResults, mode: ScoringMode): Markup {
  const methods = methodFigures(results, mode);
  const radars = methods.map((method, index) => {
    const learned = method.tasks.filter(({ justTrained }) => justTrained !== undefined).length;
    const drawing =
      radarDrawing(method, index) ??
      html`<p class="empty">The chart needs three learned tasks; ${method.label} has ${learned}.</p>`;
    return html`<figure class="radar-figure"><figcaption>${swatch(index)} <b>${method.label}</b></figcaption>${drawing}</figure>`;
  });
  const key = html`<p class="legend" aria-hidden="true"><span class="key"><svg width="26" height="10"><line class="before" x1="0" x2="26" y1="5" y2="5"/></svg>just trained</span><span class="key"><svg width="26" height="12"><rect class="after" x="1" y="1" width="24" height="10"/></svg>at the end</span></p>`;
  return html`${key}<div class="pair radars">${radars}</div>${changeTable(results, methods)}`;
}

function changeTable(results: RunResults, methods: readonly MethodFigures[]): Markup {
  const groups = results.tasks.map((task, taskIndex) => {
    const rows = methods.map((method, index) => {
      const { zeroShot, justTrained, final, change } = method.tasks[taskIndex] ?? { task };
      const track =
        justTrained === undefined || final === undefined ? '' : changeTrack(justTrained, final, index);
      const head =
        index === 0 &&
        html`<th scope="rowgroup" rowspan="${methods.length}">${task}</th><td class="number zero-shot" rowspan="${methods.length}">${formatScore(zeroShot)}</td>`;
      // Half gone or more: said in the section's introduction.
      const halfGone = change !== undefined && justTrained !== undefined && change < -justTrained / 2;
      const loss = halfGone && html` class="loss"`;
      return html`<tr>${head}<th scope="row">${swatch(index)}<span>${method.label}</span></th><td class="number">${formatScore(justTrained)}</td><td class="number">${formatScore(final)}</td><td class="number"><span${loss}>${formatChange(change)}</span></td><td class="track">${track}</td></tr>`;
    });
    return html`<tbody>${rows}</tbody>`;
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Just-trained and final accuracy"><table class="plain changes">
<caption class="sr">Just-trained and final accuracy per task and method, percent</caption>
<thead><tr><th scope="col">Task</th><th scope="col" class="number zero-shot">Zero-shot</th><th scope="col">Method</th><th scope="col" class="number">Just trained</th><th scope="col" class="number">Final</th><th scope="col" class="number">Change</th><th scope="col" class="track"><span class="ends"><span>0</span><span>100</span></span></th></tr></thead>
${groups}</table></div>`;
}

/** A task's accuracy from the stage that taught it on, a line per method. */
export function curveDrawing(
  results: RunResults,
  mode: ScoringMode,
  methods: readonly MethodFigures[],
  index: number,
): Markup {
  const task = results.tasks[index] ?? '';
  const lines = methods.map((method) => ({
    label: method.label,
    scores: method.stages.map(({ scores }) => scores[index]),
  }));
  const spoken = lines.map(({ label, scores }) => {
    const values = scores.filter((score) => score !== undefined).map(formatShort);
    return `${label}: ${values.length === 0 ? 'not learned yet' : values.join(', ')}`;
  });
  return curvePanel({
    stages: results.tasks.length,
    learnedAt: index + 1,
    zeroShot: own(results.modes[mode].zeroShot, task),
    curves: lines,
    description: `Accuracy on ${task} from stage ${index + 1} on. ${spoken.join('. ')}`,
  });
}

/** One small chart per task: its accuracy after every stage. */
export function curves(results: RunResults, mode: ScoringMode): Markup {
  const methods = methodFigures(results, mode);
  const panels = results.tasks.map((task, index) => {
    const drawing = curveDrawing(results, mode, methods, index);
    return html`<figure><figcaption><b>${index + 1}</b> ${shorten(task, 32)}</figcaption>${drawing}</figure>`;
  });
  const names = methods.map(
    (method, index) => html`<span class="key">${swatch(index)}${method.label}</span>`,
  );
  return html`<p class="legend" aria-hidden="true">${names}<span class="key"><svg width="10" height="10" class="curves"><circle class="zero" cx="5" cy="5" r="3"/></svg>zero-shot</span></p><div class="panels">${panels}</div>`;
}

/** The order of the tasks, as a chain. */
export function taskChain(results: RunResults): Markup {
  return html`<ol class="chain" aria-label="Tasks in training order">${results.tasks.map((task) => html`<li>${task}</li>`)}</ol>`;
}

/** Whether the test images tell a method apart from every other, and it is the higher: only then is its figure bold. */
function isAboveAll(
  { intervals, methods }: RunResults,
  mode: ScoringMode,
  name: string,
  figure: 'acc' | 'maa' | 'bwt',
): boolean {
  const pairs = intervals?.[mode].comparison?.pairs ?? [];
  const own = pairs.filter(({ first, second }) => first === name || second === name);
  return (
    own.length > 0 &&
    own.length === methods.length - 1 &&
    own.every(
      ({ first, [figure]: { value, distinguishable } }) => distinguishable && value > 0 === (first === name),
    )
  );
}

/** From the worst loss, rounded to tens, to zero, or further if there is a gain. */
function changeDomain(values: readonly number[]): readonly [number, number] {
  const known = values.filter(Number.isFinite);
  const low = Math.floor(Math.min(0, ...known) / 10) * 10;
  const high = Math.ceil(Math.max(0, ...known) / 10) * 10;
  return low === high ? [-10, 0] : [low, high];
}

// Examples: an image, its question, the truth, and what every method answered after every stage. Filtering is done by
// radio buttons and style rules, without a script. Everything here is untrusted text.

import type { ExampleAnswer, ExampleResult } from '../../results/examples.ts';
import type { Verdict } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { html, type Markup, safeImage } from './markup.ts';
import { errorNames, styleName } from './section-errors.ts';
import { fateNames } from './section-lifelines.ts';
import { shorten, swatch } from './svg.ts';

/** One sample with the answers of all methods. */
interface Example {
  readonly task: string;
  readonly id: string;
  readonly question: string;
  readonly truth: string;
  readonly image: string | undefined;
  readonly byMethod: ReadonlyMap<string, ExampleResult['answers']>;
  readonly fates: ReadonlyMap<string, ExampleResult['fate']>;
}

const verdictMarks: Readonly<Record<Verdict, { readonly sign: string; readonly spoken: string }>> = {
  right: { sign: '✓', spoken: 'right' },
  wrong: { sign: '✕', spoken: 'wrong' },
  unparseable: { sign: '?', spoken: 'unparseable' },
  missing: { sign: '∅', spoken: 'missing' },
};

const longestAnswer = 240;
const longestQuestion = 1200;

/** Cards with a filter by task; empty text when there are no examples. */
export function exampleSection(results: RunResults): Markup {
  const examples = groupExamples(results);
  if (examples.length === 0) return html`<p class="empty">This run has no examples.</p>`;
  const tasks = results.tasks.filter((task) => examples.some((example) => example.task === task));
  const forgotten = examples.filter(isForgotten).length;
  const chip = (task: string | undefined, count: number) => {
    const id = task === undefined ? 'all' : String(results.tasks.indexOf(task));
    return html`<label class="chip"><input type="radio" name="task" id="task-${id}"${task === undefined && html` checked`}>${task ?? 'All tasks'} <small>${count}</small></label>`;
  };
  const counts = tasks.map((task) => examples.filter((example) => example.task === task).length);
  const key = Object.entries(verdictMarks).map(
    ([verdict, { sign, spoken }]) =>
      html`<span class="v-${verdict}"><span class="verdict">${sign}</span>${spoken}</span>`,
  );
  return html`<p class="legend" aria-hidden="true">${key}</p><div class="filters"><fieldset><legend class="sr">Show examples of</legend>${chip(undefined, examples.length)}${tasks.map((task, index) => chip(task, counts[index] ?? 0))}</fieldset>
<label class="chip"><input type="checkbox" id="only-forgotten"${forgotten === 0 && html` disabled`}>Forgotten only <small>${forgotten}</small></label></div>
<div class="examples">${examples.map((example) => card(results, example))}</div>
<p class="empty none-left">No example matches.</p>`;
}

/** Rules that hide the cards of other tasks while a task's button is checked. */
export function exampleFilterRules(results: RunResults): string {
  return results.tasks
    .map((_, index) => `body:has(#task-${index}:checked) .example:not(.t${index}){display:none}`)
    .join('\n');
}

function groupExamples(results: RunResults): readonly Example[] {
  const groups = new Map<string, Example>();
  for (const { task, id, method, question, truth, image, answers, fate } of results.examples) {
    const key = JSON.stringify([task, id]);
    const known = groups.get(key);
    groups.set(key, {
      task,
      id,
      question,
      truth,
      image: known?.image ?? safeImage(image),
      byMethod: new Map([...(known?.byMethod ?? []), [method, answers]]),
      fates: new Map([...(known?.fates ?? []), [method, fate]]),
    });
  }
  // In training order; a task that the run does not name comes last.
  const place = (task: string) => {
    const index = results.tasks.indexOf(task);
    return index === -1 ? results.tasks.length : index;
  };
  return [...groups.values()].sort((first, second) => place(first.task) - place(second.task));
}

/** Right at first, not right at the end, for any method. */
function isForgotten({ byMethod }: Example): boolean {
  return [...byMethod.values()].some(
    (answers) => answers.length > 1 && answers[0]?.verdict === 'right' && answers.at(-1)?.verdict !== 'right',
  );
}

function card(results: RunResults, example: Example): Markup {
  const methods = results.methods
    .map((method, index) => ({ ...method, index }))
    .filter(({ name }) => example.byMethod.has(name));
  const order = new Map([...results.tasks].map((task, index) => [task, index]));
  const stages = [...new Set([...example.byMethod.values()].flat().map(({ after }) => after))].sort(
    (first, second) => (order.get(first) ?? -1) - (order.get(second) ?? -1),
  );
  const taskIndex = results.tasks.indexOf(example.task);
  const rows = stages.map((after) => {
    const cells = methods.map(({ name }) =>
      answerCell(example.byMethod.get(name)?.find((answer) => answer.after === after)),
    );
    return html`<tr><th scope="row">${after}</th>${cells}</tr>`;
  });
  const kind = `example t${taskIndex}${isForgotten(example) ? ' forgotten' : ''}`;
  const image =
    example.image === undefined
      ? ''
      : html`<img src="${example.image}" alt="Image that ${example.task} ${shorten(example.id, 40)} asks about" width="104" height="104" decoding="async">`;
  return html`<article class="${kind}" aria-label="${example.task}, ${example.id}">
<header><b>${example.task}</b><span class="muted">${shorten(example.id, 40)}</span></header>
<div class="asked">${image}<div>${question(example.question)}<p class="truth"><span class="label">Truth</span> ${shorten(example.truth, longestAnswer)}</p></div></div>
<table class="answers"><caption class="sr">Answers after each stage</caption><thead><tr><th scope="col">after</th>${methods.map(({ name, label, index }) => html`<th scope="col">${swatch(index)}<span>${label}</span>${fateOf(example, name)}</th>`)}</tr></thead><tbody>${rows}</tbody></table></article>`;
}

function fateOf({ fates }: Example, method: string): Markup | undefined {
  const fate = fates.get(method);
  return fate === undefined ? undefined : html`<span class="fate">${fateNames[fate]}</span>`;
}

/** The instruction is the last line in nearly every task; it is the same for all samples and steps back. */
function question(text: string): Markup {
  const lines = shorten(text, longestQuestion).trimEnd().split('\n');
  if (lines.length < 2) return html`<p class="question">${lines}</p>`;
  return html`<p class="question">${lines.slice(0, -1).join('\n')}</p><p class="instruction">${lines.at(-1)}</p>`;
}

function answerCell(answer: ExampleResult['answers'][number] | undefined): Markup {
  if (answer === undefined) return html`<td></td>`;
  const { sign, spoken } = verdictMarks[answer.verdict];
  const text = answer.text.trim();
  const shown =
    text === ''
      ? html`<i class="muted">${spoken === 'missing' ? 'no answer' : 'empty'}</i>`
      : shorten(text, longestAnswer);
  const kind = kindOf(answer);
  return html`<td class="v-${answer.verdict}"><span class="verdict" aria-hidden="true">${sign}</span><span class="sr">${spoken}: </span>${shown}${kind !== undefined && html`<span class="kind">${kind}</span>`}</td>`;
}

/** How a wrong answer fails, in a word; nothing where it is simply wrong. */
function kindOf({ error, style }: ExampleAnswer): string | undefined {
  if (error === 'otherStyle') return style === undefined ? errorNames.otherStyle : `as ${styleName(style)}`;
  return error === undefined || error === 'content' ? undefined : errorNames[error];
}

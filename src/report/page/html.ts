// The report of a run as one HTML file: which sections it has; they draw themselves, and the frame is `page.ts`. Both scorings are in the page, and two radio buttons with style rules show one of them.

import type { JudgeResults } from '../../followups/judging/judge-results.ts';
import { type ScoringMode, scoringModes } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { besideFigures } from '../words/beside.ts';
import { headline, methodFigures, runName, subline } from '../words/figures.ts';
import { html, type Markup } from './markup.ts';
import { navigation, type PageSection, renderPage } from './page.ts';
import { scoringComparison, unreadableTable } from './section-answers.ts';
import { besideTables } from './section-beside.ts';
import { errorSection, formKinds } from './section-errors.ts';
import { exampleFilterRules, exampleSection } from './section-examples.ts';
import {
  costTable,
  curves,
  figureCards,
  forgetting,
  heatLegend,
  heatMaps,
  taskChain,
} from './section-figures.ts';
import { judgeSection } from './section-judges.ts';
import { lifeLineSection } from './section-lifelines.ts';
import { routingSection } from './section-routing.ts';
import { setupTables } from './section-setup.ts';
import { hasTransfer, transferSection } from './section-transfer.ts';
import { whatIfSections } from './section-what-if.ts';
import { stylesheet } from './styles.ts';

/** The whole page, from `<!doctype html>` on. */
export function renderReport(results: RunResults): string {
  const all = sections(results);
  return renderPage({
    title: `${runName(results)}: what was forgotten`,
    css: `${stylesheet()}\n${exampleFilterRules(results)}\n`,
    bar: bar(all),
    hero: hero(results),
    sections: all,
    footer:
      "Every figure on this page is computed from the predictions in the run's folder. The page is one file: no script, no network.",
  });
}

function bar(all: readonly PageSection[]): Markup {
  const choice = (mode: ScoringMode, checked: boolean) =>
    html`<label><input type="radio" name="scoring" id="scoring-${mode}"${checked && html` checked`}>${mode}</label>`;
  return html`<div class="bar-top"><div class="bar-inner">
<a class="brand" href="#top">CoIN</a>
${navigation(all)}
<fieldset class="switch"><legend>Scoring</legend>${scoringModes.map((mode, index) => choice(mode, index === 0))}</fieldset>
</div></div>`;
}

function hero(results: RunResults): Markup {
  const unfinished = methodFigures(results, 'strict').filter(({ complete }) => !complete);
  const states = unfinished.map(
    ({ label, stages, tasks }) => `${label} has finished ${stages.length} of ${tasks.length} stages`,
  );
  const state =
    states.length > 3 ? `${states.length} methods have not finished all their stages` : states.join('; ');
  return html`<header class="hero" id="top">
<h1>${runName(results)}</h1>
${both((mode) => {
  const second = subline(results, mode);
  return html`<p class="headline">${headline(results, mode)}</p>${second !== '' && html`<p class="subline">${second}</p>`}`;
})}
${states.length > 0 && html`<p class="unfinished"><b>Unfinished.</b> ${state}. Figures are over the stages that are there; compare runs of the same length only.</p>`}
${taskChain(results)}
</header>`;
}

function sections(results: RunResults): readonly PageSection[] {
  if (results.methods.length === 0) {
    return [
      {
        id: 'figures',
        short: 'Figures',
        title: 'No method',
        introduction: 'This run has no method, so there is nothing to show but its set-up.',
        body: setupTables(results),
      },
    ];
  }
  return [
    {
      id: 'figures',
      short: 'Figures',
      title: 'In three figures',
      introduction: html`<i>A</i><sub><i>j</i>,<i>i</i></sub> is the accuracy on task <i>i</i> after learning task <i>j</i>, in percent; <i>T</i> is the number of tasks.`,
      body: both((mode) => html`${figureCards(results, mode)}${costTable(results, mode)}`),
    },
    {
      id: 'matrix',
      short: 'Matrix',
      title: 'Accuracy matrix',
      introduction:
        'A row per stage, a column per task. Read a column downwards to see what became of a task after it was learned.',
      body: html`${heatLegend()}${both((mode) => heatMaps(results, mode))}`,
    },
    {
      id: 'forgetting',
      short: 'Forgetting',
      title: 'Just trained, and at the end',
      introduction: html`The dashed outline is what the model could do right after learning each task; the filled shape is what is left. A change in <span class="loss">red</span>: more than half of it is gone.`,
      body: both((mode) => forgetting(results, mode)),
    },
    {
      id: 'curves',
      short: 'Curves',
      title: 'Accuracy over the stages',
      introduction: 'One chart per task, from the stage that taught it to the last.',
      body: both((mode) => curves(results, mode)),
    },
    ...aspectSections(results),
    {
      id: 'scoring',
      short: 'Scoring',
      title: 'How answers were read',
      introduction: html`<b>Strict</b> pairs predictions by id, divides by the expected count and tells missing and unparseable answers from wrong ones. <b>Reference</b> reproduces the published scorers, quirks included, for comparison with published figures.`,
      body: html`${scoringComparison(results)}<h3>Predictions that could not be read</h3>${both((mode) => unreadableTable(results, mode))}`,
    },
    ...whatIfSections(results, both),
    ...besideSections(results),
    {
      id: 'examples',
      short: 'Examples',
      title: 'Examples',
      introduction: 'The same question after every stage, with the verdict of strict scoring.',
      body: exampleSection(results),
    },
    {
      id: 'setup',
      short: 'Set-up',
      title: 'Set-up',
      introduction:
        'What was chosen otherwise than by default, the whole configuration, and the versions and hashes of everything that went in.',
      body: setupTables(results),
    },
  ];
}

/** What the figures of the judges mean, and no more: nearness in words is no knowledge. */
function knowledgeIntroduction(judges: readonly JudgeResults[]): string {
  const rated = 'The same answers, rated 0 to 10 for how well they agree with the truth, whatever their form';
  if (judges.length > 0 && judges.every(({ standIn }) => standIn)) {
    return `${rated}, is the benchmark’s second aspect. A judge has not rated this run; a comparison of words stands in for it.`;
  }
  return `${rated}; the mean as percent of 10. Where this falls less than exact accuracy, answers lost their form more than their content, in the judge’s eyes.`;
}

/** The second half: what a judge says, and what became of single answers. Each only where there is something to show. */
function aspectSections(results: RunResults): readonly PageSection[] {
  const judged = (results.judges ?? []).length > 0;
  return [
    {
      id: 'knowledge',
      short: 'Knowledge',
      title: 'General knowledge',
      introduction: knowledgeIntroduction(results.judges ?? []),
      body: judged
        ? both((mode) => judgeSection(results, mode))
        : html`<p class="empty">Nobody has judged this run. <code class="command">coin judge RUN</code> does.</p>`,
    },
    {
      id: 'errors',
      short: 'Errors',
      title: 'Form or content',
      introduction: html`Samples that were right just after their task was learned and are wrong now, by how the answer fails. Form: ${formKinds.join(', ')}. Of an unreadable answer nobody can say what it knew; an answer that only the task just learned has counts as another task’s style. The dashed line is what was right at first. Strict scoring.`,
      body: errorSection(results),
    },
    {
      id: 'life-lines',
      short: 'Life lines',
      title: 'Life lines',
      introduction:
        'Every sample is right or wrong after every stage, from the one that taught its task. What happened to it from one stage to the next, in percent of the samples. Strict scoring.',
      body: lifeLineSection(results),
    },
    ...(results.routing === undefined
      ? []
      : [
          {
            id: 'routing',
            short: 'Routing',
            title: 'Where tokens and questions are sent',
            introduction:
              'Which experts of a mixture do the work, for which task and which kind of token; and whether methods with an expert per task choose the right one.',
            body: routingSection(results),
          },
        ]),
    ...(hasTransfer(results)
      ? [
          {
            id: 'transfer',
            short: 'Transfer',
            title: 'Before it was learned',
            introduction: html`A task just before its own stage, against zero-shot: what the earlier tasks did for it. FWT is the mean of the changes, <i>1/(T−1)</i> Σ (<i>A</i><sub><i>i</i>−1,<i>i</i></sub> − zero-shot).`,
            body: both((mode) => transferSection(results, mode)),
          },
        ]
      : []),
  ];
}

function besideSections(results: RunResults): readonly PageSection[] {
  const figures = besideFigures(results);
  if (figures === undefined) return [];
  return [
    {
      id: 'beside',
      short: 'Beside',
      title: `Beside ${figures.row.label}`,
      introduction: "The authors' own committed results, and this run over the same tasks.",
      body: besideTables(figures),
    },
  ];
}

/** The same part under each scoring; the style sheet shows the chosen one. */
function both(draw: (mode: ScoringMode) => Markup): Markup {
  return html`${scoringModes.map((mode) => html`<div class="in-${mode}">${draw(mode)}</div>`)}`;
}

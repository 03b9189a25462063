// General knowledge: the second matrix, one per judge, beside the figures of exact scoring. A comparison of words is
// called that wherever it stands.

import type { JudgeResults } from '../../followups/judging/judge-results.ts';
import type { ScoringMode } from '../../tasks/task.ts';
import type { RunResults } from '../results.ts';
import { type MethodFigures, methodFigures } from '../words/figures.ts';
import { formatChange, formatCount, formatScore } from '../words/numbers.ts';
import { html, type Markup } from './markup.ts';
import { heatMaps } from './section-figures.ts';
import { swatch } from './svg.ts';

/** Empty text when nobody judged. */
export function judgeSection(results: RunResults, mode: ScoringMode): Markup {
  const judges = results.judges ?? [];
  return html`${judges.map((judge, index) => oneJudge(results, judge, mode, index))}`;
}

function oneJudge(results: RunResults, judge: JudgeResults, mode: ScoringMode, index: number): Markup {
  const view: RunResults = { ...results, modes: judge.modes };
  const judged = methodFigures(view, mode);
  const exact = methodFigures(results, mode);
  const settings = Object.entries(judge.settings).map(([name, value]) => `${name} ${value}`);
  return html`<div class="judge"><h3>${judge.standIn ? 'Lexical stand-in' : `Judge: ${judge.label}`}</h3>
${judge.standIn && caveat}
${comparison(exact, judged, judge)}
${heatMaps(view, mode, { id: `judge-${index}`, what: judge.standIn ? 'Nearness in words' : 'General knowledge' })}
<p class="settings">${counts(judge, mode)} ${settings.join(', ')}.</p></div>`;
}

const caveat = html`<p class="caveat"><b>Not a judge.</b> No model read these answers: their words, numbers and boxes were compared with the truth, synonyms from WordNet counted as equal. It tells how near an answer comes in its words; what a model knows and says otherwise, it cannot see. A judge: <code class="command">coin judge RUN --judge URL</code></p>`;

/** The figures of both aspects side by side. */
function comparison(
  exact: readonly MethodFigures[],
  judged: readonly MethodFigures[],
  { standIn }: JudgeResults,
): Markup {
  const rows = exact.map(({ label, results: first }, index) => {
    const second = judged[index]?.results;
    const pair = (key: 'finalAverage' | 'maa' | 'bwt', format: (value: number | undefined) => string) =>
      html`<td class="number">${format(first[key])}</td><td class="number"><b>${format(second?.[key])}</b></td>`;
    return html`<tr><th scope="row">${swatch(index)}<span>${label}</span></th>${pair('finalAverage', formatScore)}${pair('maa', formatScore)}${pair('bwt', formatChange)}</tr>`;
  });
  const second = standIn ? 'in words' : 'judged';
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Exact scoring beside judging"><table class="plain">
<caption class="sr">Figures of exact scoring beside those of judging</caption>
<thead><tr><th scope="col">Method</th>${['ACC', 'MAA', 'BWT'].map((name) => html`<th scope="col" class="number">${name} exact</th><th scope="col" class="number">${second}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function counts({ answers, unparsed, crashes, open }: JudgeResults, mode: ScoringMode): string {
  const parts = [`${formatCount(answers)} answers judged`];
  if (unparsed > 0) {
    parts.push(
      mode === 'strict'
        ? `${formatCount(unparsed)} judgements could not be read and are left out`
        : 'judgements read as the reference reads them, faults included',
    );
  }
  if (crashes > 0 && mode === 'reference') {
    parts.push(`at ${formatCount(crashes)} the reference itself would stop; here they add nothing`);
  }
  if (open > 0) parts.push(`${formatCount(open)} evaluations not judged yet`);
  return `${parts.join('; ')}.`;
}

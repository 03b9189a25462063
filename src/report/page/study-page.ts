// The report of a study as one HTML file: its tables, with links to the reports of its runs. Same frame and style as the
// report of a run.
import type { StudyResults } from '../../studies/study-results.ts';
import {
  type StudyCell,
  type StudyTable,
  sharingSentence,
  studyTables,
  studyWords,
} from '../words/study-tables.ts';
import { heatStep } from './colours.ts';
import { html, type Markup } from './markup.ts';
import { navigation, type PageSection, renderPage } from './page.ts';
import { stylesheet } from './styles.ts';
import { intervalTrack } from './svg.ts';

export function renderStudyPage(results: StudyResults): string {
  const sections = studyTables(results).map(
    (table, index): PageSection => ({
      id: `table-${index + 1}`,
      short: table.title,
      title: table.title,
      introduction: table.note ?? '',
      body: drawTable(table),
    }),
  );
  return renderPage({
    title: `${results.name}: a study`,
    css: `${stylesheet()}\n${studyRules}\n`,
    bar: html`<div class="bar-top"><div class="bar-inner"><a class="brand" href="#top">CoIN</a>${navigation(sections.slice(0, 6))}</div></div>`,
    hero: hero(results),
    sections,
    footer:
      "Every figure on this page is computed from the predictions in the runs' folders. The page is one file: no script, no network.",
  });
}

const studyRules = `
.study td { white-space: nowrap; }
.study tbody th { white-space: nowrap; max-width: none; }
.study td[class*=" h"] { padding-right: 10px; }
`;

function hero(results: StudyResults): Markup {
  const { name, question, axes, seeds, arms, notes } = results;
  const facts = [
    ...axes.map(({ label, values }) => `${label}: ${values.join(', ')}`),
    `seeds: ${seeds.join(', ')}`,
    `${arms.length} rows`,
  ];
  const shared = sharingSentence(results);
  return html`<header class="hero" id="top">
<h1>${name}</h1>
<p class="headline">${question ?? `What ${axes.map(({ label }) => label).join(' and ') || 'the seed'} changes`}</p>
<p class="subline">${facts.join('; ')}.</p>
${studyWords(results).map((words) => html`<p class="note">${words}</p>`)}
${notes.map((note) => html`<p class="unfinished">${note}</p>`)}
${shared !== undefined && html`<p class="note">${shared}</p>`}
</header>`;
}

function drawTable({ title, headings, rows, leading, sentences = false }: StudyTable): Markup {
  const head = headings.map(
    (heading, index) => html`<th scope="col"${index >= leading && html` class="number"`}>${heading}</th>`,
  );
  const body = rows.map(
    (row) =>
      html`<tr>${row.map((each, index) =>
        index < leading ? html`<th scope="row">${content(each)}</th>` : drawCell(each, sentences),
      )}</tr>`,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table class="plain study">
<caption class="sr">${title}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A sentence's first words are on a line of their own. */
function drawCell(each: StudyCell, sentence: boolean): Markup {
  if (each.score !== undefined)
    return html`<td class="number h${heatStep(each.score)}">${content(each)}</td>`;
  const colon = each.text.indexOf(': ');
  if (!sentence || colon === -1) return html`<td class="number">${content(each)}</td>`;
  const words = each.text.slice(0, colon);
  const weight =
    words === 'not distinguishable' ? html`<span class="muted">${words}</span>` : html`<b>${words}</b>`;
  return html`<td class="number">${weight}<br>${each.text.slice(colon + 2)}</td>`;
}

function content({ text, link, track }: StudyCell): Markup {
  const drawn = track === undefined ? undefined : intervalTrack(track);
  return link === undefined ? html`${text}${drawn}` : html`<a href="${link}">${text}</a>`;
}

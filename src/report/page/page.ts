// The frame of a page: one file of HTML, no script, no network, nothing beside it. What is on it is the caller's.
import { createHash } from 'node:crypto';
import { type Content, html, Markup } from './markup.ts';

export interface PageSection {
  readonly id: string;
  /** In the navigation. */
  readonly short: string;
  readonly title: string;
  readonly introduction: Content;
  readonly body: Content;
}

export interface Page {
  readonly title: string;
  readonly css: string;
  readonly bar: Markup;
  readonly hero: Markup;
  readonly sections: readonly PageSection[];
  readonly footer: string;
}

/**
 * The whole page, from `<!doctype html>` on. The policy in its head allows images that are in the page and the one
 * style sheet, by its hash; no script can run and nothing can be fetched, whatever a prediction says.
 */
export function renderPage({ title, css, bar, hero, sections, footer }: Page): string {
  const hash = createHash('sha256').update(css).digest('base64');
  const policy = `default-src 'none'; img-src data:; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(css)}</style>
</head>
<body>
<a class="skip" href="#${sections[0]?.id}">Skip to the figures</a>
${bar}
<main>
${hero}
${sections.map(
  ({ id, title: heading, introduction, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<header class="section-head"><h2 id="${id}-title">${heading}</h2><p>${introduction}</p></header>
${body}
</section>
`,
)}</main>
<footer><p>${footer}</p></footer>
</body>
</html>
`.text;
}

export function navigation(sections: readonly Pick<PageSection, 'id' | 'short'>[]): Markup {
  return html`<nav aria-label="Sections">${sections.map(({ id, short }) => html`<a href="#${id}">${short}</a>`)}</nav>`;
}

// Configuration and provenance as two-column tables: enough to run it again and to know what it was run on.

import type { RunResults } from '../results.ts';
import { html, type Markup } from './markup.ts';
import { shorten } from './svg.ts';

/** Nested settings as rows with dotted names, in their own order. */
export function flatten(value: unknown, prefix = ''): readonly (readonly [string, string])[] {
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null)) {
    return [[prefix, value.length === 0 ? '[]' : value.map(String).join(', ')]];
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return [[prefix, Array.isArray(value) ? '[]' : '{}']];
    return entries.flatMap(([key, inner]) => flatten(inner, prefix === '' ? key : `${prefix}.${key}`));
  }
  return [[prefix, value === undefined ? 'not set' : String(value)]];
}

/** What was chosen first, beside what it was run on; the rest of the settings can be unfolded. */
export function setupTables({ configuration, changed, provenance }: RunResults): Markup {
  const settings = Object.keys(configuration).length === 0 ? [] : flatten(configuration);
  const isMain = ([key]: readonly [string, string]) =>
    mainSettings.has(key) || changed.some((chosen) => key === chosen || key.startsWith(`${chosen}.`));
  const [main, others] = [settings.filter(isMain), settings.filter((row) => !isMain(row))];
  const rest =
    others.length > 0 &&
    html`<details class="more"><summary>${others.length} settings that are the defaults of the model and the stream</summary>${table('Defaults', others)}</details>`;
  return html`<div class="pair"><div>${table('Chosen', main)}${rest}</div>${table('Provenance', Object.entries(provenance))}</div>`;
}

/** Shown whatever the defaults are: what the run is of. */
const mainSettings = new Set(['model', 'benchmark', 'tasks', 'methods', 'seed']);

function table(caption: string, rows: readonly (readonly [string, string])[]): Markup {
  const body = rows.map(
    ([key, value]) => html`<tr><th scope="row">${key}</th><td><code>${shorten(value, 2000)}</code></td></tr>`,
  );
  return html`<div class="setup"><h3>${caption}</h3>${
    rows.length === 0
      ? html`<p class="empty">Nothing was recorded.</p>`
      : html`<table class="plain"><caption class="sr">${caption}</caption><thead class="sr"><tr><th scope="col">Name</th><th scope="col">Value</th></tr></thead><tbody>${body}</tbody></table>`
  }</div>`;
}

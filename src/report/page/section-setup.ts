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

/** Both tables side by side. */
export function setupTables({ configuration, provenance }: RunResults): Markup {
  const settings = Object.keys(configuration).length === 0 ? [] : flatten(configuration);
  return html`<div class="pair">${table('Configuration', settings)}${table('Provenance', Object.entries(provenance))}</div>`;
}

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

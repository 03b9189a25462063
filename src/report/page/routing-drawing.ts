// The drawing of a mixture's use: for each kind of token a row per decoder layer, a block per module in it, a column per
// expert. Squares of one colour are one path, so that large models stay small on the page.

import type { MixtureResults } from '../../followups/observatory-file.ts';
import { type TaskUse, type TokenKind, tokenKinds } from '../../metrics/routing.ts';
import { layerPlace } from '../words/routing-figures.ts';
import { heatStep } from './colours.ts';
import { html, type Markup } from './markup.ts';

const [LEFT, TOP, GAP, WIDTH] = [30, 15, 5, 300];

/** Where every layer's block stands: rows and blocks in the order in which layers come. */
interface Grid {
  readonly rows: readonly string[];
  readonly blocks: readonly string[];
  readonly cell: number;
  readonly height: number;
}

export function useMap(
  use: TaskUse,
  { layers, experts }: Pick<MixtureResults, 'layers' | 'experts'>,
  description: string,
): Markup {
  const places = layers.map(layerPlace);
  const rows = [...new Set(places.map(({ row }) => row))];
  const blocks = [...new Set(places.map(({ block }) => block))];
  const cell = (WIDTH - LEFT - GAP * (blocks.length - 1)) / (blocks.length * experts);
  const grid: Grid = { rows, blocks, cell, height: rows.length > 12 ? 4 : 9 };
  const shown = tokenKinds.filter((kind) => use[kind] !== undefined);
  const part = grid.height * rows.length + 20;
  const width = (experts * cell + GAP) * blocks.length;
  return html`<svg class="use" viewBox="0 0 ${round(LEFT + width - GAP)} ${round(TOP + part * shown.length - 4)}" role="img" aria-label="${description}: ${shown.map((kind) => spoken(use, kind, layers)).join('; ')}">
${blocks.map((block, i) => html`<text class="tick" x="${round(LEFT + i * (experts * cell + GAP) + (experts * cell) / 2)}" y="9" text-anchor="middle">${block}</text>`)}
${shown.map((kind, i) => {
  const top = TOP + i * part;
  return html`<g><title>${spoken(use, kind, layers)}</title><text class="kind-name" x="${LEFT}" y="${round(top + 9)}">${kind}</text>
${rowNumbers(grid, top + 13)}${squares(use, kind, layers, grid, experts, top + 13)}</g>`;
})}</svg>`;
}

/** Every row's number, or of many the first, the middle and the last. */
function rowNumbers({ rows, height }: Grid, top: number): readonly Markup[] {
  const shown = rows.length <= 12 ? rows.keys() : [0, Math.floor(rows.length / 2), rows.length - 1];
  return [...shown].map(
    (row) =>
      html`<text class="tick" x="${LEFT - 6}" y="${round(top + row * height + height / 2 + 3)}" text-anchor="end">${rows[row] ?? ''}</text>`,
  );
}

function squares(
  use: TaskUse,
  kind: TokenKind,
  layers: readonly string[],
  { rows, blocks, cell, height }: Grid,
  experts: number,
  top: number,
): readonly Markup[] {
  const paths = new Map<number, string[]>();
  for (const [index, layer] of layers.entries()) {
    const { row, block } = layerPlace(layer);
    const x = LEFT + blocks.indexOf(block) * (experts * cell + GAP);
    const y = top + rows.indexOf(row) * height;
    for (const [expert, weight] of (use[kind]?.layers[index]?.weight ?? []).entries()) {
      // An even share is in the middle of the scale.
      const step = heatStep(50 * weight * experts);
      const path = paths.get(step) ?? [];
      paths.set(step, path);
      path.push(
        `M${round(x + expert * cell)} ${round(y)}h${round(cell - 0.6)}v${height - 0.6}h${round(0.6 - cell)}z`,
      );
    }
  }
  return [...paths]
    .sort(([a], [b]) => a - b)
    .map(([step, path]) => html`<path class="h${step}" d="${path.join('')}"/>`);
}

function spoken(use: TaskUse, kind: TokenKind, layers: readonly string[]): string {
  const all = (use[kind]?.layers ?? []).flatMap(({ weight }, index) =>
    weight.map((share, expert) => ({ share, expert, place: layerPlace(layers[index] ?? '') })),
  );
  const [most] = all.sort((a, b) => b.share - a.share);
  if (most === undefined) return kind;
  const { row, block } = most.place;
  return `${kind} tokens use expert ${most.expert + 1} of ${row === '' ? '' : `layer ${row} `}${block} most, with ${(100 * most.share).toFixed(0)} % of its weight`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

// Bars over the stages, each a stack of shares. Plain geometry on given numbers; a part's colour is its class.
import { html, type Markup } from './markup.ts';

export interface StackPart {
  /** A class of styles-aspects.ts. */
  readonly colour: string;
  readonly label: string;
  /** Percent per bar. */
  readonly values: readonly number[];
}

export interface StackedPanel {
  /** Stages of the axis; the bars are the last of them. */
  readonly stages: number;
  readonly firstStage: number;
  /** From the bottom. */
  readonly parts: readonly StackPart[];
  /** The name of each bar, for its title. */
  readonly names: readonly string[];
  readonly description: string;
  /** A line per bar, in percent: what the stacks are a part of. */
  readonly ceiling?: number;
}

const panel = { width: 300, height: 150, left: 28, right: 292, top: 12, bottom: 122 };

/** One task's bars, from the stage that taught it to the last. */
export function stackedPanel(options: StackedPanel): Markup {
  const { stages, firstStage, parts, names, description, ceiling } = options;
  const slot = (panel.right - panel.left) / Math.max(1, stages);
  const width = Math.min(30, slot * 0.72);
  const y = (share: number) => panel.bottom - (share / 100) * (panel.bottom - panel.top);
  const x = (stage: number) => panel.left + (stage + 0.5) * slot - width / 2;
  const bars = names.map((name, index) => {
    let below = 0;
    const pieces = parts.map(({ colour, label, values }) => {
      const value = values[index] ?? 0;
      const [low, high] = [below, below + value];
      below = high;
      if (value <= 0) return '';
      return html`<rect class="${colour}" x="${round(x(firstStage + index))}" width="${round(width)}" y="${round(y(high))}" height="${round(y(low) - y(high))}"><title>after ${name}: ${label} ${value.toFixed(1)} %</title></rect>`;
    });
    return html`<g>${pieces}</g>`;
  });
  const every = Math.ceil(stages / 12);
  const ticks = Array.from({ length: stages }, (_, stage) => stage).filter((stage) => stage % every === 0);
  return html`<svg class="stacked" viewBox="0 0 ${panel.width} ${panel.height}" role="img" aria-label="${description}">
${[0, 50, 100].map(
  (
    share,
  ) => html`<line class="grid" x1="${panel.left}" x2="${panel.right}" y1="${round(y(share))}" y2="${round(y(share))}"/>
<text class="tick" x="${panel.left - 8}" y="${round(y(share) + 3.5)}" text-anchor="end">${share}</text>`,
)}
${ceiling !== undefined && names.length > 0 && html`<line class="ceiling" x1="${round(x(firstStage))}" x2="${panel.right}" y1="${round(y(ceiling))}" y2="${round(y(ceiling))}"/>`}
${ticks.map(
  (stage) =>
    html`<text class="tick${stage === firstStage && ' here'}" x="${round(panel.left + (stage + 0.5) * slot)}" y="${panel.bottom + 15}" text-anchor="middle">${stage + 1}</text>`,
)}
${bars}</svg>`;
}

/** One bar lying down, for a table. */
export function stackedBar(
  parts: readonly { readonly colour: string; readonly label: string; readonly share: number }[],
): Markup {
  let left = 0;
  const pieces = parts.map(({ colour, label, share }) => {
    const start = left;
    left += share;
    if (share <= 0) return '';
    return html`<rect class="${colour}" x="${round(start)}%" width="${round(share)}%" height="10"><title>${label} ${share.toFixed(1)} %</title></rect>`;
  });
  return html`<svg class="stackbar" height="10" aria-hidden="true">${pieces}</svg>`;
}

/** The colours and what they stand for. */
export function stackLegend(parts: readonly { readonly colour: string; readonly label: string }[]): Markup {
  return html`<p class="legend">${parts.map(({ colour, label }) => html`<span class="key"><svg width="12" height="12" aria-hidden="true"><rect class="${colour}" width="12" height="12" rx="2"/></svg>${label}</span>`)}</p>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

// The drawings of the report, by hand in SVG: radar, curves over stages, bars. Plain geometry on given numbers; colours
// come from classes (`m0`, `m1`, … per method), so light and dark need no second drawing.
import { methodColourCount } from './colours.ts';
import { html, type Markup } from './markup.ts';

type Point = readonly [number, number];

/** Lines and marks of a method take its colour from this class. */
export function methodClass(index: number): string {
  return `m${index % methodColourCount}`;
}

/** A mark whose shape differs per method, so that colour is never the only sign. */
export function marker(index: number, [x, y]: Point, size = 3.5): Markup {
  const at = (dx: number, dy: number) => `${round(x + dx * size)},${round(y + dy * size)}`;
  if (index % 4 === 0) return html`<circle class="mark" cx="${round(x)}" cy="${round(y)}" r="${size}"/>`;
  const corners = [
    [at(-0.9, -0.9), at(0.9, -0.9), at(0.9, 0.9), at(-0.9, 0.9)],
    [at(0, -1.3), at(1.3, 0), at(0, 1.3), at(-1.3, 0)],
    [at(0, -1.2), at(1.15, 0.9), at(-1.15, 0.9)],
  ][(index % 4) - 1];
  return html`<polygon class="mark" points="${corners?.join(' ') ?? ''}"/>`;
}

export interface RadarAxis {
  readonly label: string;
  /** Percent. */
  readonly before: number;
  readonly after: number;
}

const radar = { width: 380, height: 316, centre: [190, 158] as Point, radius: 112 };

/** Two polygons over one axis per task, 0 in the middle and 100 outside. Needs three axes to have an area. */
export function radarChart(axes: readonly RadarAxis[], method: number, description: string): Markup {
  const at = (index: number, score: number): Point => {
    const angle = (index / axes.length) * 2 * Math.PI - Math.PI / 2;
    const length = (Math.min(100, Math.max(0, score)) / 100) * radar.radius;
    return [radar.centre[0] + length * Math.cos(angle), radar.centre[1] + length * Math.sin(angle)];
  };
  const ring = (score: number) => path(axes.map((_, index) => at(index, score)));
  const labels = axes.map(({ label, before, after }, index) => {
    const [x, y] = at(index, 100);
    const [dx, dy] = [(x - radar.centre[0]) / radar.radius, (y - radar.centre[1]) / radar.radius];
    const anchor = dx > 0.25 ? 'start' : dx < -0.25 ? 'end' : 'middle';
    const top = y + dy * 18 + (dy < -0.8 ? -8 : dy > 0.8 ? 4 : -3);
    const left = round(x + dx * 9);
    return html`<text class="axis-name" x="${left}" y="${round(top)}" text-anchor="${anchor}">${shorten(label, 14)}</text>
<text class="axis-value" x="${left}" y="${round(top + 13)}" text-anchor="${anchor}">${Math.round(before)} → ${Math.round(after)}</text>`;
  });
  return html`<svg class="radar ${methodClass(method)}" viewBox="0 0 ${radar.width} ${radar.height}" role="img" aria-label="${description}">
${[100, 75, 50, 25].map((score) => html`<path class="ring${score === 100 ? ' rim' : ''}" d="${ring(score)}"/>`)}
${axes.map((_, index) => {
  const [x, y] = at(index, 100);
  return html`<line class="ring" x1="${radar.centre[0]}" y1="${radar.centre[1]}" x2="${round(x)}" y2="${round(y)}"/>`;
})}
<path class="before" d="${path(axes.map(({ before }, index) => at(index, before)))}"/>
<path class="after" d="${path(axes.map(({ after }, index) => at(index, after)))}"/>
${axes.map(({ after }, index) => {
  const [x, y] = at(index, after);
  return html`<circle class="mark" cx="${round(x)}" cy="${round(y)}" r="3"/>`;
})}
${[50, 100].map((score) => {
  const [, y] = at(0, score);
  return html`<text class="tick" x="${radar.centre[0] + 4}" y="${round(y + 11)}">${score}</text>`;
})}
${labels}</svg>`;
}

export interface Curve {
  readonly label: string;
  /** A score per stage, counted from 1; undefined before the task is learned. */
  readonly scores: readonly (number | undefined)[];
}

export interface CurvePanel {
  /** How many stages the axis holds. */
  readonly stages: number;
  /** The stage (from 1) after which the task has been learned. */
  readonly learnedAt: number;
  readonly zeroShot?: number;
  readonly curves: readonly Curve[];
  /** Where the axis of the scores ends; 100 by default. */
  readonly top?: number;
  readonly description: string;
}

const panel = { width: 300, height: 150, left: 28, right: 208, top: 12, bottom: 122 };

/** One task's accuracy over the stages, a line per method, each labelled at its end. */
export function curvePanel(options: CurvePanel): Markup {
  const { stages, learnedAt, zeroShot, curves, top = 100, description } = options;
  const x = (stage: number) => panel.left + (stage / Math.max(1, stages)) * (panel.right - panel.left);
  const y = (score: number) =>
    panel.bottom - (Math.min(top, Math.max(0, score)) / top) * (panel.bottom - panel.top);
  const drawn = curves.map(({ label, scores }) => {
    const points = scores.flatMap((score, index): Point[] =>
      score === undefined ? [] : [[x(index + 1), y(score)]],
    );
    return { label, points, last: scores.findLast((score) => score !== undefined) };
  });
  const labelled = drawn.flatMap(({ label, last, points }, index) => {
    const end = points.at(-1);
    return end === undefined || last === undefined ? [] : [{ label, last, end, index, y: end[1] }];
  });
  const places = spread(
    labelled.map((entry) => entry.y),
    12.5,
    panel.top + 2,
    panel.bottom,
  );
  const everyStage = Array.from({ length: stages + 1 }, (_, stage) => stage);
  const labelStep = Math.ceil((stages + 1) / 12);
  return html`<svg class="curves" viewBox="0 0 ${panel.width} ${panel.height}" role="img" aria-label="${description}">
${[0, top / 2, top].map(
  (
    score,
  ) => html`<line class="grid" x1="${panel.left}" x2="${panel.right}" y1="${round(y(score))}" y2="${round(y(score))}"/>
<text class="tick" x="${panel.left - 8}" y="${round(y(score) + 3.5)}" text-anchor="end">${score}</text>`,
)}
<line class="learned" x1="${round(x(learnedAt))}" x2="${round(x(learnedAt))}" y1="${panel.top}" y2="${panel.bottom}"/>
${everyStage
  .filter((stage) => stage % labelStep === 0)
  .map(
    (stage) =>
      html`<text class="tick${stage === learnedAt ? ' here' : ''}" x="${round(x(stage))}" y="${panel.bottom + 15}" text-anchor="middle">${stage}</text>`,
  )}
${zeroShot !== undefined && html`<circle class="zero" cx="${round(x(0))}" cy="${round(y(zeroShot))}" r="3"/>`}
${drawn.map(
  ({ points }, index) =>
    html`<g class="${methodClass(index)}">${points.length > 1 && html`<path class="line dash${Math.floor(index / methodColourCount)}" d="${path(points, false)}"/>`}${points.map((point) => marker(index, point, 2.8))}</g>`,
)}
${labelled.map(({ label, last, end, index }, place) => {
  const height = places[place] ?? end[1];
  return html`<g class="${methodClass(index)}"><line class="leader" x1="${round(end[0] + 5)}" y1="${round(end[1])}" x2="${panel.right + 10}" y2="${round(height)}"/>
<text class="end" x="${panel.right + 13}" y="${round(height + 3.5)}"><tspan class="value">${last.toFixed(1)}</tspan> ${shorten(label, 8)}</text></g>`;
})}</svg>`;
}

/** A bar from zero on a shared scale; negative values grow to the left of their zero. */
export function bar(value: number, [low, high]: Point, method: number): Markup {
  if (!Number.isFinite(value)) return html``;
  const place = (score: number) => ((score - low) / (high - low)) * 100;
  const [from, to] = [place(Math.min(0, value)), place(Math.max(0, value))];
  return html`<svg class="bar ${methodClass(method)}" height="8" aria-hidden="true"><rect class="track" width="100%" height="8" rx="1.5"/><rect class="fill" x="${round(from)}%" width="${round(Math.max(0.4, to - from))}%" height="8" rx="1.5"/></svg>`;
}

/** From the just-trained score (open ring) to the final one (filled): what was lost is the line between. */
export function changeTrack(before: number, after: number, method: number): Markup {
  const place = (score: number) => `${round(2 + Math.min(100, Math.max(0, score)) * 0.96)}%`;
  return html`<svg class="change ${methodClass(method)}" height="16" aria-hidden="true"><line class="grid" x1="2%" x2="98%" y1="8" y2="8"/><line class="lost" x1="${place(after)}" x2="${place(before)}" y1="8" y2="8"/><circle class="ring" cx="${place(before)}" cy="8" r="4"/><circle class="mark" cx="${place(after)}" cy="8" r="4.5"/></svg>`;
}

export interface Track {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly domain: readonly [number, number];
}

/** A value with its interval on a line; 0 is marked where the line goes below it. */
export function intervalTrack({ value, low, high, domain: [from, to] }: Track): Markup {
  const place = (at: number) =>
    `${round(2 + (96 * (Math.min(to, Math.max(from, at)) - from)) / (to - from))}%`;
  const zero = from < 0 && html`<line class="grid" x1="${place(0)}" x2="${place(0)}" y1="1" y2="13"/>`;
  return html`<svg class="change" height="14" aria-hidden="true"><line class="grid" x1="2%" x2="98%" y1="7" y2="7"/>${zero}<line class="lost" x1="${place(low)}" x2="${place(high)}" y1="7" y2="7"/><circle class="mark" cx="${place(value)}" cy="7" r="4"/></svg>`;
}

/** The swatch of a method in a legend: its line and its mark. */
export function swatch(index: number): Markup {
  return html`<svg class="swatch ${methodClass(index)}" width="22" height="10" aria-hidden="true"><line class="line dash${Math.floor(index / methodColourCount)}" x1="0" x2="22" y1="5" y2="5"/>${marker(index, [11, 5])}</svg>`;
}

/** Places at least `distance` apart and within the limits, each as near to the wanted one as its order allows. */
export function spread(
  wanted: readonly number[],
  distance: number,
  low: number,
  high: number,
): readonly number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const places = order.map((index) => wanted[index] ?? 0);
  for (let index = 1; index < places.length; index++) {
    const overlap = (places[index - 1] ?? 0) + distance - (places[index] ?? 0);
    if (overlap <= 0) continue;
    // Both move by half; the pass from below then settles chains.
    places[index] = (places[index] ?? 0) + overlap / 2;
    places[index - 1] = (places[index - 1] ?? 0) - overlap / 2;
  }
  let floor = low;
  for (let index = 0; index < places.length; index++) {
    places[index] = Math.max(places[index] ?? 0, floor);
    floor = (places[index] ?? 0) + distance;
  }
  let ceiling = high;
  for (let index = places.length - 1; index >= 0; index--) {
    places[index] = Math.min(places[index] ?? 0, ceiling);
    ceiling = (places[index] ?? 0) - distance;
  }
  const result: number[] = [];
  for (const [position, index] of order.entries()) result[index] = places[position] ?? 0;
  return result;
}

/** Cuts by characters as they are seen, never through an emoji. */
export function shorten(text: string, length: number): string {
  const characters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

function path(points: readonly Point[], closed = true): string {
  const steps = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`);
  return steps.join('') + (closed ? 'Z' : '');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

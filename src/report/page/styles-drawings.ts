// Style rules of the heat maps and the SVG drawings, and the colours of scores and methods in both themes.
import { heatScale, methodColour, methodColourCount, type Theme } from './colours.ts';

/** `.h0` … for scores and `.m0` … for methods; the dark ones under their media query, unless only one theme is asked for. */
export function paletteRules(only?: Theme): string {
  const rules = (theme: Theme) =>
    [
      ...heatScale(theme).map(
        ({ background, ink }, step) => `.h${step}{background:${background};color:${ink};fill:${background}}`,
      ),
      ...Array.from(
        { length: methodColourCount },
        (_, index) => `.m${index}{color:${methodColour(index, theme)}}`,
      ),
    ].join('');
  if (only !== undefined) return rules(only);
  return `${rules('light')}\n@media screen and (prefers-color-scheme: dark){${rules('dark')}}`;
}

export const drawingRules = `
svg { display: block; overflow: visible; }
.swatch { display: inline-block; vertical-align: middle; flex: none; }
.swatch .line, .curves .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.dash1 { stroke-dasharray: 6 4; } .dash2 { stroke-dasharray: 2 4; }
.mark { fill: currentColor; }
svg text { font-family: var(--sans); font-variant-numeric: tabular-nums; }
.bar { width: 100%; } .bar .track { fill: var(--sunk); } .bar .fill { fill: currentColor; }
.change { width: 100%; }
.change .grid { stroke: var(--line); } .change .lost { stroke: currentColor; stroke-width: 3; opacity: .4; }
.change .ring { fill: var(--paper); stroke: currentColor; stroke-width: 1.75; }
.legend { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 18px; font-size: 13px; color: var(--soft); margin-bottom: 16px; font-variant-numeric: tabular-nums; }
.legend .key { display: inline-flex; align-items: center; gap: 8px; }
.legend > span:first-child:not(.key) { margin-right: -10px; } .legend .ramp + span { margin-left: -10px; }
.ramp { display: inline-flex; border-radius: 3px; overflow: hidden; } .ramp i { width: 11px; height: 12px; }
.legend i.own { width: 16px; height: 14px; border-radius: 3px; box-shadow: inset 0 0 0 2px var(--ink); }
.legend .before, .radar .before { stroke: var(--soft); stroke-width: 1.75; stroke-dasharray: 5 3.5; fill: none; }
.legend .after { fill: var(--soft); fill-opacity: .28; stroke: var(--soft); stroke-width: 1.75; }
figcaption { font-size: 15px; margin-bottom: 10px; }
figcaption .swatch { margin-right: 6px; } figcaption .muted { font-size: 13px; margin-left: 6px; font-variant-numeric: tabular-nums; }
.heat-figure { container-type: inline-size; }
.heat { width: 100%; border-collapse: separate; border-spacing: 2px; table-layout: fixed; font-size: 13px; line-height: 1; }
.heat th, .heat td { height: 33px; padding: 0 2px; text-align: center; }
.heat tr > :first-child { width: 72px; text-align: left; padding: 0 6px 0 0; font-size: 12.5px; color: var(--soft); font-weight: 400; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.heat tr > :last-child { width: 40px; } .heat thead td.corner { height: 26px; vertical-align: bottom; padding-bottom: 5px; }
.heat tbody th[scope=row] { color: var(--ink); font-weight: 500; }
.heat thead th { padding: 0; font-size: 11px; font-weight: 500; color: var(--ink); height: 26px; vertical-align: bottom; padding-bottom: 5px; line-height: 1.15; font-size: 10.5px; letter-spacing: -.02em; }
.heat td[class^=h] { border-radius: 3px; }
.heat td.own { box-shadow: inset 0 0 0 1.5px var(--ink), inset 0 0 0 2.5px var(--paper); font-weight: 700; }
.heat td.unseen { background: none; }
.heat tbody:not(.zero-shot) td.unseen { background: radial-gradient(circle, var(--line) 1.5px, transparent 2px); }
.heat tbody.zero-shot th[scope=row], .heat tfoot th { color: var(--soft); font-weight: 400; font-style: italic; }
.heat tbody.zero-shot::after { content: ""; display: block; height: 5px; }
.heat .waiting th[scope=row] { color: var(--soft); font-weight: 400; }
.heat td.mean { font-weight: 650; } .heat thead th.mean { color: var(--soft); font-weight: 400; }
.heat tfoot td { font-size: 12px; color: var(--soft); }
.heat.upright thead th { height: 92px; } .heat.upright thead th span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; max-height: 86px; overflow: hidden; text-overflow: ellipsis; line-height: 1.2; display: inline-block; }
.heat.upright { min-width: 0; }
@container (max-width: 585px) {
  .heat { font-size: 11px; border-spacing: 1px; } .heat th, .heat td { padding: 0; height: 30px; }
  .heat tr > :first-child { width: 61px; font-size: 11px; padding-right: 2px; }
  .heat.many thead th { height: 70px; font-size: 11px; } .heat tfoot td { font-size: 10px; letter-spacing: -.03em; }
  .heat.many thead th span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; display: inline-block; line-height: 1.2; }
  .heat { font-size: 10.5px; letter-spacing: -.03em; }
  .heat td.own { box-shadow: inset 0 0 0 1.5px var(--ink), inset 0 0 0 2.5px var(--paper); }
}
.radars { justify-items: center; } .radar-figure { width: 100%; max-width: 470px; } .radar-figure figcaption { text-align: center; margin-bottom: 4px; }
.radar { width: 100%; }
.radar .ring { fill: none; stroke: var(--line); } .radar .rim { stroke: var(--strong); }
.radar .after { fill: currentColor; fill-opacity: .24; stroke: currentColor; stroke-width: 2.25; stroke-linejoin: round; }
.use { width: 100%; } .use .kind-name { font-size: 10.5px; font-weight: 600; fill: var(--ink); } .use .tick { font-size: 9px; }
@media (max-width: 620px) { .panels.uses { grid-template-columns: repeat(auto-fill, minmax(min(100%, 150px), 1fr)); } }
.heat.even tr > :last-child { width: auto; } .heat.apart { max-width: 640px; }
.axis-name { font-size: 12px; font-weight: 600; fill: var(--ink); } .axis-value { font-size: 11px; fill: var(--soft); }
.tick { font-size: 10px; fill: var(--soft); } .radar .tick { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; } .tick.here { fill: var(--ink); font-weight: 700; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 268px), 1fr)); gap: 26px 24px; }
.panels figcaption { font-size: 14px; font-weight: 600; margin-bottom: 4px; overflow-wrap: anywhere; } .panels figcaption b { color: var(--soft); font-weight: 500; margin-right: 4px; font-variant-numeric: tabular-nums; }
.curves { width: 100%; } .legend .curves { width: 10px; }
.curves .grid { stroke: var(--line); } .curves .learned { stroke: var(--strong); stroke-dasharray: 2 3; }
.curves .zero { fill: none; stroke: var(--soft); stroke-width: 1.5; }
.curves .leader { stroke: currentColor; stroke-width: .75; opacity: .5; }
.curves .end { font-size: 11px; fill: currentColor; } .curves .value { font-weight: 700; }
`;

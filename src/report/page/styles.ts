// The style sheet of the report: type, spacing, colours for light, dark and print. Drawings have theirs in
// styles-drawings.ts. No `style` attribute is used anywhere, so that the page's policy can forbid them.
import { aspectRules } from './styles-aspects.ts';
import { drawingRules, paletteRules } from './styles-drawings.ts';

/** The colours of a light page and of paper. */
export const paperColours = `
  --paper: #fbfbf9; --raised: #ffffff; --sunk: #f1f1ed; --ink: #16191d; --soft: #565d66; --line: #e0e0da; --strong: #b9bab4;
  --right: #0b6b50; --wrong: #b3261e; --unsure: #7a5b00; --focus: #1d5fb4;
  --right-wash: #e5f3ec; --wrong-wash: #fbeae8; --unsure-wash: #f8f0d8; --shade: 0 1px 2px rgb(20 24 30 / .05), 0 4px 16px rgb(20 24 30 / .04);`;

const dark = `
  --paper: #101317; --raised: #171b20; --sunk: #1e2329; --ink: #e9ebee; --soft: #a2aab4; --line: #2b3138; --strong: #4a525c;
  --right: #5fd3a8; --wrong: #ff9a90; --unsure: #e3c264; --focus: #7db4ff;
  --right-wash: #15302a; --wrong-wash: #38201f; --unsure-wash: #322b17; --shade: none;`;

const base = `
*, *::before, *::after { box-sizing: border-box; }
html { scroll-padding-top: 68px; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 400 15px/1.55 var(--sans); -webkit-font-smoothing: antialiased; }
:root { --sans: -apple-system, BlinkMacSystemFont, "Segoe UI", Inter, Roboto, "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace; }
h1, h2, h3, p, figure, fieldset, ol { margin: 0; padding: 0; border: 0; }
a { color: inherit; }
small { font-size: inherit; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { font-weight: 500; text-align: left; }
b { font-weight: 650; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.muted { color: var(--soft); font-weight: 400; }
.skip { position: absolute; left: 12px; top: -60px; z-index: 3; padding: 8px 14px; background: var(--ink); color: var(--paper); border-radius: 0 0 6px 6px; }
.skip:focus { top: 0; }
.number { text-align: right; }
.scroll { overflow-x: auto; position: relative; background:
  linear-gradient(to right, var(--paper) 40%, transparent) left / 36px 100% no-repeat local, linear-gradient(to left, var(--paper) 40%, transparent) right / 36px 100% no-repeat local,
  linear-gradient(to right, var(--strong), transparent) left / 10px 100% no-repeat scroll, linear-gradient(to left, var(--strong), transparent) right / 10px 100% no-repeat scroll; }
.more { margin-top: 18px; } .more summary { color: var(--soft); cursor: pointer; } .more .setup h3 { display: none; }
.figure .nothing { color: var(--unsure); min-height: 0; margin-top: 8px; }
.empty { color: var(--soft); padding: 14px 0; }
.note { color: var(--soft); margin-top: 10px; }
`;

const frame = `
.bar-top { position: sticky; top: 0; z-index: 2; background: var(--paper); border-bottom: 1px solid var(--line); }
.bar-inner { max-width: 1280px; margin: 0 auto; padding: 0 24px; height: 52px; display: flex; align-items: center; gap: 28px; }
.brand { font-weight: 750; letter-spacing: -.01em; text-decoration: none; font-size: 16px; }
.bar-top nav { display: flex; gap: 20px; font-size: 13.5px; flex: 1; }
.bar-top nav a { color: var(--soft); text-decoration: none; padding: 4px 0; }
.bar-top nav a:hover { color: var(--ink); text-decoration: underline; text-underline-offset: 5px; text-decoration-thickness: 1px; }
.switch { display: flex; align-items: center; font-size: 13px; margin-left: auto; }
.switch legend { float: left; color: var(--soft); padding: 0; margin-right: 10px; }
.switch label { position: relative; padding: 4px 13px; border: 1px solid var(--strong); cursor: pointer; color: var(--soft); text-transform: capitalize; line-height: 20px; }
.switch label:first-of-type { border-radius: 99px 0 0 99px; border-right-width: 0; }
.switch label:last-of-type { border-radius: 0 99px 99px 0; }
.switch label:has(:checked) { background: var(--ink); border-color: var(--ink); color: var(--paper); }
.switch input, .chip input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.switch label:has(:focus-visible), .chip:has(:focus-visible) { outline: 2px solid var(--focus); outline-offset: 2px; z-index: 1; }
main { max-width: 1280px; margin: 0 auto; padding: 0 24px; }
.hero { padding: 56px 0 12px; scroll-margin-top: 80px; }
h1 { font-size: 15px; font-weight: 600; color: var(--soft); margin-bottom: 16px; overflow-wrap: anywhere; }
.headline { font-size: clamp(25px, 3.3vw, 40px); line-height: 1.18; letter-spacing: -.021em; font-weight: 680; max-width: 29em; text-wrap: pretty; overflow-wrap: anywhere; }
.subline { font-size: 17px; color: var(--soft); margin-top: 18px; max-width: 46em; text-wrap: pretty; overflow-wrap: anywhere; }
.unfinished { margin-top: 20px; padding: 10px 14px; background: var(--unsure-wash); color: var(--unsure); border-radius: 6px; max-width: 52em; overflow-wrap: anywhere; }
.chain { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 0; margin-top: 26px; font-size: 13px; color: var(--soft); counter-reset: task; }
.chain li { counter-increment: task; overflow-wrap: anywhere; }
.chain li::before { content: counter(task); font-variant-numeric: tabular-nums; color: var(--ink); font-weight: 600; margin-right: 5px; }
.chain li:not(:last-child)::after { content: "→"; content: "→" / ""; color: var(--strong); margin: 0 10px; }
section { padding-top: 64px; }
.section-head { margin-bottom: 22px; max-width: 56em; }
h2 { font-size: 23px; line-height: 1.25; letter-spacing: -.014em; font-weight: 680; }
.section-head p { color: var(--soft); margin-top: 5px; text-wrap: pretty; }
.section-head b { color: var(--ink); }
h3 { font-size: 14px; font-weight: 650; margin: 28px 0 8px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 500px), 1fr)); gap: 36px 40px; }
.pair > * { min-width: 0; }
footer { max-width: 1280px; margin: 72px auto 0; padding: 20px 24px 44px; color: var(--soft); font-size: 13px; }
footer p { border-top: 1px solid var(--line); padding-top: 18px; }
body:has(#scoring-reference:checked) .in-strict, body:not(:has(#scoring-reference:checked)) .in-reference { display: none; }
@supports not selector(:has(a)) {
  .in-reference { border-top: 1px dashed var(--strong); margin-top: 28px; padding-top: 12px; }
  .in-reference::before { content: "Reference scoring"; font-weight: 650; }
  .switch, .filters { display: none; }
}
`;

const tables = `
.plain { width: 100%; font-size: 14px; }
.plain th, .plain td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
.plain tr > :last-child { padding-right: 0; }
.plain .number, .plain .number:last-child { padding-right: 14px; padding-left: 6px; white-space: nowrap; }
.plain tr > .number:last-child { padding-right: 0; }
.plain thead th { font-size: 12.5px; color: var(--soft); border-bottom-color: var(--strong); white-space: nowrap; }
.plain .method { white-space: nowrap; }
.plain .number + :where(:not(.number)) { padding-left: 22px; }
.plain tbody th { overflow-wrap: break-word; max-width: 22em; } .plain tbody th .swatch + span { white-space: nowrap; }
.plain tbody th:has(.swatch) { white-space: nowrap; }
.plain tbody th .swatch, .plain .method .swatch, .answers .swatch { margin-right: 8px; }
.cards + .scroll, .apart-words + .scroll { margin-top: 28px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 262px), 1fr)); gap: 20px; }
.card { background: var(--raised); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; box-shadow: var(--shade); }
.figure { display: flex; flex-direction: column; }
.figure h3 { margin: 0 0 12px; font-weight: 400; color: var(--soft); }
.figure .symbol { font-weight: 720; color: var(--ink); font-size: 17px; letter-spacing: -.01em; margin-right: 5px; }
.figure table { width: 100%; }
.figure th { padding: 4px 12px 4px 0; font-weight: 500; white-space: nowrap; font-size: 14px; max-width: 130px; overflow: hidden; text-overflow: ellipsis; }
.figure th .swatch { margin-right: 8px; }
.figure td.bars { width: 100%; }
.figure td.number { padding-left: 14px; font-size: 20px; letter-spacing: -.01em; line-height: 1.5; font-weight: 500; white-space: nowrap; }
.figure .interval { display: block; font-size: 12px; line-height: 1.2; letter-spacing: 0; font-weight: 400; color: var(--soft); margin: -3px 0 5px; }
.apart-words { margin-top: 24px; max-width: 62em; } .apart-words p { text-wrap: pretty; } .apart-words p + p { margin-top: 6px; }
.figure .best td.number { font-weight: 720; }
.figure .formula { margin: 14px 0 12px; padding-top: 14px; border-top: 1px solid var(--line); overflow-x: auto; min-height: 66px; display: flex; align-items: center; flex: 1; }
.figure math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", "Noto Sans Math", "DejaVu Math TeX Gyre", math, serif; font-size: 16px; text-align: left; margin: 0; width: fit-content; }
.figure p { font-size: 13.5px; color: var(--soft); text-wrap: pretty; min-height: 3.1em; }
.changes { margin-top: 26px; }
.scroll:has(.changes) { margin-top: 6px; }
.changes tbody tr:not(:last-child) > :not([rowspan]) { border-bottom-color: transparent; padding-bottom: 2px; }
.changes tbody tr + tr > * { padding-top: 2px; }
.changes tbody th[scope=rowgroup] { font-weight: 650; }
.changes td.track, .changes th.track { width: 36%; min-width: 160px; vertical-align: middle; }
.changes .ends { display: flex; justify-content: space-between; font-variant-numeric: tabular-nums; padding: 0 1%; }
.changes .loss, .section-head .loss { color: var(--wrong); }
.changes .zero-shot { color: var(--soft); } .changes td.zero-shot, .changes th.zero-shot { padding-right: 26px; } .changes .number + th:not(.track) { padding-left: 0; }
.plain td.muted { min-width: 13em; }
.setup table { table-layout: auto; }
.setup h3 { margin-top: 0; }
.setup th { color: var(--soft); font-weight: 400; white-space: normal; min-width: 8em; }
.setup code { font: 12.5px/1.5 var(--mono); overflow-wrap: anywhere; }
`;

const examples = `
.filters { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 10px 24px; margin-bottom: 20px; }
.filters fieldset { display: flex; flex-wrap: wrap; gap: 7px; min-width: 0; }
.chip { position: relative; display: inline-block; padding: 3px 12px; border: 1px solid var(--line); border-radius: 99px; background: var(--raised); font-size: 13px; cursor: pointer; overflow-wrap: anywhere; }
.chip small { color: var(--soft); margin-left: 3px; font-variant-numeric: tabular-nums; }
.chip:hover { border-color: var(--strong); }
.chip:has(:checked) { background: var(--ink); border-color: var(--ink); color: var(--paper); }
.chip:has(:checked) small { color: inherit; opacity: .75; }
.chip:has(:disabled) { opacity: .55; cursor: default; }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 356px), 1fr)); gap: 18px; align-items: start; }
.example { background: var(--raised); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shade); overflow: hidden; }
.example header { display: flex; justify-content: space-between; gap: 12px; padding: 11px 16px 0; font-size: 13px; }
.example header .muted { font-size: 12px; overflow-wrap: anywhere; }
.asked { display: flex; gap: 14px; padding: 10px 16px 14px; }
.asked > div { min-width: 0; flex: 1; }
.asked img { flex: none; width: 104px; height: 104px; object-fit: contain; border-radius: 6px; background: var(--sunk); }
.question { font-weight: 500; line-height: 1.4; white-space: pre-wrap; overflow-wrap: anywhere; }
.instruction { font-size: 12.5px; line-height: 1.4; color: var(--soft); margin-top: 4px; overflow-wrap: anywhere; }
.truth { font-size: 14px; margin-top: 9px; color: var(--right); font-weight: 600; overflow-wrap: anywhere; }
.truth .label { color: var(--soft); font-weight: 400; font-size: 12.5px; margin-right: 3px; }
.answers { width: 100%; font-size: 13px; table-layout: fixed; }
.answers th, .answers td { padding: 4px 10px 4px 8px; border-top: 1px solid var(--line); vertical-align: baseline; overflow-wrap: anywhere; line-height: 1.4; }
.answers thead th { font-size: 12.5px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.answers tr > :first-child { padding-left: 16px; width: 100px; color: var(--soft); font-weight: 400; font-size: 12.5px; }
.verdict { display: inline-block; width: 1.35em; font-weight: 700; text-indent: 0; }
.answers td[class] { text-indent: -1.35em; padding-left: calc(8px + 1.35em); }
.answers .v-right { background: var(--right-wash); } .answers .v-wrong { background: var(--wrong-wash); }
.answers .v-unparseable { background: var(--unsure-wash); } .answers .v-missing { background: var(--sunk); }
.v-right .verdict { color: var(--right); } .v-wrong .verdict { color: var(--wrong); } .v-unparseable .verdict { color: var(--unsure); } .v-missing .verdict { color: var(--soft); }
body:has(#only-forgotten:checked) .example:not(.forgotten) { display: none; }
.none-left { display: none; }
`;

const phone = `
@media (max-width: 1000px) {
  html { scroll-padding-top: 104px; }
  .bar-inner { flex-wrap: wrap; height: auto; gap: 0 20px; padding-top: 9px; }
  .bar-top nav { order: 3; flex: 0 0 100%; gap: 18px; overflow-x: auto; white-space: nowrap; padding: 5px 28px 9px 0; scrollbar-width: none; mask-image: linear-gradient(to left, transparent, #000 44px); }
}
@media (max-width: 620px) {
  main, .bar-inner { padding: 0 16px; } footer { padding: 20px 16px 40px; }
  .hero { padding-top: 34px; } section { padding-top: 48px; }
  .subline { font-size: 16px; }
  .plain { font-size: 13px; } .plain th, .plain td { padding-right: 10px; } .plain .number { padding-right: 8px; padding-left: 4px; }
  .changes td.track, .changes th.track, .changes .zero-shot { display: none; }
  .changes th .swatch { display: none; }
  .pair { gap: 28px; } .plain thead th { white-space: normal; vertical-align: bottom; }
  .card { padding: 17px 18px; }
}
`;

const print = `
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; }
  .bar-top, .skip, .filters { display: none; }
  body { font-size: 10.5pt; background: #ffffff; }
  main { padding: 0; }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 10px; } .card { padding: 12px; min-width: 0; } .figure td.number { font-size: 15px; padding-left: 6px; }
  .figure td.bars { display: none; } .figure .interval { font-size: 8pt; } .figure math { font-size: 12px; }
  .hero { padding-top: 0; } section { padding-top: 26px; }
  .card, .example, figure, .plain tr { break-inside: avoid; } h2, .section-head { break-after: avoid; }
  .card, .example { box-shadow: none; }
  .heat td, .answers td, .ramp i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll { overflow: visible; background: none; }
  .plain { font-size: 8pt; } .plain th, .plain td { padding: 3px 6px 3px 0; } .plain .number, .plain .number:last-child { padding: 3px 5px 3px 2px; }
  .plain th, .plain td, .plain thead th, .plain thead .number, .plain .method, .plain tbody th:has(.swatch), .study td, .study tbody th { white-space: normal; }
  .plain thead th { font-size: 7.5pt; } .plain td.muted { min-width: 0; } .changes td.track, .changes th.track { min-width: 90px; width: 26%; }
  .pair { display: block; } .pair > * { margin-bottom: 22px; } .legend { break-after: avoid; } .setup table { break-inside: auto; }
  .heat-figure .heat { max-width: 150mm; } .radar-figure { max-width: 100mm; margin-left: auto; margin-right: auto; }
}
`;

/** The whole style sheet, the rules of the example filter excepted. */
export function stylesheet(): string {
  return [
    `:root { color-scheme: light dark; ${paperColours} }`,
    `@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }`,
    base,
    frame,
    tables,
    examples,
    paletteRules(),
    drawingRules,
    aspectRules,
    phone,
    print,
  ]
    .map((part) => part.trim())
    .join('\n');
}

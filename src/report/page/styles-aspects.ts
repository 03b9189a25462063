// Rules of the report's second half: judges, kinds of error, life lines. Form is blue, content red; right is green.

const colours = (values: Readonly<Record<string, string>>) =>
  Object.entries(values)
    .map(([name, colour]) => `.${name}{fill:${colour};background:${colour}}`)
    .join('');

const light = {
  'e-content': '#b3261e',
  'e-unreadable': '#2f3f8f',
  'e-otherStyle': '#4f74c9',
  'e-lenient': '#8fb3ea',
  'e-judged': '#c3d9f7',
  'l-kept': '#0b6b50',
  'l-recovered': '#4aa583',
  'l-learnt': '#9cd3b9',
  'l-forgotten': '#b3261e',
  'l-still': '#e6a19b',
  'l-never': '#d3d5d0',
};

const dark = {
  'e-content': '#f0857a',
  'e-unreadable': '#4a5cc4',
  'e-otherStyle': '#6f97ee',
  'e-lenient': '#9fc2f8',
  'e-judged': '#d5e5fd',
  'l-kept': '#2f9f79',
  'l-recovered': '#64c9a3',
  'l-learnt': '#b4ead1',
  'l-forgotten': '#f0857a',
  'l-still': '#8a4640',
  'l-never': '#3f464e',
};

export const aspectRules = `
${colours(light)}
@media screen and (prefers-color-scheme: dark) { ${colours(dark)} }
.stacked { width: 100%; } .stacked .grid { stroke: var(--line); }
.stacked rect { stroke: var(--paper); stroke-width: .75; }
.stacked .ceiling { stroke: var(--soft); stroke-dasharray: 4 3; }
.stackbar { width: 100%; min-width: 90px; } .stackbar rect { stroke: var(--paper); stroke-width: 1; }
td.stack { width: 34%; vertical-align: middle !important; }
.caveat { margin: 0 0 20px; padding: 11px 16px; background: var(--unsure-wash); color: var(--ink); border-radius: 6px; max-width: 60em; text-wrap: pretty; }
.caveat b { color: var(--unsure); }
.judge + .judge { margin-top: 44px; } .judge > h3:first-child { margin-top: 0; font-size: 16px; }
.judge .pair { margin-top: 26px; }
.settings { color: var(--soft); font-size: 13px; margin: 10px 0 0; overflow-wrap: anywhere; }
.claim { font-size: 17px; max-width: 46em; margin-bottom: 20px; text-wrap: pretty; }
.claim + .more { margin: -10px 0 20px; max-width: 56em; color: var(--soft); text-wrap: pretty; }
.group { margin-top: 30px; } .group > h3:not(:first-child) { margin-top: 28px; } .group > h3 { margin: 0 0 12px; font-size: 15px; }
.kind { display: block; text-indent: 0; color: var(--soft); font-size: 11.5px; line-height: 1.3; }
.fate { font-weight: 400; color: var(--soft); font-size: 11.5px; display: block; }
code.command { font: 12.5px/1.5 var(--mono); background: var(--sunk); padding: 1px 6px; border-radius: 4px; overflow-wrap: anywhere; }
@media print { .stacked rect, .stackbar rect, .legend rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
@media (max-width: 620px) { td.stack { display: none; } th.stack { display: none; } }
`;

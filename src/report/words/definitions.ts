// The three figures of a continual run: their names, their formulas as MathML, and what they mean in a sentence.
import { html, type Markup } from '../page/markup.ts';

export interface Definition {
  readonly key: 'finalAverage' | 'maa' | 'bwt';
  readonly symbol: string;
  readonly name: string;
  readonly meaning: string;
  readonly formula: Markup;
}

const equals = html`<mo>=</mo>`;
const oneOver = (symbol: string) => html`<mfrac><mn>1</mn><mi>${symbol}</mi></mfrac>`;
const sum = (index: string, end: string) =>
  html`<munderover><mo>∑</mo><mrow><mi>${index}</mi><mo lspace="0" rspace="0">=</mo><mn>1</mn></mrow><mi>${end}</mi></munderover>`;
const score = (stage: string, task: string) =>
  html`<msub><mi>A</mi><mrow><mi>${stage}</mi><mo lspace="0" rspace="0.1em">,</mo><mi>${task}</mi></mrow></msub>`;
const formula = (symbol: string, right: Markup) =>
  html`<math display="block"><mi mathvariant="normal">${symbol}</mi>${equals}${right}</math>`;

export const definitions: readonly Definition[] = [
  {
    key: 'finalAverage',
    symbol: 'ACC',
    name: 'Final accuracy',
    meaning: 'What is left at the end: the mean of the last row.',
    formula: formula('ACC', html`${oneOver('T')}${sum('i', 'T')}${score('T', 'i')}`),
  },
  {
    key: 'maa',
    symbol: 'MAA',
    name: 'Mean average accuracy',
    meaning: 'How good it was all along: the mean over the tasks seen so far, averaged over the stages.',
    formula: formula(
      'MAA',
      html`${oneOver('T')}${sum('j', 'T')}${oneOver('j')}${sum('i', 'j')}${score('j', 'i')}`,
    ),
  },
  {
    key: 'bwt',
    symbol: 'BWT',
    name: 'Backward transfer',
    meaning: 'What later tasks did to earlier ones: final minus just trained. Below zero is forgetting.',
    formula: formula(
      'BWT',
      html`${oneOver('T')}${sum('i', 'T')}<mrow><mo>(</mo>${score('T', 'i')}<mo>−</mo>${score('i', 'i')}<mo>)</mo></mrow>`,
    ),
  },
];

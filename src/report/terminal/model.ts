// What a model's folder holds, for a terminal. Numbers come from `forecast/inspection.ts`; nothing is computed here.
import { formatIssue } from '../../base/errors.ts';
import type { MemoryEstimate, ModelInspection } from '../../forecast/inspection.ts';
import { formatBytes, formatCount } from '../words/numbers.ts';
import { type GridCell, type GridOptions, printable, renderGrid, style, wrap } from './terminal-grid.ts';

const useNames = { training: 'training', answering: 'answering' } as const;

export function renderInspection(inspection: ModelInspection, options: GridOptions): string {
  const sections = [heading(inspection, options), parts(inspection, options), facts(inspection, options)];
  return [...sections, memory(inspection, options), issues(inspection, options)]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function heading({ folder, description }: ModelInspection, { width, color }: GridOptions): readonly string[] {
  const title = style(printable(folder), 'bold', color);
  return description === undefined ? [title] : [title, ...wrap(description, width)];
}

function parts({ parts: all }: ModelInspection, options: GridOptions): readonly string[] {
  if (all.length === 0) return [];
  const sum = (key: 'parameters' | 'bytes') => all.reduce((total, part) => total + part[key], 0);
  const whole = sum('parameters');
  const rows = all.map(({ name, parameters, bytes, types }): readonly GridCell[] => [
    { text: name },
    { text: formatCount(parameters) },
    { text: `${((100 * parameters) / whole).toFixed(1)} %`, style: 'dim' },
    { text: types.join(', ') },
    { text: formatBytes(bytes) },
  ]);
  const types = [...new Set(all.flatMap((part) => part.types))].sort();
  const last: readonly GridCell[] = [
    { text: 'in all', style: 'bold' },
    { text: formatCount(whole), style: 'bold' },
    { text: '' },
    { text: types.join(', ') },
    { text: formatBytes(sum('bytes')) },
  ];
  return renderGrid(
    ['part', 'parameters', 'share', 'type', 'in files'].map((column, index) => ({
      heading: column,
      align: index === 0 || index === 3 ? ('left' as const) : ('right' as const),
    })),
    [...rows, last],
    { ...options, ruleBefore: [rows.length] },
  );
}

function facts(inspection: ModelInspection, { width, color }: GridOptions): readonly string[] {
  const { images, tokenizer, template, targets } = inspection;
  const entries: readonly (readonly [string, string | undefined])[] = [
    ['prompts', template === 'chat' ? "the folder's chat template" : template],
    [
      'tokenizer',
      tokenizer &&
        `${formatCount(tokenizer.vocabularySize)} tokens; ends with ${tokenizer.eosId ?? 'none'}, begins with ${tokenizer.bosId ?? 'none'}`,
    ],
    ['images', images],
    [
      'adapters',
      targets.layers === 0
        ? undefined
        : `${targets.modules.join(', ')}: ${formatCount(targets.layers)} linear layers`,
    ],
  ];
  return entries.flatMap(([name, value]) => {
    if (value === undefined) return [];
    const [first = '', ...more] = wrap(value, width - 11);
    return [`${style(name.padEnd(11), 'dim', color)}${first}`, ...more.map((line) => ' '.repeat(11) + line)];
  });
}

function memory({ memory: estimates, rank }: ModelInspection, options: GridOptions): readonly string[] {
  const [first] = estimates;
  if (first === undefined) return [];
  const totalOf = (estimate: MemoryEstimate) =>
    estimate.weightBytes + estimate.trainedBytes + estimate.activationBytes;
  const rows = estimates.map((estimate): readonly GridCell[] => [
    { text: useNames[estimate.use] },
    { text: estimate.baseWeights },
    { text: formatCount(estimate.batch) },
    { text: formatBytes(estimate.weightBytes) },
    { text: formatBytes(estimate.trainedBytes) },
    { text: formatBytes(estimate.activationBytes) },
    { text: formatBytes(totalOf(estimate)), style: 'bold' },
  ]);
  const title = `Memory, estimated: sequences of ${formatCount(first.tokens)} tokens with one image each, LoRA of rank ${rank}`;
  return [
    ...wrap(title, options.width).map((line) => style(line, 'bold', options.color)),
    ...renderGrid(
      ['use', 'base weights', 'batch', 'weights', 'trained', 'activations', 'in all'].map(
        (column, index) => ({
          heading: column,
          align: index < 2 ? ('left' as const) : ('right' as const),
        }),
      ),
      rows,
      { ...options, ruleBefore: [rows.findIndex(([use]) => use?.text === 'answering')] },
    ),
  ];
}

function issues({ issues: all }: ModelInspection, { color }: GridOptions): readonly string[] {
  if (all.length === 0) return [style('Nothing is missing.', 'dim', color)];
  return [style('Missing or wrong', 'bold', color), ...all.map(formatIssue)];
}

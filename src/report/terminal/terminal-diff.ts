// What tells two runs apart, for the terminal: a line per part of a run, and under each the first few differences. What
// differs is found by `results/diff`.
import type { ValueDifference } from '../../formats/records/differences.ts';
import {
  type DiffPart,
  diffParts,
  type FileDifference,
  type RunDiff,
  type StepDifference,
} from '../../results/diff/diff-runs.ts';
import type { TensorDifference } from '../../results/diff/tensors.ts';
import { formatCount } from '../words/numbers.ts';
import { counted } from '../words/text.ts';
import { type GridOptions, pad, printable, style, wrap } from './terminal-grid.ts';

/** Differences of a part that are shown; the rest is counted. */
const mostShown = 6;
/** Characters of a text or a setting that are shown. */
const longest = 60;

/** Ends without a line break. `parts` are those that were looked at. */
export function renderDiff(
  diff: RunDiff,
  {
    parts = diffParts,
    ...options
  }: Pick<GridOptions, 'width' | 'color'> & { readonly parts?: readonly DiffPart[] },
): string {
  const { first, second, equal, partsAt } = diff;
  const verdict = equal
    ? `${first} and ${second} are the same`
    : `${first} and ${second} differ; they part first in the ${partsAt}`;
  return [
    ...wrap(printable(`${verdict}.`), options.width).map((line) => style(line, 'bold', options.color)),
    '',
    ...diffParts.filter((part) => parts.includes(part)).flatMap((part) => partLines(diff, part, options)),
  ].join('\n');
}

function partLines(
  diff: RunDiff,
  part: DiffPart,
  options: Pick<GridOptions, 'width' | 'color'>,
): readonly string[] {
  const values = (found: readonly ValueDifference[]) => ({
    summary: counted(found.length, 'key'),
    lines: found.map(describeValue),
  });
  const files = (found: readonly FileDifference[]) => ({
    summary: counted(found.length, 'file'),
    lines: found.map(describeFile),
  });
  const draw: Readonly<Record<DiffPart, () => { summary: string; lines: readonly string[] }>> = {
    configuration: () => values(diff.configuration),
    provenance: () => values(diff.provenance),
    data: () => files(diff.data),
    weights: () => files(diff.weights),
    steps: () => ({ summary: stepSummary(diff), lines: diff.steps.map(describeStep) }),
    'other files': () => files(diff.otherFiles),
  };
  const { summary, lines } = draw[part]();
  const same = lines.length === 0;
  const compared = part === 'steps' && same ? ` (${counted(diff.compared, 'step')})` : '';
  const more = lines.length - mostShown;
  return [
    `${pad(part, 15, 'left')}${same ? style(`same${compared}`, 'dim', options.color) : summary}`,
    ...lines
      .slice(0, mostShown)
      .flatMap((line) => wrap(printable(line), options.width - 2, '  ').map((each) => `  ${each}`)),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
  ];
}

function stepSummary({ steps, compared }: RunDiff): string {
  const lone = steps.filter(({ only }) => only !== undefined).length;
  const parts = [
    `${formatCount(steps.length - lone)} of ${counted(compared, 'step')} that both have`,
    ...(lone === 0 ? [] : [`${formatCount(lone)} only in one`]),
  ];
  return parts.join(', ');
}

function describeValue({ path, first, second }: ValueDifference): string {
  return `${path.join('.') || 'the whole'}: ${shownValue(first)} and ${shownValue(second)}`;
}

function shownValue(value: unknown): string {
  if (value === undefined) return 'not set';
  return shortened(typeof value === 'string' ? value : JSON.stringify(value));
}

function describeStep({ step, only, files }: StepDifference): string {
  if (only !== undefined) return `${step}: only in the ${only}`;
  // Below the step's own folder, where they lie.
  const folder = `${step.replace(/\/(train|evaluate\/[^/]+)$/, '')}/`;
  const said = files.map((file) =>
    describeFile(file.path.startsWith(folder) ? { ...file, path: file.path.slice(folder.length) } : file),
  );
  return `${step}: ${said.join('; ')}`;
}

function describeFile({ path, only, tensors, predictions, values }: FileDifference): string {
  if (only !== undefined) return `${path} only in the ${only}`;
  if (tensors !== undefined) {
    return `${path}: ${formatCount(tensors.tensors)} of ${counted(tensors.of, 'tensor')}, first ${describeTensor(tensors.first)}`;
  }
  if (predictions !== undefined) {
    const { id, field, values: texts } = predictions.first;
    const what = texts === undefined ? field : `${field} ${quoted(texts[0])} and ${quoted(texts[1])}`;
    const count =
      field === 'order'
        ? 'the same predictions in another order'
        : `${formatCount(predictions.samples)} of ${counted(predictions.of, 'sample')}`;
    return `${path}: ${count}, first ${id}: ${what}`;
  }
  const [value] = values ?? [];
  return value === undefined ? path : `${path}: ${describeValue(value)}`;
}

function describeTensor({
  tensor,
  layout,
  elements = 0,
  of = 0,
  largest,
  index,
  values,
}: TensorDifference): string {
  if (layout !== undefined) return `${tensor}: ${layout}`;
  if (elements === 0) return `${tensor}: bits of elements that are no numbers`;
  const distance = largest === undefined ? 'not finite' : String(Number(largest.toPrecision(3)));
  return `${tensor}: ${formatCount(elements)} of ${counted(of, 'element')}, largest difference ${distance}, first at [${index?.join(', ')}]: ${values?.join(' and ')}`;
}

function quoted(text: string): string {
  return JSON.stringify(shortened(text));
}

function shortened(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

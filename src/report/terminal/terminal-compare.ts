// A comparison for the terminal: what was compared, what each method takes, intervals, and an answer in a sentence for
// every pair. Computed in `results/comparison.ts` and `results/compare-predictions.ts`.
import { fewImages } from '../../results/clusters.ts';
import type { PredictionComparison } from '../../results/compare-predictions.ts';
import type { RunComparison } from '../../results/comparison.ts';
import { answerInWords, inWords, withInterval } from '../words/comparison-words.ts';
import { costColumns } from '../words/costs.ts';
import { formatCount } from '../words/numbers.ts';
import { counted, enumerated } from '../words/text.ts';
import { type GridColumn, type GridOptions, printable, renderGrid, style, wrap } from './terminal-grid.ts';

type Options = Pick<GridOptions, 'width' | 'color'>;

const corrected =
  "Intervals of differences are corrected over the pairs by Holm's method, each figure by itself.";

/** Ends without a line break. With `cells`, every cell of the matrix too. */
export function renderComparison(
  result: RunComparison,
  { cells = false, ...options }: Options & { readonly cells?: boolean },
): string {
  const { tasks, mode, resamples, seeds, estimates, across } = result;
  const costs = costColumns(result.arms);
  const labels = new Map(result.arms.map(({ name, label }) => [name, label]));
  const label = (name: string) => printable(labels.get(name) ?? name);
  const heads = [
    `${mode} scoring, ${stagesOf(result)}`,
    seeds.length === 1
      ? across === undefined || across.settings.every(({ key }) => key !== 'seed')
        ? `seed ${seeds[0]}`
        : 'a seed each'
      : `${seeds.length} seeds (${seeds.join(', ')}), averaged`,
    `${formatCount(resamples)} draws of the test images`,
  ];
  const cellNames = estimates[0]?.figures.slice(3) ?? [];
  const pairs = result.pairs.flatMap(({ first, second, differences }) => {
    const [acc] = differences;
    const inCells = differences.slice(3);
    const apart = inCells.filter(({ distinguishable }) => distinguishable);
    const shown = [...differences.slice(0, 3), ...(cells ? inCells : apart)];
    const answer = acc === undefined ? '' : answerInWords(acc, label(first), label(second));
    return [
      '',
      ...wrap(answer, options.width).map((line) => style(line, 'bold', options.color)),
      ...shown.map((difference) => `  ${inWords(difference, label(first), label(second))}`),
      ...(inCells.length === 0
        ? []
        : [style(`  ${apart.length} of ${inCells.length} cells are distinguishable`, 'dim', options.color)]),
    ];
  });
  return [
    ...wrap(heads.join('; '), options.width).map((line) => style(line, 'bold', options.color)),
    ...settingsTable(result, options),
    '',
    ...grid(
      ['method', ...costs.map(({ heading }) => heading)],
      result.arms.map((arm) => [printable(arm.label), ...costs.map((column) => column.cell(arm))]),
      options,
    ),
    '',
    ...grid(
      ['95 % intervals', 'ACC', 'MAA', 'BWT'],
      estimates.map(({ method, figures }) => [label(method), ...figures.slice(0, 3).map(withInterval)]),
      options,
    ),
    ...(cells && cellNames.length > 0
      ? [
          '',
          ...grid(
            ['cell', ...estimates.map(({ method }) => label(method))],
            cellNames.map(({ name }, cell) => [
              name,
              ...estimates.map(({ figures }) => withInterval(figures[cell + 3])),
            ]),
            options,
          ),
        ]
      : []),
    ...pairs,
    '',
    ...[...notesOn(result, tasks, label), corrected].flatMap((line) => wrap(line, options.width)),
  ].join('\n');
}

function stagesOf({ tasks, streamTasks, across }: RunComparison): string {
  const stages = counted(tasks.length, 'stage');
  if (tasks.length === streamTasks) return stages;
  return across === undefined
    ? `${stages} of ${streamTasks} (as many as all of them have)`
    : `${stages} that they share (${tasks.join(', ')})`;
}

/** In which settings runs of several configurations differ. */
function settingsTable({ across }: RunComparison, options: Options): readonly string[] {
  if (across === undefined) return [];
  if (across.settings.length === 0) return ['', 'Their settings are the same; they have other methods.'];
  return [
    '',
    ...grid(
      ['settings that differ', ...across.runs],
      across.settings.map(({ key, values }) => [key, ...values.map(settingInWords)]),
      options,
    ),
  ];
}

function settingInWords(value: unknown): string {
  if (value === undefined) return 'not set';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return printable(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

function notesOn(
  { unmatched, images, seeds, across, learntNothing }: RunComparison,
  tasks: readonly string[],
  label: (name: string) => string,
): readonly string[] {
  const few = tasks.filter((task) => (images[task] ?? 0) < fewImages);
  return [
    ...(learntNothing.length === 0
      ? []
      : [
          `${enumerated(learntNothing.map(label))} learnt nothing: 0 % right just after every task, so that BWT says nothing.`,
        ]),
    ...unmatched.map(
      ({ first, second, percent }) =>
        `${label(first)} and ${label(second)} are not matched: their trainable parameters differ by ${percent.toFixed(0)} %.`,
    ),
    ...(few.length === 0
      ? []
      : [`Fewer than ${fewImages} test images, so intervals are too narrow: ${few.join(', ')}.`]),
    ...(across === undefined || across.otherSamples.length === 0
      ? []
      : [`Tested on other samples, and not compared: ${across.otherSamples.join(', ')}.`]),
    ...(across?.sameOrder === false
      ? ['The tasks were learned in another order: cells of the matrix are not compared.']
      : []),
    ...(across === undefined || across.alone.length === 0
      ? []
      : [
          `Not in every run, and left out: ${across.alone.join(', ')}. Name them with --methods to compare them.`,
        ]),
    ...(seeds.length > 1
      ? []
      : ['One seed: how much training again would change is not in these intervals.']),
  ];
}

/** Ends without a line break. */
export function renderPredictionComparison(result: PredictionComparison, options: Options): string {
  const { task, mode, samples, resamples, files, pairs } = result;
  const head = `${task}, ${mode} scoring: ${counted(samples, 'sample')}; ${formatCount(resamples)} draws of them`;
  return [
    ...wrap(head, options.width).map((line) => style(line, 'bold', options.color)),
    '',
    ...grid(
      ['95 % intervals', 'accuracy', 'missing'],
      files.map(({ file, accuracy, missing }) => [
        printable(file),
        withInterval(accuracy),
        formatCount(missing),
      ]),
      options,
    ),
    '',
    ...pairs.flatMap(({ first, second, accuracy }) =>
      wrap(answerInWords(accuracy, printable(first), printable(second)), options.width),
    ),
    '',
    ...(samples < fewImages ? [`Fewer than ${fewImages} samples, so intervals are too narrow.`] : []),
    ...wrap(
      'Samples are drawn one by one, as annotations name no images: with several about one image, intervals are too narrow.',
      options.width,
    ),
    ...wrap(corrected, options.width),
  ].join('\n');
}

function grid(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  options: Options,
): readonly string[] {
  return renderGrid(
    headings.map((heading, index): GridColumn => ({ heading, align: index === 0 ? 'left' : 'right' })),
    rows.map((row) => row.map((text) => ({ text }))),
    options,
  );
}

// `coin compare`: the methods of a run against each other, with intervals; several runs are seeds of one configuration.
import { defineCommand } from 'citty';
import { painter, useColor, widthOf } from '../../report/terminal/paint.ts';
import { type GridColumn, renderGrid } from '../../report/terminal/terminal-grid.ts';
import { inWords, withInterval } from '../../report/words/comparison-words.ts';
import { costColumns } from '../../report/words/costs.ts';
import { formatCount } from '../../report/words/numbers.ts';
import { compareRuns, fewImages, type RunComparison } from '../../results/comparison.ts';
import type { ScoringMode } from '../../tasks/task.ts';
import { oneOf } from '../shell/arguments.ts';
import { wholeNumber } from '../shell/options.ts';

const modes = ['strict', 'reference'] as const satisfies readonly ScoringMode[];

export const compare = defineCommand({
  args: {
    'run...': {
      type: 'positional',
      required: true,
      description: 'folder of a run; several are seeds of one configuration',
    },
    methods: { type: 'string', valueHint: 'A,B', description: 'only these; by default all that have begun' },
    mode: { type: 'string', default: 'strict', valueHint: 'MODE', description: 'strict or reference' },
    resamples: { type: 'string', default: '2000', valueHint: 'NUMBER', description: 'bootstrap draws' },
    seed: { type: 'string', default: '0', valueHint: 'NUMBER', description: 'of the draws' },
    cells: { type: 'boolean', description: 'show every cell of the matrix too' },
    json: { type: 'boolean', description: 'print JSON, every cell included' },
  },
  async run({ args }) {
    const result = await compareRuns({
      folders: args._,
      ...(args.methods === undefined ? {} : { methods: args.methods.split(',').map((name) => name.trim()) }),
      mode: oneOf('--mode', args.mode, modes),
      resamples: wholeNumber('--resamples', args.resamples),
      seed: wholeNumber('--seed', args.seed, 0),
    });
    const text = args.json === true ? JSON.stringify(result, undefined, 2) : describe(result, args.cells);
    process.stdout.write(`${text}\n`);
  },
});

function describe(result: RunComparison, cells = false): string {
  const color = useColor(process.stdout);
  const paint = painter(color);
  const { tasks, streamTasks, mode, resamples, seeds, images } = result;
  const grid = (headings: readonly string[], rows: readonly (readonly string[])[]) =>
    renderGrid(
      headings.map((heading, index): GridColumn => ({ heading, align: index === 0 ? 'left' : 'right' })),
      rows.map((row) => row.map((text) => ({ text }))),
      { width: widthOf(process.stdout), color },
    );
  const costs = costColumns(result.costs);
  const labels = new Map(result.costs.map(({ method, label }) => [method as string, label]));
  const label = (method: string) => labels.get(method) ?? method;
  const few = tasks.filter((task) => (images[task] ?? 0) < fewImages);
  const stages = tasks.length === 1 ? '1 stage' : `${tasks.length} stages`;
  const heads = [
    `${mode} scoring, ${stages}${tasks.length < streamTasks ? ` of ${streamTasks} (as many as all of them have)` : ''}`,
    seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} seeds (${seeds.join(', ')}), averaged`,
    `${formatCount(resamples)} draws of the test images`,
  ];
  const notes = [
    ...result.unmatched.map(
      ({ first, second, percent }) =>
        `${label(first)} and ${label(second)} are not matched: their trainable parameters differ by ${percent.toFixed(0)} %.`,
    ),
    ...(few.length === 0
      ? []
      : [`Fewer than ${fewImages} test images, so intervals are too narrow: ${few.join(', ')}.`]),
    ...(seeds.length > 1
      ? []
      : ['One seed: how much training again would change is not in these intervals.']),
  ];
  const summaries = grid(
    ['95 % intervals', 'ACC', 'MAA', 'BWT'],
    result.estimates.map(({ method, figures }) => [label(method), ...figures.slice(0, 3).map(withInterval)]),
  );
  const pairs = result.pairs.flatMap(({ first, second, differences }) => {
    const inCells = differences.slice(3);
    const apart = inCells.filter(({ distinguishable }) => distinguishable);
    const shown = [...differences.slice(0, 3), ...(cells ? inCells : apart)];
    return [
      '',
      paint('bold', `${label(first)} and ${label(second)}`),
      ...shown.map((difference) => `  ${inWords(difference, label(first), label(second))}`),
      paint('dim', `  ${apart.length} of ${inCells.length} cells are distinguishable`),
    ];
  });
  const everyCell = grid(
    ['cell', ...result.estimates.map(({ method }) => label(method))],
    (result.estimates[0]?.figures ?? [])
      .slice(3)
      .map(({ name }, cell) => [
        name,
        ...result.estimates.map(({ figures }) => withInterval(figures[cell + 3])),
      ]),
  );
  return [
    paint('bold', heads.join('; ')),
    '',
    ...grid(
      ['method', ...costs.map(({ heading }) => heading)],
      result.costs.map((cost) => [cost.label, ...costs.map((column) => column.cell(cost))]),
    ),
    '',
    ...summaries,
    ...(cells ? ['', ...everyCell] : []),
    ...pairs,
    '',
    ...notes,
    "Intervals of differences are corrected over the pairs by Holm's method, each figure by itself.",
  ].join('\n');
}

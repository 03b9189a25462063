// Help as text: the commands by what one wants to do, or one command with its options and examples, in the width of the
// terminal. Loads no command; what it shows of one is handed in.
import type { ArgsDef } from 'citty';
import { type Paint, painter } from '../../report/terminal/paint.ts';
import type { CommandEntry } from './command-entry.ts';
import { commandGroups } from './commands.ts';

export interface HelpOptions {
  /** Columns. */
  readonly width: number;
  readonly color: boolean;
}

type Row = readonly [label: string, text: string];

/** Labels longer than this stand on a line of their own. */
const labelRoom = 26;

/** Help of `coin` itself. */
export function renderOverview(entry: CommandEntry, { width, color }: HelpOptions): string {
  const paint = painter(color);
  const labels = Math.max(...(entry.children ?? []).map(({ name }) => name.length));
  return joined([
    wrapped(`${paint('bold', 'coin')}: ${entry.summary}`, width),
    ['coin COMMAND [OPTIONS]        coin COMMAND --help says more of each'],
    ...commandGroups.map(({ title, commands }) => [
      paint('bold', title),
      ...rows(
        commands.map(({ name, summary }): Row => [name, summary]),
        { width, paint, labels },
      ),
    ]),
    [
      paint('bold', 'Configurations'),
      ...rows(
        [
          ['nano', 'the embedded model and data: nothing to download'],
          ['coin', "the paper's protocol for LLaVA-1.5-7B, with --model and --data"],
          ['coin-qwen', "the reference's settings for Qwen-VL, to look at"],
          ['coin-minigpt', "the reference's settings for MiniGPT-v2, to look at"],
          ['FILE.yaml', 'your own: `base: nano` and what differs, or coin config > FILE.yaml'],
        ],
        { width, paint },
      ),
    ],
    [
      paint('bold', 'To begin with'),
      ...rows(
        [
          ['coin run nano', 'the whole benchmark in minutes, on this machine'],
          ['coin study', 'the studies that come along'],
          ['coin completion bash', 'commands and options by the Tab key; also zsh, fish'],
        ],
        { width, paint },
      ),
    ],
  ]);
}

/** @param path of the command, e.g. `coin data doctor`. */
export function renderCommandHelp(
  path: string,
  entry: CommandEntry,
  definitions: ArgsDef,
  { width, color }: HelpOptions,
): string {
  const paint = painter(color);
  const layout = { width, paint };
  const all = Object.entries(definitions);
  const positionals = all.filter(([, { type }]) => type === 'positional');
  const options = all.filter(([, { type }]) => type !== 'positional');
  const shown = positionals.map(([name, { required }]) =>
    required === true ? name.toUpperCase() : `[${name.toUpperCase()}]`,
  );
  const usage = [
    path,
    ...(entry.load === undefined ? ['COMMAND'] : shown),
    ...(options.length > 0 ? ['[OPTIONS]'] : []),
  ];
  const listed = (title: string, lines: readonly Row[], as = layout) =>
    lines.length === 0 ? [] : [[paint('bold', title), ...rows(lines, as)]];
  return joined([
    [`${usage.join(' ')}`],
    wrapped(entry.summary, width),
    ...listed(
      'Arguments',
      positionals.map(([name, definition]): Row => [name.toUpperCase(), described(definition)]),
    ),
    ...listed(
      'Commands',
      (entry.children ?? []).map(({ name, summary }): Row => [name, summary]),
    ),
    ...listed(
      'Options',
      options.map(([name, definition]): Row => [optionLabel(name, definition), described(definition)]),
    ),
    ...examplesOf(entry).map((lines) => [paint('bold', 'Examples'), ...exampleLines(lines, layout)]),
  ]);
}

type Definition = ArgsDef[string];

function optionLabel(name: string, definition: Definition): string {
  const short = 'alias' in definition && typeof definition.alias === 'string' ? `-${definition.alias}, ` : '';
  const value = definition.type === 'boolean' ? '' : ` ${definition.valueHint ?? 'TEXT'}`;
  return `${short}--${name}${value}`;
}

function described({ description = '', required, default: fallback, type }: Definition): string {
  if (required === true && type !== 'positional') return `${description} (required)`;
  return fallback === undefined || fallback === '' ? description : `${description} (by default ${fallback})`;
}

function examplesOf(entry: CommandEntry): readonly NonNullable<CommandEntry['examples']>[] {
  const all = [...(entry.examples ?? []), ...(entry.children ?? []).flatMap(({ examples = [] }) => examples)];
  return all.length === 0 ? [] : [all];
}

interface Layout {
  readonly width: number;
  readonly paint: Paint;
  readonly labels?: number;
}

/** Commands are long: the meaning stands beside one where both fit, below it otherwise; a command is never cut. */
function exampleLines(
  examples: NonNullable<CommandEntry['examples']>,
  { width, paint }: Layout,
): readonly string[] {
  const longest = Math.max(...examples.map(([command]) => command.length));
  const beside = examples.every(([, meaning]) => longest + meaning.length + 5 <= width);
  return examples.flatMap(([command, meaning]) =>
    beside
      ? [`  ${command.padEnd(longest)}  ${paint('dim', `# ${meaning}`)}`]
      : [paint('dim', `  # ${meaning}`), `  ${command}`],
  );
}

/** Two columns: labels, and texts broken between words. */
function rows(lines: readonly Row[], { width, paint, labels }: Layout): readonly string[] {
  const longest = labels ?? Math.max(...lines.map(([label]) => label.length));
  const column = Math.min(labelRoom, longest);
  return lines.flatMap(([label, text]) => {
    const [first = '', ...rest] = wrapped(text, width - column - 4);
    const below = rest.map((line) => `${' '.repeat(column + 4)}${line}`);
    return label.length > column
      ? [`  ${paint('cyan', label)}`, `${' '.repeat(column + 4)}${first}`, ...below]
      : [`  ${paint('cyan', label)}${' '.repeat(column - label.length)}  ${first}`.trimEnd(), ...below];
  });
}

/** Lines of at most `width` columns, broken between words; a longer word stands alone. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function joined(blocks: readonly (readonly string[])[]): string {
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

// `coin completion`: a script with which bash, zsh or fish completes commands, options and the names of things. Drawn from
// the commands themselves; a new version of coin-bench wants a new script.
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { oneOf } from './arguments.ts';
import type { CommandEntry } from './command-entry.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** @param root with all commands below it. */
export const completionOf = (root: CommandEntry) =>
  defineCommand({
    args: {
      shell: { type: 'positional', required: true, description: shells.join(', ') },
    },
    async run({ args }) {
      const shell = oneOf('SHELL', args.shell, shells);
      const commands = await completedCommands(root);
      process.stdout.write({ bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands));
    },
  });

interface CompletedOption {
  readonly name: string;
  readonly short?: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** Known values; files and folders where there are none. */
  readonly values: readonly string[];
}

interface CompletedCommand {
  /** Below `coin`, e.g. `data doctor`; empty for `coin` itself. */
  readonly path: string;
  readonly children: readonly CommandEntry[];
  readonly options: readonly CompletedOption[];
  /** What its first argument may be, beside files and folders. */
  readonly words: readonly string[];
}

async function completedCommands(root: CommandEntry): Promise<readonly CompletedCommand[]> {
  const { knownWords } = await import('./known-words.ts');
  const visit = async (entry: CommandEntry, path: string): Promise<readonly CompletedCommand[]> => {
    const definitions = await argumentsOf(await entry.load?.());
    const options = Object.entries(definitions).flatMap(([name, definition]): readonly CompletedOption[] =>
      definition.type === 'positional'
        ? []
        : [
            {
              name,
              ...('alias' in definition && typeof definition.alias === 'string'
                ? { short: definition.alias }
                : {}),
              description: definition.description ?? '',
              takesValue: definition.type !== 'boolean',
              values: knownWords(name),
            },
          ],
    );
    const [positional] = Object.entries(definitions).filter(([, { type }]) => type === 'positional');
    const help = { name: 'help', description: 'options and examples', takesValue: false, values: [] };
    const own: CompletedCommand = {
      path,
      children: entry.children ?? [],
      options: [...options, help],
      words: positional === undefined ? [] : knownWords(positional[0]),
    };
    const below = await Promise.all(
      own.children.map((child) => visit(child, path === '' ? child.name : `${path} ${child.name}`)),
    );
    return [own, ...below.flat()];
  };
  return visit(root, '');
}

async function argumentsOf(command: CommandDef | undefined): Promise<ArgsDef> {
  const definitions = command?.args;
  return (typeof definitions === 'function' ? await definitions() : await definitions) ?? {};
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The command so far and one word more, for bash and zsh. */
const next = `\${command:+$command }$word`;

/** Shell code that follows the words before the cursor to the command that they name. */
function followed(commands: readonly CompletedCommand[], words: string): readonly string[] {
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return [
    `  for word in ${words}; do`,
    `    case "${next}" in`,
    `      ${paths.join('|')}) command="${next}";;`,
    '    esac',
    '  done',
  ];
}

/** A branch per option with known values, by command and option. */
function valueBranches(
  commands: readonly CompletedCommand[],
  line: (values: readonly string[]) => string,
): readonly string[] {
  return commands.flatMap(({ path, options }) =>
    options
      .filter(({ values }) => values.length > 0)
      .map(({ name, values }) => `    ${quoted(`${path}:--${name}`)}) ${line(values)}; return;;`),
  );
}

function bashScript(commands: readonly CompletedCommand[]): string {
  return `${[
    '# Completion of coin for bash: source <(coin completion bash)',
    '_coin() {',
    '  local current="$' +
      '{COMP_WORDS[COMP_CWORD]}" previous="$' +
      '{COMP_WORDS[COMP_CWORD-1]}" command= word words=',
    ...followed(commands, '"$' + '{COMP_WORDS[@]:1:COMP_CWORD-1}"'),
    '  COMPREPLY=()',
    '  case "$command:$previous" in',
    ...valueBranches(
      commands,
      (values) => `COMPREPLY=($(compgen -W ${quoted(values.join(' '))} -- "$current"))`,
    ),
    '  esac',
    '  case "$command" in',
    ...commands.map(({ path, children, options, words }) => {
      const own = [...children.map(({ name }) => name), ...words];
      const flags = options.map(({ name }) => `--${name}`);
      return `    ${quoted(path)}) case "$current" in -*) words=${quoted(flags.join(' '))};; *) words=${quoted(own.join(' '))};; esac;;`;
    }),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    '# Where nothing known fits, files and folders do.',
    'complete -o default -F _coin coin',
  ].join('\n')}\n`;
}

function zshScript(commands: readonly CompletedCommand[]): string {
  const described = (pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([name, text]) => quoted(`${name.replaceAll(':', '\\:')}:${text}`)).join(' ');
  return `${[
    '#compdef coin',
    '# Completion of coin for zsh: source <(coin completion zsh), after compinit',
    '_coin() {',
    '  local current="$' + '{words[CURRENT]}" previous="$' + '{words[CURRENT-1]}" command= word',
    '  local -a known',
    ...followed(commands, '"$' + '{(@)words[2,CURRENT-1]}"'),
    '  case "$command:$previous" in',
    ...valueBranches(commands, (values) => `compadd -- ${values.map(quoted).join(' ')}`),
    '  esac',
    '  case "$command" in',
    ...commands.map(({ path, children, options, words }) => {
      const own = [
        ...children.map(({ name, summary }) => [name, summary] as const),
        ...words.map((word) => [word, ''] as const),
      ];
      const flags = options.map(({ name, description }) => [`--${name}`, description] as const);
      return `    ${quoted(path)}) if [[ "$current" == -* ]]; then known=(${described(flags)}); else known=(${described(own)}); fi;;`;
    }),
    '  esac',
    '  (( $#known )) && _describe coin known',
    '  [[ "$current" == -* ]] || _files',
    '}',
    'compdef _coin coin',
  ].join('\n')}\n`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ path, children, options, words }) => {
    const here = `-n ${quoted(`test (__coin_command) = "${path}"`)}`;
    return [
      ...children.map(
        ({ name, summary }) => `complete -c coin ${here} -a ${quoted(name)} -d ${quoted(summary)}`,
      ),
      ...words.map((word) => `complete -c coin ${here} -a ${quoted(word)}`),
      ...options.map(({ name, short, description, takesValue, values }) =>
        [
          `complete -c coin ${here} -l ${name}`,
          ...(short === undefined ? [] : [`-s ${short}`]),
          ...(takesValue ? ['-r'] : []),
          ...(values.length === 0 ? [] : [`-f -a ${quoted(values.join(' '))}`]),
          `-d ${quoted(description)}`,
        ].join(' '),
      ),
    ];
  });
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `${[
    '# Completion of coin for fish: coin completion fish | source',
    'function __coin_command',
    '  set -l found',
    '  for word in (commandline -opc)[2..-1]',
    '    set -l next (string trim "$found $word")',
    `    contains -- $next ${paths.join(' ')}; and set found $next`,
    '  end',
    '  echo "$found"',
    'end',
    ...lines,
  ].join('\n')}\n`;
}

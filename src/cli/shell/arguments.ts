// Finds the command that the arguments name and refuses what it does not know: citty by itself ignores unknown options.
import { parseArgs } from 'node:util';
import type { ArgsDef, CommandDef, SubCommandsDef } from 'citty';
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/nearest.ts';
import { type ConfigOverride, parseOverride } from '../../config/load.ts';

export interface FoundCommand {
  readonly command: CommandDef;
  readonly parent?: CommandDef;
  /** The arguments after the command's name. */
  readonly rest: readonly string[];
}

/** Follows the names of commands as deep as they go. Throws UserError for an unknown one. */
export async function findCommand(root: CommandDef, rawArguments: readonly string[]): Promise<FoundCommand> {
  let found: FoundCommand = { command: root, rest: rawArguments };
  let path = (await resolved(root.meta))?.name ?? '';
  for (;;) {
    const { command, rest } = found;
    const children: SubCommandsDef | undefined = await resolved(command.subCommands);
    const [name, ...after] = rest;
    if (children === undefined || name === undefined || name.startsWith('-')) return found;
    if (!Object.hasOwn(children, name)) {
      // A command that does something by itself takes what names no child as its argument.
      if (command.run !== undefined) return found;
      const known = Object.keys(children);
      throw new UserError({
        message: `unknown command "${name}"`,
        hint: didYouMean(name, known) ?? `commands: ${known.join(', ')}; see coin --help`,
      });
    }
    const child: CommandDef | undefined = await resolved(children[name]);
    if (child === undefined) throw new Error(`internal: the command ${name} is not defined`);
    found = { command: child, parent: await named(command, path), rest: after };
    path = `${path} ${name}`;
  }
}

/** citty writes the parent's name before the command's in the usage; this gives it the whole path. */
async function named(command: CommandDef, name: string): Promise<CommandDef> {
  return { ...command, meta: { ...(await resolved(command.meta)), name } };
}

/**
 * Throws UserError for an unknown option, an option without its value, or an argument too many or too few. A last
 * positional whose name ends in `...` takes any number.
 */
export async function checkArguments(command: CommandDef, rest: readonly string[]): Promise<void> {
  const definitions: ArgsDef = (await resolved(command.args)) ?? {};
  const { values, positionals } = parse(definitions, rest);
  const expected = Object.entries(definitions).filter(([, { type }]) => type === 'positional');
  const extra = positionals[expected.length];
  const takesMore = expected.at(-1)?.[0].endsWith('...') === true;
  if (extra !== undefined && !takesMore) throw new UserError(`unexpected argument "${extra}"`);
  const missing = expected.find(
    ([, definition], index) => definition.required === true && positionals[index] === undefined,
  );
  if (missing !== undefined) {
    const [name, { description }] = missing;
    throw new UserError({ message: `expected ${name.toUpperCase()}`, hint: description });
  }
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.type === 'positional' || definition.required !== true || values[name] !== undefined)
      continue;
    const value = definition.valueHint === undefined ? '' : ` ${definition.valueHint}`;
    throw new UserError({ message: `expected --${name}${value}`, hint: definition.description });
  }
}

/**
 * The one of `known` that an option names, whatever its case.
 * @throws UserError with all of them, and the nearest where they are many.
 */
export function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found =
    known.find((name) => name === text) ?? known.find((name) => name.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw new UserError({
    message: `${option}: expected ${known.join(', ')}; found "${text}"`,
    // Of a few names that stand in the message, the nearest need not be said.
    hint: known.length > 4 ? didYouMean(text, known) : undefined,
  });
}

/** The options that change a configuration. */
export const overrideArguments = {
  model: { type: 'string', description: 'nano, or a folder in the llava-hf layout', valueHint: 'FOLDER' },
  data: { type: 'string', description: "nano, or a data folder in CoIN's layout", valueHint: 'FOLDER' },
  seed: { type: 'string', description: 'seed of the run', valueHint: 'NUMBER' },
  output: { type: 'string', description: 'folder of the run', valueHint: 'FOLDER' },
  provider: { type: 'string', description: 'cpu, webgpu or cuda', valueHint: 'NAME' },
  set: {
    type: 'string',
    description: 'any key of the configuration, e.g. training.epochs=2; may be repeated',
    valueHint: 'KEY=VALUE',
  },
} as const satisfies ArgsDef;

/** What the options of `overrideArguments` say, in the order in which the later one holds. */
export function readOverrides(
  rawArguments: readonly string[],
  definitions: ArgsDef,
): readonly ConfigOverride[] {
  const all = (name: string) => readList(rawArguments, definitions, name);
  const last = (name: string) => all(name).slice(-1);
  return [
    ...all('set').map(parseOverride),
    ...last('model').map((value) => ({ path: ['model'], value, label: `--model ${value}` })),
    ...last('data').map((value) => ({ path: ['benchmark'], value, label: `--data ${value}` })),
    ...last('seed').map((text) => ({ path: ['seed'], value: numberOr(text), label: `--seed ${text}` })),
    ...last('output').map((value) => ({ path: ['output'], value, label: `--output ${value}` })),
    ...last('provider').map((value) => ({ path: ['provider'], value, label: `--provider ${value}` })),
  ];
}

/** All values of an option that may be repeated. */
export function readList(
  rawArguments: readonly string[],
  definitions: ArgsDef,
  name: string,
): readonly string[] {
  return [parse(definitions, rawArguments).values[name] ?? []].flat().map(String);
}

function parse(definitions: ArgsDef, rawArguments: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(definitions).flatMap(([name, definition]) => {
      if (definition.type === 'positional') return [];
      const type = definition.type === 'boolean' ? ('boolean' as const) : ('string' as const);
      const alias = 'alias' in definition ? definition.alias : undefined;
      const short = typeof alias === 'string' ? { short: alias } : {};
      return [[name, { type, multiple: type === 'string', ...short }]];
    }),
  );
  try {
    return parseArgs({ args: [...rawArguments], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const unknown = /Unknown option '(-*)([^']*)'/.exec(error.message);
    if (unknown === null) throw new UserError(error.message);
    const [, dashes = '', name = ''] = unknown;
    const known = Object.keys(options);
    throw new UserError({
      message: `unknown option ${dashes}${name}`,
      hint:
        didYouMean(name, known)?.replace(/(mean | or )/g, '$1--') ??
        (known.length > 0
          ? `options: ${known.map((option) => `--${option}`).join(', ')}`
          : 'it has no options'),
    });
  }
}

function numberOr(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

type Lazy<T> = T | Promise<T> | (() => T) | (() => Promise<T>) | undefined;

async function resolved<T extends object>(value: Lazy<T>): Promise<T | undefined> {
  return typeof value === 'function' ? await (value as () => T | Promise<T>)() : await value;
}

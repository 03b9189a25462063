// Finds the command that the arguments name and refuses what it does not know: citty by itself ignores unknown options.
import { parseArgs } from 'node:util';
import type { ArgsDef } from 'citty';
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/nearest.ts';
import type { CommandEntry } from './command-entry.ts';

export interface FoundCommand {
  readonly entry: CommandEntry;
  /** Its whole name, e.g. `coin data doctor`. */
  readonly path: string;
  /** The arguments after the command's name. */
  readonly rest: readonly string[];
}

/** Follows the names of commands as deep as they go. Throws UserError for an unknown one. */
export function findCommand(root: CommandEntry, rawArguments: readonly string[]): FoundCommand {
  const [first, ...named] = rawArguments;
  // `coin help run` is `coin run --help`.
  if (first === 'help') return findCommand(root, [...named, '--help']);
  let found: FoundCommand = { entry: root, path: root.name, rest: rawArguments };
  for (;;) {
    const { entry, path, rest } = found;
    const { children, load } = entry;
    const [name, ...after] = rest;
    if (children === undefined || name === undefined || name.startsWith('-')) return found;
    const child = children.find((candidate) => candidate.name === name);
    if (child === undefined) {
      // A command that does something by itself takes what names no child as its argument.
      if (load !== undefined) return found;
      throw new UserError({ message: `unknown command "${name}"`, hint: nearestCommand(root, entry, name) });
    }
    found = { entry: child, path: `${path} ${name}`, rest: after };
  }
}

function nearestCommand(root: CommandEntry, { children = [] }: CommandEntry, name: string): string {
  const known = children.map((child) => child.name);
  const near = didYouMean(name, known);
  if (near !== undefined) return near;
  const below = root.children?.find((child) => child.children?.some((inner) => inner.name === name));
  return below === undefined
    ? `commands: ${known.join(', ')}; see coin --help`
    : `did you mean coin ${below.name} ${name}?`;
}

/**
 * Throws UserError for an unknown option, an option without its value, or an argument too many or too few. A last
 * positional whose name ends in `...` takes any number.
 */
export function checkArguments(definitions: ArgsDef, rest: readonly string[]): void {
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

// A YAML file of the user's: its values, and where each stands, so that an error can point at file, line and column.
// What the values must be is the caller's business.
import { basename, dirname, extname, isAbsolute, relative, resolve } from 'node:path';
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { type Issue, UserError } from '../../base/errors.ts';
import { describe, isObject, readText } from './json.ts';

/** Values before they are checked, and where each stands. */
export interface Source {
  readonly value: unknown;
  /** The file's name without its extension. */
  readonly name: string;
  /** What relative paths in it are relative to. */
  readonly folder: string;
  place(path: readonly PropertyKey[], atKey?: boolean): Pick<Issue, 'file' | 'line' | 'column'>;
}

export interface ReadYamlOptions {
  readonly workingFolder: string;
  /** What to do when there is no such file. */
  readonly hint: string;
  /** Where the keys are explained. */
  readonly keysHint: string;
}

const SHOWN_ERRORS = 8;
/** A file that people write by hand is smaller, and shallower: deep ones keep the parser busy for minutes. */
const LONGEST_YAML = 1_000_000;
const DEEPEST_YAML = 100;
const stackedEntries = new RegExp(`(?:[-?:][ \\t]+){${DEEPEST_YAML},}`);

/** Throws UserError for a text that is longer, or whose brackets are nested deeper, than any file that is meant to be YAML. */
export function requireShallowYaml(text: string, file: string): void {
  if (text.length > LONGEST_YAML)
    throw new UserError({
      file,
      message: `expected at most ${LONGEST_YAML} characters, found ${text.length}`,
    });
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = Math.max(0, depth + (bracket === '[' || bracket === '{' ? 1 : -1));
    deepest = Math.max(deepest, depth);
  }
  if (deepest > DEEPEST_YAML || stackedEntries.test(text))
    throw new UserError({ file, message: `expected YAML nested at most ${DEEPEST_YAML} deep` });
}

/** @throws UserError when there is no file, it is not YAML, or it holds no keys and values. */
export function readYaml(file: string, { workingFolder, hint, keysHint }: ReadYamlOptions): Source {
  const path = resolve(workingFolder, file);
  const lines = new LineCounter();
  const shown = isAbsolute(file) ? file : relative(process.cwd(), path);
  const text = readText(shown, { hint });
  requireShallowYaml(text, file);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const place = (keys: readonly PropertyKey[], atKey = false) => at(offsetOf(document, keys, atKey));
  if (document.errors.length > 0) {
    const first = document.errors.slice(0, SHOWN_ERRORS);
    throw new UserError(first.map(({ message, pos }) => ({ ...at(pos[0]), message })));
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Aliases that multiply, or that name no anchor.
    throw new UserError({ file, message: error instanceof Error ? error.message : String(error) });
  }
  if (!isObject(value)) {
    throw new UserError({
      ...place([]),
      message: `expected keys and values, found ${value === null ? 'nothing' : describe(value)}`,
      hint: keysHint,
    });
  }
  return { value, name: basename(file, extname(file)), folder: dirname(path), place };
}

/** Where the value at `path` begins; for one that is not there, the key of the nearest value above it. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], atKey: boolean): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range[0] ?? 0;
  for (const [index, key] of path.entries()) {
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      if (pair === undefined || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else {
      node = document.getIn(path.slice(0, index + 1), true);
    }
    if (last && atKey) return offset;
    if (last && hasRange(node)) return node.range[0];
    if (hasRange(node) && !isMap(document.getIn(path.slice(0, index), true))) offset = node.range[0];
  }
  return offset;
}

function hasRange(node: unknown): node is { readonly range: readonly [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

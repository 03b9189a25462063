// Which modules PEFT adapts, and with what rank: the rules behind target_modules, exclude_modules, layers_to_transform,
// rank_pattern and alpha_pattern. Module paths are as PyTorch names them; reads no file.
// Source: PEFT 0.21, `check_target_module_exists` and `get_pattern_key` (behaviour).
import type { LayerSize } from './adapter.ts';

/** A list of names, each a module's whole path or its end; a string is one pattern for whole paths. */
export type ModuleNames = string | readonly string[];

export interface ModuleRules {
  readonly targetModules: ModuleNames;
  readonly excludeModules?: ModuleNames;
  /** Left out of the adapter because they are saved whole. */
  readonly modulesToSave: readonly string[];
  /** Only these numbers of layers; holds with a list of targets only, as in PEFT. */
  readonly layersToTransform?: readonly number[];
  /** The name before a layer's number; by default any. */
  readonly layersPattern?: readonly string[];
}

export interface SizeRules extends LayerSize {
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
}

/** What Python reads otherwise than JavaScript: named groups, inline flags, \A and \Z, possessive repeats. */
const pythonOnly = /\(\?(?:P|#|>|[aiLmsux])|\\[AZ]|[*+?}]\+/;

const LONGEST_PATTERN = 10_000;

/**
 * A Python pattern as a regular expression for whole strings.
 * @throws SyntaxError when it is not one, or is one that means something else here.
 */
export function pythonPattern(source: string): RegExp {
  if (pythonOnly.test(source)) throw new SyntaxError('a pattern in Python only syntax');
  // A longer one may be readable alone and too large where it is part of another.
  if (source.length > LONGEST_PATTERN) throw new SyntaxError('a pattern longer than any that names modules');
  return new RegExp(`^(?:${source})$`);
}

/** Whether PEFT puts an adapter on the module of this path. */
export function isTargeted(path: string, rules: ModuleRules): boolean {
  const { targetModules, excludeModules = [], modulesToSave, layersToTransform, layersPattern = [] } = rules;
  if (excludeModules.length > 0 && named(path, excludeModules)) return false;
  if (modulesToSave.some((module) => isWithin(path, module))) return false;
  if (typeof targetModules === 'string') return isAllLinear(targetModules) || named(path, targetModules);
  if (!named(path, targetModules)) return false;
  if (layersToTransform === undefined || layersToTransform.length === 0) return true;
  const number = layerNumber(path, layersPattern);
  return number !== undefined && layersToTransform.includes(number);
}

/** Whether a path is that of a module named in `modules_to_save`, or of one inside it. */
export function isWithin(path: string, module: string): boolean {
  return new RegExp(`^(?:.*\\.)?(?:${module})(?:\\..*)?$`).test(path);
}

/** The rank and alpha of the module of this path: those of the first pattern that fits its end, or the adapter's. */
export function sizeOf(path: string, { rank, alpha, rankPattern, alphaPattern }: SizeRules): LayerSize {
  return { rank: valueFor(path, rankPattern) ?? rank, alpha: valueFor(path, alphaPattern) ?? alpha };
}

function valueFor(path: string, patterns: Readonly<Record<string, number>>): number | undefined {
  return Object.entries(patterns).find(([pattern]) =>
    pythonPattern(`(?:.*\\.)?(?:${pattern})`).test(path),
  )?.[1];
}

function named(path: string, names: ModuleNames): boolean {
  if (typeof names === 'string') return pythonPattern(names).test(path);
  return names.some((name) => path === name || path.endsWith(`.${name}`));
}

function isAllLinear(pattern: string): boolean {
  return pattern.toLowerCase() === 'all-linear';
}

/** The first number in a path that stands after one of the names. */
function layerNumber(path: string, names: readonly string[]): number | undefined {
  const patterns = names.length === 0 ? ['.*?\\.[^.]*'] : names.map((name) => `(?:.*?\\.)?(?:${name})`);
  for (const pattern of patterns) {
    const match = new RegExp(`^${pattern}\\.(\\d+)\\.`).exec(path);
    if (match !== null) return Number(match.at(-1));
  }
  return undefined;
}

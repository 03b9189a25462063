// Where two JSON values differ, by the path of keys. Lists are compared whole. What may differ is the caller's business.
import { isObject } from './json.ts';

export interface ValueDifference {
  readonly path: readonly string[];
  /** Undefined where a side has no such key. */
  readonly first: unknown;
  readonly second: unknown;
}

/** In the order of the first value's keys, then those that only the second has; empty where the two are the same. */
export function valueDifferences(
  first: unknown,
  second: unknown,
  path: readonly string[] = [],
): readonly ValueDifference[] {
  if (isObject(first) && isObject(second)) {
    const keys = [...new Set([...Object.keys(first), ...Object.keys(second)])];
    const at = (value: Readonly<Record<string, unknown>>, key: string) =>
      Object.hasOwn(value, key) ? value[key] : undefined;
    return keys.flatMap((key) => valueDifferences(at(first, key), at(second, key), [...path, key]));
  }
  return JSON.stringify(first) === JSON.stringify(second) ? [] : [{ path, first, second }];
}

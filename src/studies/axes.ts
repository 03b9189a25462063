// What a study varies: axes with values, each value a few settings of the configuration and a name. Names become folders,
// so they are stable: one value's does not depend on the others.
import type { Issue } from '../base/errors.ts';
import type { ConfigOverride } from '../config/load.ts';
import { sha256 } from '../formats/files/files.ts';
import { isObject } from '../formats/records/json.ts';

export interface AxisValue {
  /** In folder names. */
  readonly slug: string;
  /** For people. */
  readonly text: string;
  readonly overrides: readonly ConfigOverride[];
}

export interface Axis {
  /** The last part of the key, or the name that the study gives it. */
  readonly label: string;
  readonly values: readonly AxisValue[];
}

type Place = Pick<Issue, 'file' | 'line' | 'column'>;

const longest = 40;

/** Letters, digits, dots and dashes; a long value is cut and told by its hash. */
export function slugOf(value: unknown): string {
  const text = textOf(value);
  const slug = text.replace(/[^\w.]+/g, '-').replace(/^-+|-+$/g, '');
  const exact = /^[\w.,: -]*$/.test(text) && slug !== '';
  if (exact && slug.length <= longest) return slug;
  return [slug.slice(0, longest - 9).replace(/-+$/, ''), sha256(text).slice(0, 8)].filter(Boolean).join('-');
}

/** A value as it is shown in tables. */
export function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return isObject(value) ? JSON.stringify(value) : String(value);
}

/** The settings in a mapping of keys, dotted or nested, as overrides of single keys. */
export function overridesIn(
  settings: Readonly<Record<string, unknown>>,
  place: (path: readonly string[]) => Place,
  prefix: readonly string[] = [],
  above: readonly string[] = [],
): readonly ConfigOverride[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    const path = [...prefix, ...key.split('.')];
    const inFile = [...above, key];
    if (isObject(value)) return overridesIn(value, place, path, inFile);
    return [{ path, value, label: path.join('.'), place: place(inFile) }];
  });
}

/** Every combination of one value per axis; the last axis changes fastest. */
export function combinations(axes: readonly Axis[]): readonly (readonly AxisValue[])[] {
  return axes.reduce<readonly (readonly AxisValue[])[]>(
    (rows, { values }) => rows.flatMap((row) => values.map((value) => [...row, value])),
    [[]],
  );
}

/** `rank-8_seed-0`; `run` where nothing is varied. */
export function nameOf(axes: readonly Axis[], values: readonly AxisValue[]): string {
  const parts = axes.map(({ label }, index) => `${slugOf(label)}-${values[index]?.slug ?? ''}`);
  return parts.length === 0 ? 'run' : parts.join('_');
}

/** Whether one path is the other or lies in it. */
export function overlap(first: readonly string[], second: readonly string[]): boolean {
  return first.slice(0, second.length).every((key, index) => key === second[index]);
}

// What a schema finds wrong, in words for people: what was expected and what was found, with a hint at the nearest key.
import type { z } from 'zod';
import type { Issue } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import { describe, isObject } from '../formats/records/json.ts';

/** Something wrong with a value, by its place among the keys. */
export interface ConfigProblem extends Pick<Issue, 'message' | 'hint'> {
  readonly path: readonly PropertyKey[];
  /** The key itself is wrong, not its value. */
  readonly atKey?: boolean;
}

export interface CheckedBy {
  readonly schema: z.ZodType;
  /** What can be missing and how it is given then, by key. */
  readonly given?: Readonly<Record<string, string>>;
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys and values',
};

/** @param value what the schema was given. */
export function problemsOf(
  issue: z.core.$ZodIssue,
  value: unknown,
  { schema, given: givenByUser = {} }: CheckedBy,
): readonly ConfigProblem[] {
  const { path } = issue;
  const found = describe(
    path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)?.[key], value),
  );
  const problem = (expected: string, hint?: string) => [
    { path, message: `${expected}, found ${found}`, hint },
  ];
  const given = givenByUser[path.join('.')];
  if (given !== undefined && found === 'nothing') return [{ path, message: 'is missing', hint: given }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        atKey: true,
        message: 'unknown key',
        hint: didYouMean(key, keysAt(schema, path)) ?? `known keys: ${keysAt(schema, path).join(', ')}`,
      }));
    case 'invalid_type': {
      const expected = typeNames[issue.expected] ?? issue.expected;
      const text = path.reduce<unknown>(
        (inner, key) => (inner as Record<PropertyKey, unknown>)?.[key],
        value,
      );
      const isListed = issue.expected === 'array' && typeof text === 'string';
      return problem(`expected ${expected}`, isListed ? `a list has brackets: [${text}]` : undefined);
    }
    case 'invalid_value': {
      const known = issue.values.map(String);
      const given = path.reduce<unknown>(
        (inner, key) => (inner as Record<PropertyKey, unknown>)?.[key],
        value,
      );
      return problem(`expected ${known.join(' or ')}`, didYouMean(String(given), known));
    }
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? problem(`expected at least ${issue.minimum} ${issue.origin === 'array' ? 'entry' : 'character'}`)
        : problem(`expected a number ${issue.inclusive ? 'of at least' : 'above'} ${issue.minimum}`);
    case 'too_big':
      return problem(`expected a number ${issue.inclusive ? 'of at most' : 'below'} ${issue.maximum}`);
    default:
      return problem(issue.message);
  }
}

/** The keys that the schema knows at `path`. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let section: unknown = schema;
  for (const key of path) {
    const shape = isObject(section) && isObject(section.shape) ? section.shape : {};
    section = unwrapped(shape[String(key)]);
  }
  return isObject(section) && isObject(section.shape) ? Object.keys(section.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  return isObject(schema) && typeof schema.unwrap === 'function' ? schema.unwrap() : schema;
}

/** `a.b[2]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

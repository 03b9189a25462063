import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UserError } from './errors.ts';
import { clipped, shown } from './shown.ts';

describe('a value in a message', () => {
  it.each([
    [undefined, 'nothing'],
    [null, 'null'],
    [1.5, '1.5'],
    ['a "b"', '"a \\"b\\""'],
    [[1, [2, [3, [4]]], {}], '[1,[2,[3,[…]]],{}]'],
    [{ a: [] }, '{"a":[]}'],
  ])('%j', (value, text) => expect(shown(value)).toBe(text));

  it('is short, however long, wide or deep it is', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { deep };
    expect(shown(deep)).toBe('{"deep":[{"deep":[…]}]}');
    expect(shown('x'.repeat(1e6))).toHaveLength(60);
    expect(shown(Array(1e6).fill(1))).toBe('[1,1,1,1,1,1,1,1,…]');
    fc.assert(fc.property(fc.anything(), (value) => shown(value).length <= 60));
  });

  it('loses the middle or the end of a text', () => {
    expect(clipped('0123456789', 10)).toBe('0123456789');
    expect(clipped('0123456789', 5)).toBe('01…89');
    expect(clipped('0123456789', 5, { keepEnd: false })).toBe('0123…');
  });
});

it('bounds every message of an error, and the field that it names', () => {
  const long = 'y'.repeat(10_000);
  const error = new DataError({ file: 'f.json', field: long, message: long });
  expect(error.message.length).toBeLessThanOrEqual(300);
  expect(error.issues[0]?.message.length).toBeLessThanOrEqual(300);
  expect(new UserError(long).message.length).toBeLessThanOrEqual(300);
});

// Golden values: CPython 3.11.7.
import { describe, expect, it } from 'vitest';
import { greatestLikePython, leastLikePython, parseFloatLikePython, splitWords, strip } from './python.ts';

describe("Python's float (reference.md, Scorers)", () => {
  it.each([
    ['0.5', 0.5],
    ['.5', 0.5],
    ['5.', 5],
    ['+1e-1', 0.1],
    [' 0.4\t', 0.4],
    ['\u3000 0.2\x1c', 0.2],
    ['0.1_0', 0.1],
    ['1_000', 1000],
    ['०.५', 0.5],
    ['𝟏𝟐', 12],
    ['infinity', Infinity],
    ['-INF', -Infinity],
    ['nan', Number.NaN],
    ['1e999', Infinity],
    ['-0', -0],
  ])('takes %j', (text, value) => {
    expect(parseFloatLikePython(text)).toBe(value);
  });

  it.each([
    '',
    ' ',
    '.',
    '0x1',
    '1__0',
    '_1',
    '1_',
    '1_.0',
    '1e',
    '1 2',
    'x',
    '1,0',
    '²',
    '½',
    'infinit',
    '\uFEFF1',
  ])('refuses %j', (text) => {
    expect(parseFloatLikePython(text)).toBeUndefined();
  });
});

it("splits and strips at Python's white space", () => {
  expect(strip('\x85 \x1f\uFEFFx\u2029')).toBe('\uFEFFx');
  expect(splitWords('\x1ca\u00a0 b\x85')).toEqual(['a', 'b']);
});

it('compares NaN by order', () => {
  expect(leastLikePython(1, Number.NaN)).toBe(1);
  expect(leastLikePython(Number.NaN, 1)).toBeNaN();
  expect(greatestLikePython(0, Number.NaN)).toBe(0);
  expect(greatestLikePython(Number.NaN, 0)).toBeNaN();
});

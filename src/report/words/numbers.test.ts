// How figures are written, at the edges: nothing there, nothing left, rounding to zero.
import { expect, test } from 'vitest';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatScore,
  formatShort,
} from './numbers.ts';

test('what is not there is a dash and never a zero', () => {
  for (const format of [formatScore, formatShort, formatChange]) {
    expect(format(undefined)).toBe('–');
    expect(format(Number.NaN)).toBe('–');
  }
  expect(formatCount(Number.NaN)).toBe('–');
  expect(formatDuration(-1)).toBe('–');
});

test('scores have two decimals, ties to even as the metrics print them', () => {
  expect(formatScore(3.125)).toBe('3.12');
  expect(formatScore(100)).toBe('100.00');
  expect(formatShort(62.349)).toBe('62.3');
});

test('changes carry their sign, and none when they round to nothing', () => {
  expect(formatChange(-31.24)).toBe('−31.24');
  expect(formatChange(4.2)).toBe('+4.20');
  expect(formatChange(0)).toBe('0.00');
  expect(formatChange(-0.001)).toBe('0.00');
  expect(formatChange(0.001)).toBe('0.00');
  expect(formatChange(-0.04, 1)).toBe('0.0');
  expect(formatChange(-12.06, 1)).toBe('−12.1');
});

test('durations', () => {
  expect([0.04, 9.94, 59.4, 59.6, 71.4, 3599.7, 7800].map(formatDuration)).toEqual([
    '0.0 s',
    '9.9 s',
    '59 s',
    '1 min 00 s',
    '1 min 11 s',
    '1 h 00 min',
    '2 h 10 min',
  ]);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 KB'],
  [13_480_000_000, '13.5 GB'],
  [999_960, '1.00 MB'],
  [123_456_789, '123 MB'],
])('formatBytes(%d) is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

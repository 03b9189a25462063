// What is written reads back; what spreadsheets write is read.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseCsv, toCsv } from './csv.ts';

it('reads back what it writes', () => {
  const cell = fc.string().filter((text) => !/^[=+\-@\t\r]/.test(text));
  const row = fc.array(cell, { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
      // A first line without a comma in its first cell decides on the comma.
      const table = [['unit', 'score'], ...rows];
      expect(parseCsv(toCsv(table), 'x.csv')).toEqual(table);
    }),
  );
});

it.each([
  [
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    '\uFEFFa;b\r\n1,5;2\r\n',
    [
      ['a', 'b'],
      ['1,5', '2'],
    ],
  ],
  [
    'a,b\n"x ""y""\nz",\n\n',
    [
      ['a', 'b'],
      ['x "y"\nz', ''],
    ],
  ],
  [
    'a,b\n1,',
    [
      ['a', 'b'],
      ['1', ''],
    ],
  ],
])('%j', (text, rows) => {
  expect(parseCsv(text, 'x.csv')).toEqual(rows);
});

it('takes the force out of formulas', () => {
  expect(toCsv([['=1+1', '@x', '-2', '+3', 'a=b']])).toBe("'=1+1,'@x,'-2,'+3,a=b\r\n");
});

it('names the file of a quote that is left open', () => {
  expect(() => parseCsv('a,"b', 'x.csv')).toThrow('x.csv:1: a quote is left open');
});

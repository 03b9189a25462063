// Tables as CSV (RFC 4180): for sheets that people fill in with a spreadsheet.
import { DataError } from '../../base/errors.ts';

/** Text that a spreadsheet would take for a formula gets an apostrophe in front, as spreadsheets themselves write it. */
export function toCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
}

function quoted(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** Rows of cells. Commas or, where the first line has no comma, semicolons. Throws DataError for a quote that is left open. */
export function parseCsv(text: string, file: string): readonly (readonly string[])[] {
  const source = text.replace(/^\uFEFF/, '');
  const separator = /^[^\r\n,]*;/.test(source) ? ';' : ',';
  const rows: string[][] = [];
  let row: string[] = [];
  let place = 0;
  while (place < source.length) {
    let cell = '';
    if (source[place] === '"') {
      const end = closingQuote(source, place + 1);
      if (end === -1) throw new DataError({ file, line: rows.length + 1, message: 'a quote is left open' });
      cell = source.slice(place + 1, end).replaceAll('""', '"');
      place = end + 1;
    }
    const rest = /[,;\r\n]/g;
    rest.lastIndex = place;
    let next = rest.exec(source);
    while (next !== null && /[,;]/.test(next[0]) && next[0] !== separator) next = rest.exec(source);
    const end = next?.index ?? source.length;
    row.push(cell + source.slice(place, end));
    place = end + 1;
    if (next?.[0] === separator) {
      if (place === source.length) row.push('');
      continue;
    }
    if (next?.[0] === '\r' && source[place] === '\n') place++;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

function closingQuote(source: string, start: number): number {
  for (let place = source.indexOf('"', start); place !== -1; place = source.indexOf('"', place + 2)) {
    if (source[place + 1] !== '"') return place;
  }
  return -1;
}

// Tables of plain text: padded columns, split into blocks where the terminal is too narrow, cells on a colour scale.
// Knows widths and colours, nothing of what the tables are about.

export interface GridCell {
  readonly text: string;
  /** 0 to 1: the place on the colour scale. Without it the cell has no background. */
  readonly level?: number;
  readonly style?: 'bold' | 'dim';
}

export interface GridColumn {
  readonly heading: string;
  readonly align?: 'left' | 'right';
}

export interface GridOptions {
  readonly width: number;
  readonly color: boolean;
  /** A rule is drawn before the rows with these numbers. */
  readonly ruleBefore?: readonly number[];
}

/**
 * Lines of a table. The first column is repeated in front of every block of columns that the width divides it into.
 * A table whose first two columns are wider than `width` is wider than `width`: nothing is cut.
 */
export function renderGrid(
  columns: readonly GridColumn[],
  rows: readonly (readonly GridCell[])[],
  { width, color, ruleBefore = [] }: GridOptions,
): readonly string[] {
  const widths = columns.map(({ heading }, column) =>
    Math.max(textWidth(heading), ...rows.map((row) => textWidth(row[column]?.text ?? ''))),
  );
  // Columns move closer together before the table is split.
  const gap = blocks(widths, width, 2).length > blocks(widths, width, 1).length ? 1 : 2;
  return blocks(widths, width, gap).flatMap((shown, block) => {
    const total = shown.reduce((sum, column) => sum + (widths[column] ?? 0) + gap, -gap);
    const headings = shown.map((column) => {
      const { heading = '', align = 'right' } = columns[column] ?? {};
      return style(pad(heading, widths[column] ?? 0, align), 'dim', color);
    });
    const body = rows.flatMap((row, index) => {
      const cells = shown.map((column) => {
        const cell = row[column] ?? { text: '' };
        return paint(cell, pad(cell.text, widths[column] ?? 0, columns[column]?.align ?? 'right'), color);
      });
      const line = cells.join(' '.repeat(gap)).trimEnd();
      return ruleBefore.includes(index) ? [style('\u2500'.repeat(total), 'dim', color), line] : [line];
    });
    const lines = [headings.join(' '.repeat(gap)).trimEnd(), ...body];
    return block === 0 ? lines : ['', ...lines];
  });
}

/** Column numbers per block; each begins with column 0. */
function blocks(widths: readonly number[], width: number, gap: number): readonly (readonly number[])[] {
  const first = widths[0] ?? 0;
  const result: number[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (let column = 1; column < widths.length; column++) {
    const needed = gap + (widths[column] ?? 0);
    if (used + needed > width) {
      result.push([0]);
      used = first;
    }
    result.at(-1)?.push(column);
    used += needed;
  }
  return result.length === 0 ? [[0]] : result;
}

export { printable } from '../../base/printable.ts';

/** Wraps words at `width`; continued lines are indented. */
export function wrap(text: string, width: number, indent = ''): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

export function style(text: string, kind: 'bold' | 'dim', color: boolean): string {
  return color ? `\u001b[${kind === 'bold' ? 1 : 2}m${text}\u001b[22m` : text;
}

export function pad(text: string, width: number, align: 'left' | 'right'): string {
  const fill = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'left' ? text + fill : fill + text;
}

/** Columns a text takes: code points, with East Asian wide ones and emoji as two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text.normalize('NFC')) {
    if (/\p{M}|\u200d|\ufe0f/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}

/** Dark indigo over teal to pale yellow, out of the 6 × 6 × 6 cube that every 256-colour terminal has. */
const scale = [17, 18, 24, 25, 31, 37, 73, 79, 115, 151, 187];

function paint(cell: GridCell, padded: string, color: boolean): string {
  if (!color) return padded;
  if (cell.level !== undefined) {
    const step = Math.round(Math.min(1, Math.max(0, cell.level)) * (scale.length - 1));
    const background = scale[step] ?? 17;
    const ink = step < 5 ? 231 : 16;
    return `\u001b[48;5;${background};38;5;${ink}m${padded}\u001b[39;49m`;
  }
  return cell.style === undefined ? padded : style(padded, cell.style, true);
}

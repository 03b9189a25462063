// Any value in a few characters, for messages: depth, length and total are bounded, whatever was read from a damaged file.
// The only way in which messages show values; what is not shown is marked by an ellipsis.

const ELLIPSIS = '…';
const MOST_DEPTH = 3;
const MOST_ENTRIES = 8;

/** A value as JSON would write it, at most `length` characters; `nothing` for undefined. */
export function shown(value: unknown, { length = 60 }: { readonly length?: number } = {}): string {
  return clipped(written(value, MOST_DEPTH, length), length, { keepEnd: false });
}

/** A text of at most `length` characters: its middle is left out, or its end. */
export function clipped(
  text: string,
  length: number,
  { keepEnd = true }: { readonly keepEnd?: boolean } = {},
): string {
  if (text.length <= length) return text;
  const end = keepEnd ? Math.floor((length - 1) / 2) : 0;
  return `${text.slice(0, length - 1 - end)}${ELLIPSIS}${end === 0 ? '' : text.slice(-end)}`;
}

function written(value: unknown, depth: number, length: number): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    // Cut before it is quoted: quoting a text of gigabytes would take as many again.
    return value.length > length
      ? `${JSON.stringify(value.slice(0, length)).slice(0, -1)}${ELLIPSIS}"`
      : JSON.stringify(value);
  }
  if (typeof value !== 'object' || value === null) return String(value);
  const isList = Array.isArray(value);
  const count = isList ? value.length : Object.keys(value).length;
  if (depth === 0) return count === 0 ? (isList ? '[]' : '{}') : isList ? `[${ELLIPSIS}]` : `{${ELLIPSIS}}`;
  const inner = isList
    ? value.slice(0, MOST_ENTRIES).map((entry) => written(entry, depth - 1, length))
    : Object.entries(value)
        .slice(0, MOST_ENTRIES)
        .map(([key, entry]) => `${written(key, 0, length)}:${written(entry, depth - 1, length)}`);
  const all = [...inner, ...(count > MOST_ENTRIES ? [ELLIPSIS] : [])].join(',');
  return isList ? `[${all}]` : `{${all}}`;
}

// The rules of Python's str and float that the reference scorers rest on, where JavaScript's differ.
// Checked against CPython 3.11.

const space = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const spaceBefore = new RegExp(`^[${space}]+`);
const oneSpace = new RegExp(`[${space}]`);
const anySpace = new RegExp(`[${space}]+`);

/** `text.strip()`: unlike `trim` it takes the separators U+001C..U+001F and U+0085, and leaves U+FEFF. */
export function strip(text: string): string {
  let end = text.length;
  while (end > 0 && oneSpace.test(text.charAt(end - 1))) end--;
  return text.slice(0, end).replace(spaceBefore, '');
}

/**
 * `text.rstrip(characters)`. A loop, as a pattern such as /[.]+$/ looks from every full stop to the end of its row, which
 * takes for ever in a long text.
 */
export function stripEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** `text.split()`: the words between white space, no empty ones. */
export function splitWords(text: string): readonly string[] {
  return text.split(anySpace).filter((word) => word !== '');
}

/** What `\w` matches in a Python pattern of type str: letters and numbers of any script, and the underscore. */
export const wordCharacter = '[\\p{L}\\p{N}_]';

/** What nearly every number looks like; it needs none of the rules below. */
const plainNumber = /^ ?-?\d+(?:\.\d+)?$/;

/**
 * `float(text)`: surrounding white space, digits of any script, underscores between digits, `inf` and `nan` are
 * accepted; hexadecimal and an empty string are not.
 * @returns undefined where Python raises ValueError.
 */
export function parseFloatLikePython(text: string): number | undefined {
  if (plainNumber.test(text)) return Number(text);
  const plain = strip(text.replace(/\p{Nd}/gu, asciiDigit));
  const special = /^([+-]?)(?:(inf|infinity)|nan)$/i.exec(plain);
  if (special !== null) {
    return special[2] === undefined ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
  }
  const number = /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
  return number.test(plain) ? Number(plain.replaceAll('_', '')) : undefined;
}

/** Unicode encodes every script's decimal digits as unbroken tens starting at zero. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let start = code;
  while (/^\p{Nd}$/u.test(String.fromCodePoint(start - 1))) start--;
  return String((code - start) % 10);
}

/** `min(first, second)` for floats: the first unless the second is smaller, so NaN depends on the order, unlike Math.min. */
export function leastLikePython(first: number, second: number): number {
  return second < first ? second : first;
}

/** `max(first, second)` for floats: the first unless the second is larger. */
export function greatestLikePython(first: number, second: number): number {
  return second > first ? second : first;
}

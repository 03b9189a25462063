// What `JSON.parse` leaves open: how deep a text may be nested, and where it breaks when it was refused, as Node's own
// message carries no position for short or truncated text. Not a parser.
import { counted } from '../../base/small.ts';

/** Deeper than any file that is read here, and shallow enough for every function that recurses over a value. */
export const DEEPEST_JSON = 200;

/** The value of a text. Throws SyntaxError where it is not JSON, or is nested deeper than `DEEPEST_JSON`. */
export function parseJsonText(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (isTooDeep(text)) throw new SyntaxError(TOO_DEEP);
  return value;
}

const TOO_DEEP = `JSON syntax: brackets nested deeper than ${DEEPEST_JSON}`;

/** Whether valid JSON is nested too deep. Brackets in texts do not count. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) {
      for (i++; text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > DEEPEST_JSON) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}

export interface JsonSyntaxError {
  readonly message: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  /** The text ends where more was needed. */
  readonly atEnd: boolean;
}

const controlCharacters = String.raw`\u0000-\u001f`;
const stringBody = String.raw`"(?:[^"\\${controlCharacters}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*`;
const openString = new RegExp(stringBody, 'y');
const stringToken = new RegExp(`${stringBody}"`, 'y');
const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])/y;
const wordToken = /(?:true|false|null)(?!\w)/y;

type Expectation = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or ]' | ', or }' | 'end';

/** The first place where `text` stops being JSON, or is nested too deep; undefined when it is neither. Linear in time, no recursion. */
export function findJsonSyntaxError(text: string): JsonSyntaxError | undefined {
  const open: ('[' | '{')[] = [];
  let expected: Expectation = 'value';
  let offset = 0;

  const afterValue = (): Expectation => {
    const container = open[open.length - 1];
    return container === undefined ? 'end' : container === '[' ? ', or ]' : ', or }';
  };
  const match = (token: RegExp): boolean => {
    token.lastIndex = offset;
    const matched = token.exec(text);
    if (matched !== null) offset += matched[0].length;
    return matched !== null;
  };

  for (;;) {
    match(/[ \t\r\n]*/y);
    const character = text[offset];
    if (character === undefined) {
      return expected === 'end' ? undefined : errorAt(text, offset, expected, open.length);
    }
    if (open.length > DEEPEST_JSON) return { ...errorAt(text, offset, expected, 1), message: TOO_DEEP };
    const closes = character === ']' || character === '}';
    if (closes && expected.endsWith(character)) {
      open.pop();
      offset++;
      expected = afterValue();
    } else if (character === ',' && expected.startsWith(',')) {
      offset++;
      expected = expected === ', or ]' ? 'value' : 'name';
    } else if (character === ':' && expected === ':') {
      offset++;
      expected = 'value';
    } else if (expected.startsWith('name') && match(stringToken)) {
      expected = ':';
    } else if (expected.startsWith('value') && (character === '[' || character === '{')) {
      open.push(character);
      offset++;
      expected = character === '[' ? 'value or ]' : 'name or }';
    } else if (
      expected.startsWith('value') &&
      (match(stringToken) || match(numberToken) || match(wordToken))
    ) {
      expected = afterValue();
    } else {
      return errorAt(text, offset, expected, open.length);
    }
  }
}

function errorAt(text: string, start: number, expected: Expectation, depth: number): JsonSyntaxError {
  let offset = start;
  let what = `expected ${expected === 'end' ? 'the end of the file' : expected}`;
  if (text[start] === '"' && !expected.startsWith(',') && expected !== ':' && expected !== 'end') {
    // The value is a string that breaks inside: point at the break.
    openString.lastIndex = start;
    offset = start + (openString.exec(text)?.[0].length ?? 0);
    // An escape cut off by the end of the text is a truncation, not a bad escape.
    if (/^\\(?:u[0-9a-fA-F]{0,3})?$/.test(text.slice(offset))) offset = text.length;
    what = text[offset] === '\\' ? 'bad escape in a string' : 'unfinished string';
  }
  const atEnd = offset >= text.length;
  const found = atEnd
    ? depth === 0
      ? 'the file is empty or ends here'
      : `the file ends here with ${counted(depth, 'bracket')} open`
    : foundAt(text, offset);
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return {
    message: `JSON syntax: ${what}, ${found}`,
    line: before.split('\n').length,
    column: offset - lineStart + 1,
    atEnd,
  };
}

/** Where something else was expected at `offset`, which is before the end of the text. */
export function unexpectedJson(text: string, offset: number, expected: string): string {
  return `JSON syntax: expected ${expected}, ${foundAt(text, offset)}`;
}

function foundAt(text: string, offset: number): string {
  return `found ${JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0))}`;
}

// JSON files that are too large to hold: the elements of one array, the members of one object, or the lines of JSONL, one
// at a time. The file is read in pieces and each element is parsed on its own; what an element means is the caller's schema.
import { DataError, UserError } from '../../base/errors.ts';
import { readChunks, withByteSource } from '../files/file-bytes.ts';
import { type JsonRow, jsonSyntaxError, parseJson, type ReadOptions } from './json.ts';
import { parseJsonText } from './json-syntax.ts';

export interface JsonElement {
  /** Counts from 1. */
  readonly row: number;
  /** The member's name where an object is read, otherwise the empty string. */
  readonly key: string;
  readonly value: unknown;
  /** Where the value begins in the file. */
  readonly line: number;
  /** Its bytes in the file, to be read again with `readJsonValue`. */
  readonly offset: number;
  readonly length: number;
}

export interface JsonStreamOptions extends ReadOptions {
  /** The member of the file's object that holds the elements, e.g. `questions`; the whole file without it. */
  readonly member?: string;
  /** Bytes read at a time. */
  readonly chunkBytes?: number;
}

/**
 * The elements in file order. Memory is that of the largest element, and of the largest member passed over.
 * @throws UserError when the file is missing; DataError with line and column where the syntax breaks, and when there
 * is neither an array nor an object at the place. What follows the elements of `member` is not read.
 */
export function* streamJson(file: string, options: JsonStreamOptions = {}): Generator<JsonElement> {
  const { member, hint, chunkBytes = 1 << 20 } = options;
  const cursor = new Cursor(file, withHint(hint, readChunks(file, chunkBytes)), chunkBytes);
  try {
    if (member !== undefined) {
      cursor.open('{');
      if (!cursor.findMember(member)) {
        throw new DataError({ message: 'expected an array, found nothing', file, field: member, hint });
      }
    }
    yield* cursor.elements(member);
    if (member === undefined) cursor.end();
  } finally {
    cursor.close();
  }
}

/** The value in a range of bytes that `streamJson` gave. */
export function readJsonValue(file: string, offset: number, length: number): unknown {
  const bytes = withByteSource(file, 'a JSON file', (source) => source.read(offset, length));
  return parseJson(new TextDecoder().decode(bytes), file);
}

/**
 * The values of a JSONL file as they are read; blank lines are passed over but counted.
 * @throws UserError when the file is missing; DataError with line and column where the syntax breaks.
 */
export function* streamJsonLines(file: string, options: JsonStreamOptions = {}): Generator<JsonRow> {
  let row = 0;
  for (const line of streamLines(file, options)) {
    row++;
    const text = row === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() === '') continue;
    let value: unknown;
    try {
      value = parseJsonText(text);
    } catch {
      throw jsonSyntaxError(text, file, { line: row });
    }
    yield { row, value };
  }
}

function* streamLines(file: string, { hint, chunkBytes = 1 << 20 }: JsonStreamOptions): Generator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let row = 1;
  let carry: Uint8Array = new Uint8Array();
  const decoded = (bytes: Uint8Array) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new DataError({ message: 'not UTF-8 text', file, line: row });
    }
  };
  for (const chunk of withHint(hint, readChunks(file, chunkBytes))) {
    const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
      yield decoded(bytes.subarray(start, end));
      row++;
      start = end + 1;
    }
    carry = bytes.subarray(start);
  }
  if (carry.length > 0) yield decoded(carry);
}

/** A file that cannot be opened is the user's mistake, and the hint says where it comes from. */
function* withHint<T>(hint: string | undefined, source: Generator<T, void>): Generator<T, void> {
  try {
    yield* source;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new UserError(error.issues.map((issue) => ({ ...issue, hint })));
  }
}

const code = (character: string) => character.charCodeAt(0);
const [quote, backslash, comma, colon, newline] = [code('"'), code('\\'), code(','), code(':'), 10];
const closing: Readonly<Record<string, string>> = { '[': ']', '{': '}' };
const endOfFile = -1;

function isSpace(byte: number): boolean {
  return byte === 32 || byte === newline || byte === 13 || byte === 9;
}

/** A place in the file, and the bytes from there to where the file was read. */
class Cursor {
  readonly #file: string;
  readonly #chunkBytes: number;
  readonly #reader: Generator<Uint8Array, void>;
  #window: Uint8Array;
  #start = 0;
  /** Bytes of the file before the window. */
  #before = 0;
  /** The line of the byte at `#start`, counting from 1. */
  #line = 1;
  #column = 1;

  constructor(file: string, reader: Generator<Uint8Array, void>, chunkBytes: number) {
    this.#file = file;
    this.#chunkBytes = chunkBytes;
    this.#reader = reader;
    this.#window = this.#reader.next().value ?? new Uint8Array();
    if (this.#window[0] === 0xef && this.#window[1] === 0xbb && this.#window[2] === 0xbf) this.#start = 3;
  }

  close(): void {
    this.#reader.return();
  }

  /** Steps over a bracket or mark that must come next. */
  open(mark: '{' | '[' | ':'): void {
    if (this.#peek() !== code(mark)) throw this.#unexpected(mark);
    this.#advance(this.#start + 1);
  }

  end(): void {
    if (this.#peek() !== endOfFile) throw this.#unexpected('the end of the file');
  }

  /** From behind an opening brace to the value of the member. */
  findMember(name: string): boolean {
    for (let first = true; ; first = false) {
      if (this.#closesOrSeparates('}', first)) return false;
      const key = this.#name();
      this.open(':');
      if (key === name) return true;
      this.#value();
    }
  }

  *elements(member: string | undefined): Generator<JsonElement> {
    const bracket = String.fromCharCode(Math.max(0, this.#peek()));
    const close = closing[bracket];
    if (close === undefined) {
      if (member === undefined) throw this.#unexpected('[ or {');
      throw new DataError({ message: 'expected an array or an object', file: this.#file, field: member });
    }
    this.#advance(this.#start + 1);
    for (let row = 1; ; row++) {
      if (this.#closesOrSeparates(close, row === 1)) return;
      let key = '';
      if (bracket === '{') {
        key = this.#name();
        this.open(':');
      }
      this.#peek();
      const [line, offset] = [this.#line, this.#before + this.#start];
      const value = this.#value();
      yield { row, key, value, line, offset, length: this.#before + this.#start - offset };
    }
  }

  /** True behind the closing bracket; otherwise stands at the next element. */
  #closesOrSeparates(close: string, first: boolean): boolean {
    const byte = this.#peek();
    if (byte === code(close)) {
      this.#advance(this.#start + 1);
      return true;
    }
    if (first) return false;
    if (byte !== comma) throw this.#unexpected(`, or ${close}`);
    this.#advance(this.#start + 1);
    return false;
  }

  #name(): string {
    if (this.#peek() !== quote) throw this.#unexpected('name');
    return this.#value() as string;
  }

  /** The value that comes next, parsed. */
  #value(): unknown {
    const byte = this.#peek();
    if (byte === comma || byte === colon || byte === code(']') || byte === code('}') || byte === endOfFile) {
      throw this.#unexpected('value');
    }
    const end = this.#endOfValue();
    const text = this.#text(end);
    let value: unknown;
    try {
      value = parseJsonText(text);
    } catch {
      throw this.#syntaxError(text);
    }
    this.#advance(end);
    return value;
  }

  /** The index behind the value at `#start`, or behind the last byte of the file when it does not end. */
  #endOfValue(): number {
    let depth = 0;
    let inString = false;
    for (let index = this.#start; ; index++) {
      if (index >= this.#window.length) {
        const shifted = this.#refill();
        if (shifted === undefined) return index;
        index -= shifted;
      }
      const byte = this.#window[index] as number;
      if (inString) {
        if (byte === backslash) index++;
        else if (byte === quote) {
          inString = false;
          if (depth === 0) return index + 1;
        }
      } else if (byte === quote) {
        inString = true;
      } else if (byte === 0x7b || byte === 0x5b) {
        depth++;
      } else if (byte === 0x7d || byte === 0x5d) {
        if (depth === 0) return index;
        if (--depth === 0) return index + 1;
      } else if (depth === 0 && (byte === comma || isSpace(byte))) {
        return index;
      }
    }
  }

  /** The next byte that is not white space, which stays the next one. */
  #peek(): number {
    let index = this.#start;
    for (;;) {
      if (index >= this.#window.length) {
        this.#advance(index);
        if (this.#refill() === undefined) return endOfFile;
        index = this.#start;
      }
      const byte = this.#window[index] as number;
      if (!isSpace(byte)) {
        this.#advance(index);
        return byte;
      }
      index++;
    }
  }

  #advance(to: number): void {
    const end = Math.min(to, this.#window.length);
    let lineStart = -1;
    for (let index = this.#start; index < end; index++) {
      if (this.#window[index] !== newline) continue;
      this.#line++;
      lineStart = index + 1;
    }
    this.#column = lineStart === -1 ? this.#column + end - this.#start : end - lineStart + 1;
    this.#start = end;
  }

  /** Reads on; `#start` becomes 0. How far bytes moved to the front, or undefined at the end of the file. */
  #refill(): number | undefined {
    const kept = this.#window.subarray(this.#start);
    // A long element is read in growing pieces, so that its bytes are not copied over and over.
    const chunks: Uint8Array[] = [kept];
    let added = 0;
    do {
      const next = this.#reader.next();
      if (next.done === true) break;
      chunks.push(next.value);
      added += next.value.length;
    } while (added < Math.max(this.#chunkBytes, kept.length));
    if (added === 0) return undefined;
    const shifted = this.#start;
    this.#before += shifted;
    this.#window = Buffer.concat(chunks);
    this.#start = 0;
    return shifted;
  }

  #text(end: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.#window.subarray(this.#start, end));
    } catch {
      throw new DataError({
        message: 'not UTF-8 text',
        file: this.#file,
        line: this.#line,
        column: this.#column,
      });
    }
  }

  #unexpected(expected: string): DataError {
    const rest = this.#window.subarray(this.#start, this.#start + 80);
    if (rest.length > 0) return this.#syntaxError(new TextDecoder().decode(rest), expected);
    return new DataError({
      message: `JSON syntax: expected ${expected}, the file is empty or ends here`,
      file: this.#file,
      line: this.#line,
      column: this.#column,
      hint: 'the file ends too early: fetch or write it again',
    });
  }

  #syntaxError(text: string, expected?: string): DataError {
    return jsonSyntaxError(text, this.#file, { line: this.#line, column: this.#column, expected });
  }
}

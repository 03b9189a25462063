// A reader of Python pickles that builds plain values and nothing else: no code runs, no object is looked up. A global
// is whatever the caller says it is, or refused by name. Bounded in time and memory by the length of the pickle.
// Source: the comments of Python's pickletools (protocols 0 to 5, the opcodes that plain data needs).
import { DataError } from '../../base/errors.ts';
import type { ByteSource } from '../files/file-bytes.ts';

/** A value of the caller's own making, passed through untouched. */
export abstract class PickleObject {}

/** What a global stands for: something that is called, or only named. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    /** Makes the object of a call; absent for what may be named but not called. */
    readonly call?: (args: readonly PickleValue[]) => PickleValue,
  ) {}
}

export class PickleList {
  readonly items: PickleValue[] = [];
}

export type PickleDictionary = Map<PickleValue, PickleValue>;

/** Tuples are arrays, lists are PickleList. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PickleValue[]
  | PickleList
  | PickleDictionary
  | PickleGlobal
  | PickleObject;

export interface PickleOptions {
  readonly source: ByteSource;
  /** Where the pickle begins and the last byte it may use; by default all of the source. */
  readonly start?: number;
  readonly end?: number;
  /** By `module.name`; undefined refuses it. */
  readonly global?: (name: string) => PickleGlobal | undefined;
  /** What a persistent id (a reference to something outside the pickle) stands for; undefined refuses it. */
  readonly persistent?: (id: PickleValue) => PickleValue | undefined;
  /** What the file should be, for errors; by default a checkpoint. */
  readonly expected?: string;
  /** The most operations it may take. */
  readonly operations?: number;
  /** Given the state of an object that the caller made; gives back whether that is fine. By default it is not. */
  readonly build?: (object: PickleValue, state: PickleValue) => boolean;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** Where the next pickle of the same source would begin. */
  readonly end: number;
}

/** A checkpoint of ten thousand tensors takes some 400000. */
const MAX_OPERATIONS = 2_000_000;
const MAX_STRING_BYTES = 1_000_000;
const MAX_NAME_BYTES = 1000;
const CHUNK_BYTES = 1 << 16;
const STOP = 0x2e;

export function isTuple(value: PickleValue | undefined): value is readonly PickleValue[] {
  return Array.isArray(value);
}

/**
 * Reads one pickle.
 *
 * @throws DataError naming the file: a global or an operation that is refused, or damage, with the byte.
 */
export function readPickle(options: PickleOptions): Unpickled {
  return new Unpickler(options).read();
}

class Unpickler {
  /** By opcode. */
  static readonly #operations: Readonly<Record<number, (machine: Unpickler) => void>> = {
    128: (m) => m.#protocol(m.#unsigned(1)), // PROTO
    149: (m) => m.#frame(m.#unsigned(8)), // FRAME
    40: (m) => m.#mark(), // MARK
    48: (m) => m.#pop(), // POP
    49: (m) => m.#sinceMark(), // POP_MARK
    50: (m) => m.#push(m.#top()), // DUP
    78: (m) => m.#push(null), // NONE
    136: (m) => m.#push(true), // NEWTRUE
    137: (m) => m.#push(false), // NEWFALSE
    74: (m) => m.#push(m.#unsigned(4) | 0), // BININT
    75: (m) => m.#push(m.#unsigned(1)), // BININT1
    77: (m) => m.#push(m.#unsigned(2)), // BININT2
    138: (m) => m.#push(m.#long(m.#unsigned(1))), // LONG1
    73: (m) => m.#push(m.#integerLine()), // INT
    76: (m) => m.#push(m.#integerLine()), // LONG
    70: (m) => m.#push(m.#floatLine()), // FLOAT
    71: (m) => m.#push(m.#take(8).getFloat64(0, false)), // BINFLOAT
    88: (m) => m.#push(m.#text(m.#unsigned(4))), // BINUNICODE
    84: (m) => m.#push(m.#text(m.#unsigned(4))), // BINSTRING
    140: (m) => m.#push(m.#text(m.#unsigned(1))), // SHORT_BINUNICODE
    85: (m) => m.#push(m.#text(m.#unsigned(1))), // SHORT_BINSTRING
    83: (m) => m.#push(m.#quotedLine()), // STRING
    86: (m) => m.#push(m.#escapedLine()), // UNICODE
    66: (m) => m.#push(m.#bytes(m.#unsigned(4))), // BINBYTES
    67: (m) => m.#push(m.#bytes(m.#unsigned(1))), // SHORT_BINBYTES
    93: (m) => m.#push(new PickleList()), // EMPTY_LIST
    108: (m) => m.#push(m.#list(m.#sinceMark())), // LIST
    97: (m) => m.#append([m.#pop()]), // APPEND
    101: (m) => m.#append(m.#sinceMark()), // APPENDS
    41: (m) => m.#push([]), // EMPTY_TUPLE
    133: (m) => m.#push(m.#popped(1)), // TUPLE1
    134: (m) => m.#push(m.#popped(2)), // TUPLE2
    135: (m) => m.#push(m.#popped(3)), // TUPLE3
    116: (m) => m.#push(m.#sinceMark()), // TUPLE
    125: (m) => m.#push(new Map()), // EMPTY_DICT
    100: (m) => m.#dictionary(m.#sinceMark()), // DICT
    115: (m) => m.#setItems(m.#popped(2)), // SETITEM
    117: (m) => m.#setItems(m.#sinceMark()), // SETITEMS
    112: (m) => m.#remember(m.#wholeLine()), // PUT
    113: (m) => m.#remember(m.#unsigned(1)), // BINPUT
    114: (m) => m.#remember(m.#unsigned(4)), // LONG_BINPUT
    148: (m) => m.#remember(m.#memo.size), // MEMOIZE
    103: (m) => m.#recall(m.#wholeLine()), // GET
    104: (m) => m.#recall(m.#unsigned(1)), // BINGET
    106: (m) => m.#recall(m.#unsigned(4)), // LONG_BINGET
    99: (m) => m.#global([m.#line(), m.#line()]), // GLOBAL
    147: (m) => m.#global(m.#popped(2)), // STACK_GLOBAL
    82: (m) => m.#call(m.#popped(2)), // REDUCE
    98: (m) => m.#build(m.#pop()), // BUILD
    81: (m) => m.#refer(m.#pop()), // BINPERSID
  };

  readonly #options: PickleOptions;
  readonly #memo = new Map<number, PickleValue>();
  readonly #marked: PickleValue[][] = [];
  #stack: PickleValue[] = [];
  readonly #start: number;
  readonly #end: number;
  #position: number;
  #chunk: ArrayBuffer = new ArrayBuffer(0);
  #chunkStart = 0;

  constructor(options: PickleOptions) {
    this.#options = options;
    this.#start = options.start ?? 0;
    this.#position = this.#start;
    this.#end = Math.min(options.end ?? options.source.size, options.source.size);
  }

  read(): Unpickled {
    const { operations = MAX_OPERATIONS } = this.#options;
    for (let count = 0; count < operations; count++) {
      const code = this.#unsigned(1);
      if (code !== STOP) {
        const operation = Unpickler.#operations[code] ?? this.#refuse(code);
        operation(this);
        continue;
      }
      const value = this.#pop();
      if (this.#stack.length > 0 || this.#marked.length > 0) this.#fail('values are left over at its end');
      return { value, end: this.#position };
    }
    throw this.#fault(`it takes more than ${operations} operations`);
  }

  #refuse(code: number): never {
    const shown = code > 0x20 && code < 0x7f ? `"${String.fromCharCode(code)}"` : `0x${code.toString(16)}`;
    throw this.#fault(`the operation ${shown} is not one that plain data needs`);
  }

  #protocol(version: number): void {
    if (version < 2 || version > 5) this.#fail(`protocol ${version}; 2 to 5 are read`);
  }

  #frame(length: number): void {
    if (length > this.#end - this.#position) this.#fail('it is cut off');
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#top();
    if (!(list instanceof PickleList)) throw this.#fault('something is appended to what is not a list');
    for (const value of values) list.items.push(value);
  }

  #list(values: readonly PickleValue[]): PickleList {
    const list = new PickleList();
    list.items.push(...values);
    return list;
  }

  #dictionary(pairs: readonly PickleValue[]): void {
    this.#push(new Map());
    this.#setItems(pairs);
  }

  #setItems(pairs: readonly PickleValue[]): void {
    const dictionary = this.#top();
    if (!(dictionary instanceof Map) || pairs.length % 2 !== 0)
      throw this.#fault('a key is set in what is not a dictionary');
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i] as PickleValue;
      if (typeof key !== 'string' && typeof key !== 'number')
        throw this.#fault('a key that is no text or number');
      if (dictionary.has(key)) this.#fail(`the key "${key}" is set twice`);
      dictionary.set(key, pairs[i + 1] as PickleValue);
    }
  }

  #global([module, name]: readonly PickleValue[]): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.#fault('a global without a name');
    const path = `${module}.${name}`;
    const known = this.#options.global?.(path);
    if (known === undefined) {
      throw new DataError({
        file: this.#options.source.path,
        message: `refused: it asks for ${path}, which is no part of a plain tensor and could run code`,
        hint: 'save the tensors alone, as torch.save({name: tensor}, FILE) or as safetensors',
      });
    }
    this.#push(known);
  }

  #call([callee, args]: readonly PickleValue[]): void {
    if (!(callee instanceof PickleGlobal) || callee.call === undefined)
      throw this.#fault(`it calls ${callee instanceof PickleGlobal ? callee.name : 'what is no function'}`);
    if (!isTuple(args)) throw this.#fault(`it calls ${callee.name} without arguments`);
    this.#push(callee.call(args));
  }

  #build(state: PickleValue): void {
    if (this.#options.build?.(this.#top(), state) !== true) this.#fail('it gives state to an object');
  }

  #refer(id: PickleValue): void {
    this.#push(this.#options.persistent?.(id) ?? this.#fail('it refers to something outside itself'));
  }

  #mark(): void {
    this.#marked.push(this.#stack);
    this.#stack = [];
  }

  #remember(index: number): void {
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    this.#push(value === undefined ? this.#fail(`nothing was kept under ${index}`) : value);
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    return value === undefined ? this.#fail('a value is missing') : value;
  }

  #popped(count: number): PickleValue[] {
    if (this.#stack.length < count) this.#fail('a value is missing');
    return this.#stack.splice(-count);
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    return value === undefined ? this.#fail('a value is missing') : value;
  }

  /** The values since the last mark, which is taken away. */
  #sinceMark(): PickleValue[] {
    const values = this.#stack;
    this.#stack = this.#marked.pop() ?? this.#fail('a mark is missing');
    return values;
  }

  /** A whole number in two's complement; one that a number cannot hold stays bigint. */
  #long(length: number): number | bigint {
    const view = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(i));
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #bytes(length: number): Uint8Array {
    if (length > MAX_STRING_BYTES) this.#fail(`a text of ${length} bytes`);
    const { buffer, byteOffset } = this.#take(length);
    return Uint8Array.from(new Uint8Array(buffer, byteOffset, length));
  }

  #text(length: number): string {
    return this.#decode(this.#bytes(length));
  }

  #line(longest = MAX_NAME_BYTES, encoding: 'utf-8' | 'latin1' = 'utf-8'): string {
    const bytes: number[] = [];
    for (let byte = this.#unsigned(1); byte !== 0x0a; byte = this.#unsigned(1)) {
      if (bytes.length >= longest) this.#fail('a line without an end');
      bytes.push(byte);
    }
    if (encoding === 'latin1') return Buffer.from(bytes).toString('latin1');
    return this.#decode(Uint8Array.from(bytes));
  }

  /** Protocols 0 and 1 write values as text: `01` and `00` are true and false, a long ends with `L`. */
  #integerLine(): PickleValue {
    const text = this.#line();
    if (text === '00' || text === '01') return text === '01';
    const digits = /^(-?\d+)L?$/.exec(text)?.[1] ?? this.#fail(`"${text}" is no whole number`);
    return Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits);
  }

  #wholeLine(): number {
    const value = this.#integerLine();
    return typeof value === 'number' && value >= 0 ? value : this.#fail('a place that is no number');
  }

  #floatLine(): number {
    const text = this.#line();
    const value = Number(text);
    return text !== '' && Number.isFinite(value) ? value : this.#fail(`"${text}" is no number`);
  }

  /** A string as Python 2 prints it. */
  #quotedLine(): string {
    const text = this.#line(MAX_STRING_BYTES);
    const inside = /^(['"])(.*)\1$/.exec(text)?.[2] ?? this.#fail('a text without its quotes');
    const simple: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
    const bytes = Array.from(new TextEncoder().encode(inside), (byte) => String.fromCharCode(byte)).join('');
    const plain = bytes.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex?: string, mark = '') =>
      hex === undefined ? (simple[mark] ?? mark) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return this.#decode(Uint8Array.from(plain, (character) => character.charCodeAt(0)));
  }

  /** Latin-1 with other characters escaped. */
  #escapedLine(): string {
    return this.#line(MAX_STRING_BYTES, 'latin1').replace(
      /\\(?:u([0-9a-f]{4})|U([0-9a-f]{8}))/g,
      (_, short?: string, long?: string) => {
        const code = Number.parseInt(short ?? long ?? '', 16);
        return code > 0x10ffff ? this.#fail('a character that does not exist') : String.fromCodePoint(code);
      },
    );
  }

  #decode(bytes: Uint8Array): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.#fault('text that is not UTF-8');
    }
  }

  #unsigned(bytes: 1 | 2 | 4 | 8): number {
    const view = this.#take(bytes);
    if (bytes === 1) return view.getUint8(0);
    if (bytes === 2) return view.getUint16(0, true);
    return bytes === 4 ? view.getUint32(0, true) : Number(view.getBigUint64(0, true));
  }

  /** The next bytes. Reads ahead, as a pickle is very many tiny pieces. */
  #take(length: number): DataView {
    const from = this.#position;
    if (from + length > this.#end) this.#fail('it is cut off');
    if (from < this.#chunkStart || from + length > this.#chunkStart + this.#chunk.byteLength) {
      const ahead = Math.min(this.#end - from, Math.max(length, CHUNK_BYTES));
      this.#chunk = this.#options.source.read(from, ahead);
      this.#chunkStart = from;
    }
    this.#position += length;
    return new DataView(this.#chunk, from - this.#chunkStart, length);
  }

  #fail(message: string): never {
    throw this.#fault(message);
  }

  #fault(message: string): DataError {
    return new DataError({
      file: this.#options.source.path,
      message: `damaged or no ${this.#options.expected ?? 'checkpoint'}: byte ${this.#position - this.#start} of its pickle: ${message}`,
    });
  }
}

// Tokens back to text, by the `decoder` of a tokenizer.json: the steps of the `tokenizers` library, to the character. Knows
// spellings, not ids, and which tokens are shown is the caller's matter.
import { DataError } from '../../base/errors.ts';
import { isObject } from '../records/json.ts';

/** The text that tokens stand for, in their order. */
export type TokenDecoder = (tokens: readonly string[]) => string;

type Json = Readonly<Record<string, unknown>>;
type Step = (tokens: readonly string[]) => readonly string[];

/** What a step needs of its description. */
interface Description {
  readonly json: Json;
  text(key: string): string;
  count(key: string): number;
  refused(key: string, expected: string): DataError;
}

/**
 * The decoder that `json` describes; without one (null), tokens are set apart by spaces.
 *
 * @throws DataError naming the file when it is damaged or of a kind that byte-pair encodings do not have.
 */
export function tokenDecoder(json: unknown, { file }: { readonly file: string }): TokenDecoder {
  if (json === undefined || json === null) return (tokens) => tokens.join(' ');
  const step = stepOf(json, { file, field: 'decoder' });
  return (tokens) => (tokens.length === 0 ? '' : step(tokens).join(''));
}

/** The byte that a token such as `<0x0A>` stands for. */
export function byteOfToken(token: string): number | undefined {
  const digits = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** Whether a description joins tokens of single bytes to characters. */
export function joinsBytes(json: unknown): boolean {
  if (!isObject(json)) return false;
  return json.type === 'ByteFallback' || (Array.isArray(json.decoders) && json.decoders.some(joinsBytes));
}

const kinds: Readonly<Record<string, (description: Description) => Step>> = {
  BPEDecoder: (description) => {
    const suffix = description.text('suffix');
    return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '));
  },
  ByteFallback: () => joinedBytes,
  ByteLevel: () => (tokens) => [lossy.decode(Uint8Array.from(tokens.flatMap(bytesOfLevel)))],
  Fuse: () => (tokens) => [tokens.join('')],
  Metaspace: (description) => {
    const mark = description.json.replacement === undefined ? '\u2581' : description.text('replacement');
    const { prepend_scheme: scheme, add_prefix_space: older = true } = description.json;
    const marksFirst = scheme === undefined ? older !== false : scheme !== 'never';
    return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && marksFirst ? '' : ' '));
  },
  Replace: (description) => {
    const content = description.text('content');
    const { pattern } = description.json;
    if (!isObject(pattern) || typeof pattern.String !== 'string')
      throw description.refused('pattern', 'a text to replace');
    const replaced = pattern.String;
    return (tokens) => tokens.map((token) => token.replaceAll(replaced, () => content));
  },
  Strip: (description) => {
    const content = description.text('content');
    const [start, stop] = [description.count('start'), description.count('stop')];
    return (tokens) => tokens.map((token) => stripped([...token], content, start, stop));
  },
};

function stepOf(json: unknown, place: { readonly file: string; readonly field: string }): Step {
  const refused = (key: string, expected: string) =>
    new DataError({ file: place.file, field: `${place.field}.${key}`, message: `expected ${expected}` });
  if (!isObject(json)) throw new DataError({ ...place, message: 'expected an object' });
  if (json.type === 'Sequence') {
    if (!Array.isArray(json.decoders)) throw refused('decoders', 'a list');
    const steps = json.decoders.map((one: unknown, i) =>
      stepOf(one, { ...place, field: `${place.field}.decoders[${i}]` }),
    );
    return (tokens) => steps.reduce((left, step) => step(left), tokens);
  }
  const make =
    typeof json.type === 'string' && Object.hasOwn(kinds, json.type) ? kinds[json.type] : undefined;
  if (make === undefined) throw refused('type', ['Sequence', ...Object.keys(kinds)].join(' or '));
  return make({
    json,
    refused,
    text(key) {
      const value = json[key];
      if (typeof value !== 'string' || (value === '' && key !== 'content')) throw refused(key, 'a text');
      return value;
    },
    count(key) {
      const value = json[key];
      if (!Number.isSafeInteger(value) || (value as number) < 0) throw refused(key, 'a number of characters');
      return value as number;
    },
  });
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

/** Runs of bytes become their text; where a run is not UTF-8 as a whole, one U+FFFD for each of its bytes. */
function joinedBytes(tokens: readonly string[]): readonly string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const end = () => {
    if (bytes.length === 0) return;
    try {
      result.push(strict.decode(Uint8Array.from(bytes)));
    } catch {
      result.push('\ufffd'.repeat(bytes.length));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = byteOfToken(token);
    if (byte !== undefined) {
      bytes.push(byte);
      continue;
    }
    end();
    result.push(token);
  }
  end();
  return result;
}

/** The characters that stand for bytes in GPT-2's vocabularies: printable ones for themselves, the others from U+0100. */
const levels: ReadonlyMap<string, number> = (() => {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let others = 0;
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [
      String.fromCodePoint(printable(byte) ? byte : 256 + others++),
      byte,
    ]),
  );
})();

/** The bytes of a token whose characters all stand for one; of any other token, its own UTF-8. */
function bytesOfLevel(token: string): number[] {
  const bytes = [...token].map((character) => levels.get(character));
  return bytes.every((byte) => byte !== undefined) ? bytes : [...new TextEncoder().encode(token)];
}

function stripped(characters: readonly string[], content: string, start: number, stop: number): string {
  let from = 0;
  while (from < start && characters[from] === content) from++;
  let to = characters.length;
  while (to > from && characters.length - to < stop && characters[to - 1] === content) to--;
  return characters.slice(from, to).join('');
}

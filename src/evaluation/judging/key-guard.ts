// Keeps a key out of what an endpoint says: texts are shown without it, names that hold it are refused, however it is
// written. Not for what this program sends: there the key is in one header.

/** A shorter one is a word such as "none" that local servers are given; it hides nothing, and may well occur. */
const SHORTEST_SECRET = 8;
const BETWEEN = '[\\p{Cc}\\p{Cf}\\s]{0,8}';
export const HIDDEN_KEY = '[key]';

export class KeyGuard {
  readonly #key: string;
  readonly #written: RegExp | undefined;

  constructor(key = '') {
    this.#key = key;
    if (key.length >= SHORTEST_SECRET) this.#written = new RegExp(waysToWrite(key).join('|'), 'giu');
  }

  /** Whether the key is in a text, plainly or encoded: percent, base64, hexadecimal, escapes of JSON and HTML. */
  isIn(text: string): boolean {
    return this.#written !== undefined && text.search(this.#written) !== -1;
  }

  /** For people: the text without the key, and without a short one where it stands plainly. */
  hide(text: string): string {
    if (this.#key === '') return text;
    return text.replaceAll(this.#written ?? this.#key, HIDDEN_KEY);
  }

  /** For what is kept and counted: the text as it is, unless a key that is a secret stands in it. */
  hideSecret(text: string): string {
    return this.#written === undefined ? text : text.replaceAll(this.#written, HIDDEN_KEY);
  }
}

function waysToWrite(key: string): readonly string[] {
  const bytes = Buffer.from(key, 'utf8');
  const packed = [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    // Of the first and last character some bits belong to what stands beside the key.
    const core = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [core, core.replaceAll('-', '+').replaceAll('_', '/')];
  });
  return [key, bytes.toString('hex'), ...new Set(packed)].map(writtenAnyhow);
}

/** Each character as itself or escaped, with what a terminal does not show between them. */
function writtenAnyhow(text: string): string {
  return [...text]
    .map((character) => {
      const point = character.codePointAt(0) ?? 0;
      const percent = [...Buffer.from(character)].map(
        (byte) => `%(?:25)*${byte.toString(16).padStart(2, '0')}`,
      );
      const code = point.toString(16);
      return `(?:\\u{${code}}|${percent.join('')}|\\\\u\\{?0*${code}\\}?|&#(?:0*${point}|x0*${code});)`;
    })
    .join(BETWEEN);
}

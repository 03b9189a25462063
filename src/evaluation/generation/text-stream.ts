// Token ids to text as they come: a piece is given when it can no longer change, and all pieces together are the answer's
// text without spaces at its ends.
import type { Tokenizer } from '../../formats/text/tokenizer.ts';

export class TextStream {
  readonly #decode: Tokenizer['decode'];
  readonly #ids: number[] = [];
  #given = '';

  constructor({ decode }: Pick<Tokenizer, 'decode'>) {
    this.#decode = decode;
  }

  /** The text that a token adds; empty while a character or a run of spaces is incomplete. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#text();
    // The end may be the first bytes of a character, or spaces that nothing follows.
    return this.#give(text.replace(/[\ufffd\s]+$/u, ''));
  }

  /** What is left when no token follows. */
  end(): string {
    return this.#give(this.#text());
  }

  #give(text: string): string {
    if (!text.startsWith(this.#given)) return '';
    const piece = text.slice(this.#given.length);
    this.#given = text;
    return piece;
  }

  #text(): string {
    return this.#decode(this.#ids).trim();
  }
}

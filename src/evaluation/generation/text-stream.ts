// Token ids to text as they come: a piece is given when it can no longer change, and all pieces together are the answer's
// text without spaces at its ends.
import type { Tokenizer } from '../../formats/text/tokenizer.ts';
import { strip } from '../../tasks/python.ts';

export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, 'decode' | 'settles'>;
  readonly #ids: number[] = [];
  #given = '';

  constructor(tokenizer: Pick<Tokenizer, 'decode' | 'settles'>) {
    this.#tokenizer = tokenizer;
  }

  /** The text that a token adds; empty while a character or a run of spaces is incomplete. */
  push(id: number): string {
    this.#ids.push(id);
    // A run of bytes becomes text as a whole.
    if (!this.#tokenizer.settles(id)) return '';
    const text = this.#text();
    // The end may be the first bytes of a character, or spaces that nothing follows.
    let end = text.length;
    while (end > 0 && mayChange(text.charAt(end - 1))) end--;
    return this.#give(text.slice(0, end));
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
    return strip(this.#tokenizer.decode(this.#ids));
  }
}

/** Whether a text's last character may become another, or go. */
function mayChange(character: string): boolean {
  return character === '\ufffd' || strip(character) === '';
}

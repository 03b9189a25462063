// One line on stderr that says how far a long command is: redrawn on a terminal, now and then a new line in a log.
import { printable } from '../../base/printable.ts';

const redrawMs = 100;
const lineEveryMs = 10_000;

export class CountLine {
  readonly #title: string;
  readonly #stream: NodeJS.WriteStream;
  readonly #live: boolean;
  #last: number;
  #drawn = false;

  constructor(title: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#title = title;
    this.#stream = stream;
    this.#live = stream.isTTY === true && process.env.TERM !== 'dumb';
    this.#last = performance.now();
  }

  show(text: string): void {
    const now = performance.now();
    if (now - this.#last < (this.#live ? redrawMs : lineEveryMs)) return;
    this.#last = now;
    const line = printable(`${this.#title}: ${text}`);
    if (!this.#live) this.#stream.write(`${line}\n`);
    else this.#stream.write(`\r\u001B[K${line.slice(0, (this.#stream.columns || 80) - 1)}`);
    this.#drawn = this.#live;
  }

  /** Leaves nothing on a terminal. */
  clear(): void {
    if (this.#drawn) this.#stream.write('\r\u001B[K');
    this.#drawn = false;
  }
}

// Greedy generation with a KV cache and continuous refilling: a row whose answer has ended is given to the next prompt at
// once. An answer's bits depend on its prompt alone, as every run has a shape that follows from the prompt (shapes.ts).
import { RecentlyUsed } from '../../formats/files/recently-used.ts';
import { Extender, type ExtenderOptions, type Extension, type Values } from './extender.ts';
import type { KeyValues, Move } from './key-values.ts';
import { type Prompt, PromptReader, type ReaderOptions, type ReadPrompt } from './prompt-reader.ts';
import { capacityFor, decodingRows } from './shapes.ts';

export type { Prompt } from './prompt-reader.ts';

export interface GeneratorOptions extends ExtenderOptions {
  /** Answers in progress side by side, at most; fewer where the model's caches are large. */
  readonly slots: number;
  /** Bytes of prompt beginnings kept for prompts that share them. */
  readonly prefixBytes?: number;
}

export interface GenerateOptions
  extends Partial<Pick<ReaderOptions, 'share' | 'textPrefix' | 'loadFeatures'>> {
  /** Told of every answer when it is complete, in the order in which they are. */
  readonly onAnswer?: (index: number, ids: readonly number[]) => void;
  /** Told of every token of an answer when it is chosen. */
  readonly onToken?: (index: number, id: number) => void;
  readonly signal?: AbortSignal;
}

/** What a call of `generate` did. */
export interface GenerationStatistics {
  readonly promptTokens: number;
  /** Prompt tokens that were not read, because another prompt had read the same beginning. */
  readonly sharedTokens: number;
  /** Places for tokens that were computed, and the tokens in them; the others are padding and empty rows. */
  readonly computedTokens: number;
  readonly usefulTokens: number;
  readonly decodingRuns: number;
}

/** An answer in progress. */
interface Active extends Pick<Prompt, 'rows'> {
  readonly index: number;
  readonly answer: number[];
  /** Tokens in the row's cache. */
  length: number;
  next: number;
  /** Where it will stand. */
  position: number;
}

/** Rows that decode side by side, all with caches of one capacity. */
interface DecodingBatch {
  readonly cache: KeyValues;
  readonly rows: (Active | undefined)[];
  /** Read, or grown out of a smaller capacity, and waiting for a row. */
  readonly waiting: Waiting[];
}

interface Waiting {
  readonly active: Active;
  /** Puts the caches into a row. */
  readonly place: (cache: KeyValues, row: number) => Promise<void>;
}

const PREFIX_BYTES = 512e6;

export class Generator {
  readonly #extender: Extender;
  readonly #slots: number;
  readonly #prefixes: RecentlyUsed<KeyValues>;
  #parameters: Values | undefined;
  #statistics: GenerationStatistics | undefined;

  private constructor(extender: Extender, slots: number, prefixBytes: number) {
    this.#extender = extender;
    this.#slots = slots;
    this.#prefixes = new RecentlyUsed(prefixBytes, (prefix) => prefix.release());
  }

  static async compile(options: GeneratorOptions): Promise<Generator> {
    const { slots, prefixBytes = PREFIX_BYTES, ...rest } = options;
    return new Generator(
      await Extender.compile(rest),
      Math.min(slots, decodingRows(options.model.shape)),
      prefixBytes,
    );
  }

  /**
   * Token ids of one answer per prompt, without the end token; `parameters` are the adapter's and the projector's
   * values. Beginnings of prompts are kept for the next call while it is given the same `parameters` object.
   */
  async generate(
    prompts: readonly Prompt[],
    parameters: Values,
    maxNewTokens: number,
    options: GenerateOptions = {},
  ): Promise<number[][]> {
    if (parameters !== this.#parameters) this.#prefixes.clear();
    this.#parameters = parameters;
    const { share = true, ...rest } = options;
    const reader = new PromptReader(this.#extender, prompts, {
      ...rest,
      share,
      parameters,
      prefixes: share ? this.#prefixes : new RecentlyUsed(0),
    });
    const generation = new Generation(this.#extender, reader, {
      ...options,
      parameters,
      maxNewTokens,
      slots: this.#slots,
    });
    const before = { computed: this.#extender.computedTokens, useful: this.#extender.usefulTokens };
    const answers = await generation.run(prompts.length);
    this.#statistics = {
      promptTokens: prompts.reduce((total, { inputIds }) => total + inputIds.length, 0),
      sharedTokens: reader.sharedTokens,
      computedTokens: this.#extender.computedTokens - before.computed,
      usefulTokens: this.#extender.usefulTokens - before.useful,
      decodingRuns: generation.decodingRuns,
    };
    return answers;
  }

  /** What the last call of `generate` that came to its end has counted. */
  get statistics(): GenerationStatistics | undefined {
    return this.#statistics;
  }

  async dispose(): Promise<void> {
    this.#prefixes.clear();
    await this.#extender.dispose();
  }
}

interface GenerationOptions extends GenerateOptions {
  readonly parameters: Values;
  readonly maxNewTokens: number;
  readonly slots: number;
}

class Generation {
  readonly #extender: Extender;
  readonly #reader: PromptReader;
  readonly #options: GenerationOptions;
  readonly #batches = new Map<number, DecodingBatch>();
  readonly #answers = new Map<number, number[]>();
  decodingRuns = 0;

  constructor(extender: Extender, reader: PromptReader, options: GenerationOptions) {
    this.#extender = extender;
    this.#reader = reader;
    this.#options = options;
  }

  async run(count: number): Promise<number[][]> {
    const { signal, slots } = this.#options;
    for (;;) {
      signal?.throwIfAborted();
      const batch = this.#fullest();
      // Rows stay empty only where there is nothing left to read, or where enough waits for caches of another size.
      if (this.#reader.hasMore && (batch === undefined || demand(batch) < slots)) {
        for (const prompt of await this.#reader.readMore()) this.#begin(prompt);
      } else if (batch === undefined) {
        return Array.from({ length: count }, (_, index) => this.#answers.get(index) ?? []);
      } else {
        await this.#fill(batch);
        await this.#decode(batch);
      }
    }
  }

  #begin({ index, length, next, nextPosition, prefix, rest, row: from, restLength, rows }: ReadPrompt): void {
    const active: Active = { index, answer: [], length, next, position: nextPosition, rows };
    const done = () => {
      prefix?.release();
      rest.release();
    };
    if (this.#accept(active, next)) {
      done();
      return;
    }
    const begun = prefix?.capacity ?? 0;
    this.#wait(active, async (cache, row) => {
      if (prefix !== undefined) await cache.copyFrom(prefix, [{ from: 0, to: row, at: 0, count: begun }]);
      await cache.copyFrom(rest, [{ from, to: row, at: begun, count: restLength }], { clearAfter: true });
      done();
    });
  }

  /** Adds a token to an answer; whether the answer has ended. */
  #accept(active: Active, token: number): boolean {
    const { maxNewTokens, onAnswer, onToken } = this.#options;
    active.next = token;
    if (!this.#extender.model.endTokenIds.includes(token)) {
      active.answer.push(token);
      onToken?.(active.index, token);
      if (active.answer.length < maxNewTokens) return false;
    }
    this.#answers.set(active.index, active.answer);
    onAnswer?.(active.index, active.answer);
    return true;
  }

  #wait(active: Active, place: Waiting['place']): void {
    const capacity = capacityFor(active.length);
    const known = this.#batches.get(capacity);
    if (known !== undefined) {
      known.waiting.push({ active, place });
      return;
    }
    const rows = decodingRows(this.#extender.model.shape);
    this.#batches.set(capacity, {
      cache: this.#extender.buffer('decoding', rows, capacity),
      rows: new Array<Active | undefined>(rows).fill(undefined),
      waiting: [{ active, place }],
    });
  }

  #fullest(): DecodingBatch | undefined {
    let fullest: DecodingBatch | undefined;
    for (const batch of this.#batches.values()) {
      if (demand(batch) > (fullest === undefined ? 0 : demand(fullest))) fullest = batch;
    }
    return fullest;
  }

  async #fill({ cache, rows, waiting }: DecodingBatch): Promise<void> {
    for (let row = 0; row < this.#options.slots && waiting.length > 0; row++) {
      if (rows[row] !== undefined) continue;
      const { active, place } = waiting.shift() as Waiting;
      // What another answer left behind it is cleared, lest it reach this one: nothing times not-a-number is not nothing.
      await place(cache, row);
      rows[row] = active;
    }
  }

  /** The token that an answer said last, to be read: a word, on every axis at its position. */
  #word({ next, position, length, rows }: Active): Extension {
    const { positionAxes } = this.#extender.model.shape;
    return {
      inputIds: Int32Array.of(next),
      imageRows: Int32Array.of(-1),
      positions: new Int32Array(positionAxes).fill(position),
      length,
      rows,
    };
  }

  /** One token more for every row. */
  async #decode(batch: DecodingBatch): Promise<void> {
    const { cache, rows } = batch;
    const { next, added } = await this.#extender.extend(
      rows.map((active) => active && this.#word(active)),
      { past: cache, tokens: 1, parameters: this.#options.parameters },
    );
    this.decodingRuns++;
    const moves: Move[] = [];
    rows.forEach((active, row) => {
      if (active === undefined) return;
      const at = active.length++;
      active.position++;
      if (this.#accept(active, next[row] as number)) {
        rows[row] = undefined;
        return;
      }
      moves.push({ from: row, to: row, at, count: 1 });
    });
    await cache.copyFrom(added, moves);
    added.release();
    for (const [row, active] of rows.entries()) {
      if (active === undefined || active.length < cache.capacity) continue;
      // The cache is full: the row goes on in a larger one.
      const count = active.length;
      const kept = this.#extender.allocate(1, count);
      await kept.copyFrom(cache, [{ from: row, to: 0, at: 0, count }]);
      rows[row] = undefined;
      this.#wait(active, async (larger, to) => {
        await larger.copyFrom(kept, [{ from: 0, to, at: 0, count }], { clearAfter: true });
        kept.release();
      });
    }
  }
}

function demand({ rows, waiting }: DecodingBatch): number {
  return waiting.length + rows.reduce((count, active) => count + (active === undefined ? 0 : 1), 0);
}

// Reads prompts, in an order in which what they share is read once: first the beginnings (system text and image), then
// what is left of each prompt. A prompt's beginning is always read by itself, shared or not, so sharing changes no bit.
import { createHash } from 'node:crypto';
import { present } from '../../base/errors.ts';
import type { RecentlyUsed } from '../../formats/files/recently-used.ts';
import { part, requireRows, rowsUsed, type TokenSequence, throughImage } from '../../models/sequence.ts';
import type { Extender, Values } from './extender.ts';
import type { KeyValues } from './key-values.ts';
import { paddedTokens, prefixLength, readingRows } from './shapes.ts';

export interface Prompt extends TokenSequence {
  /** [rows, featureSize]. Absent for text-only prompts, and where features are loaded by `image`. */
  readonly features?: Float32Array | undefined;
  /** Names the image: prompts with the same name have the same features. */
  readonly image?: string | undefined;
  /** Inputs of the adapter that differ by sample: the sample's row of an input [batch, size], by the input's name. */
  readonly rows?: Readonly<Record<string, Float32Array>> | undefined;
}

/** A prompt that was read: its cache, in two parts to be released, and the first token of its answer. */
export interface ReadPrompt extends Pick<Prompt, 'rows' | 'nextPosition'> {
  readonly index: number;
  readonly length: number;
  readonly next: number;
  /** One row, the prompt's beginning; absent where nothing was read ahead. */
  readonly prefix?: KeyValues;
  readonly rest: KeyValues;
  readonly row: number;
  readonly restLength: number;
}

export interface ReaderOptions {
  readonly parameters: Values;
  readonly prefixes: RecentlyUsed<KeyValues>;
  /** Whether prompts may share what they have in common. */
  readonly share: boolean;
  readonly textPrefix?: Int32Array;
  readonly loadFeatures?: (images: readonly string[]) => Promise<readonly Float32Array[]>;
}

/** Prompts with one beginning. */
interface Group {
  readonly key: string;
  readonly prefixTokens: number;
  /** Rows of the image that it holds. */
  readonly imageRows: number;
  readonly prompts: number[];
}

interface Begun {
  readonly index: number;
  readonly prefix?: KeyValues;
}

/** Images are asked for so many at a time: they are encoded side by side. */
const IMAGES_AHEAD = 16;

export class PromptReader {
  readonly #extender: Extender;
  readonly #prompts: readonly Prompt[];
  readonly #options: ReaderOptions;
  readonly #groups: readonly Group[];
  /** Prompts whose beginning is read, by the shape of what is left. */
  readonly #begun = new Map<string, Begun[]>();
  readonly #loaded = new Map<string, Float32Array>();
  #nextGroup = 0;
  /** Tokens of beginnings that did not have to be read again. */
  sharedTokens = 0;

  constructor(extender: Extender, prompts: readonly Prompt[], options: ReaderOptions) {
    this.#extender = extender;
    this.#prompts = prompts;
    this.#options = options;
    for (const prompt of prompts) checkPlaces(prompt);
    this.#groups = groupByPrefix(prompts, options);
  }

  get hasMore(): boolean {
    return this.#nextGroup < this.#groups.length || this.#begun.size > 0;
  }

  /** One run further: the prompts that are read now, none where beginnings were. */
  async readMore(): Promise<readonly ReadPrompt[]> {
    const full = [...this.#begun].find(([, begun]) => begun.length >= this.#rowsOf(begun));
    if (full !== undefined) return this.#readRest(full[0]);
    if (this.#nextGroup < this.#groups.length) {
      await this.#begin();
      return [];
    }
    const [largest] = [...this.#begun].sort(([, a], [, b]) => b.length - a.length);
    return largest === undefined ? [] : this.#readRest(largest[0]);
  }

  /** Reads the next beginnings that fit one run; those that are known are passed by. */
  async #begin(): Promise<void> {
    const { prefixes, parameters } = this.#options;
    const { prefixTokens, imageRows } = this.#groups[this.#nextGroup] as Group;
    const rows = prefixTokens === 0 ? 1 : readingRows(this.#extender.model.shape, prefixTokens);
    const missing: Group[] = [];
    const isAlike = (group: Group | undefined) =>
      group?.prefixTokens === prefixTokens && group.imageRows === imageRows;
    while (missing.length < rows && isAlike(this.#groups[this.#nextGroup])) {
      const group = this.#groups[this.#nextGroup++] as Group;
      const known = prefixTokens === 0 ? undefined : prefixes.get(group.key);
      this.sharedTokens += (group.prompts.length - (known === undefined ? 1 : 0)) * prefixTokens;
      if (known === undefined && prefixTokens > 0) missing.push(group);
      else this.#enqueue(group, known);
      if (prefixTokens === 0) return;
    }
    if (missing.length === 0) return;
    const firsts = missing.map(({ prompts }) => prompts[0] as number);
    const features = await this.#featuresOf(firsts);
    const { added } = await this.#extender.extend(
      firsts.map((index, row) => ({
        ...part(this.#prompts[index] as Prompt, 0, prefixTokens),
        length: 0,
        ...inputsOf(this.#prompts[index] as Prompt, features[row]),
      })),
      // Nothing is before a beginning; one token of cache, never read, stands for it.
      { past: this.#extender.buffer('reading', rows, 1), tokens: prefixTokens, parameters },
    );
    for (const [row, group] of missing.entries()) {
      const prefix = this.#extender.allocate(1, prefixTokens);
      await prefix.copyFrom(added, [{ from: row, to: 0, at: 0, count: prefixTokens }]);
      this.#enqueue(group, prefix);
      if (this.#options.share) prefixes.set(group.key, prefix);
      else prefix.release();
    }
    added.release();
  }

  #enqueue({ prompts, prefixTokens }: Group, prefix: KeyValues | undefined): void {
    for (const index of prompts) {
      const prompt = this.#prompts[index] as Prompt;
      // What a run's kernels see follows from each of its prompts: as many tokens, and as many rows of an image.
      const left = paddedTokens(prompt.inputIds.length - prefixTokens);
      const shape = `${prefixTokens} ${left} ${prefixTokens > 0 ? 0 : rowsUsed(prompt)}`;
      const queue = this.#begun.get(shape) ?? [];
      queue.push({ index, ...(prefix === undefined ? {} : { prefix: prefix.retain() }) });
      this.#begun.set(shape, queue);
    }
  }

  async #readRest(shape: string): Promise<readonly ReadPrompt[]> {
    const queue = this.#begun.get(shape) as Begun[];
    const rows = this.#rowsOf(queue);
    const taken = queue.splice(0, rows);
    if (queue.length === 0) this.#begun.delete(shape);
    const prefixTokens = taken[0]?.prefix?.capacity ?? 0;
    const past = this.#extender.buffer('reading', rows, Math.max(1, prefixTokens));
    const features = prefixTokens > 0 ? [] : await this.#featuresOf(taken.map(({ index }) => index));
    for (const [row, { prefix }] of taken.entries()) {
      if (prefix !== undefined)
        await past.copyFrom(prefix, [{ from: 0, to: row, at: 0, count: prefixTokens }]);
    }
    const extensions = taken.map(({ index }, row) => {
      const prompt = this.#prompts[index] as Prompt;
      const rest = part(prompt, prefixTokens, prompt.inputIds.length);
      return { ...rest, length: prefixTokens, ...inputsOf(prompt, features[row]) };
    });
    const tokens = paddedTokens(extensions[0]?.inputIds.length ?? 0);
    const { parameters } = this.#options;
    const { next, added } = await this.#extender.extend(extensions, { past, tokens, parameters });
    const read = taken.map(({ index, prefix }, row) => ({
      index,
      length: (this.#prompts[index] as Prompt).inputIds.length,
      nextPosition: (this.#prompts[index] as Prompt).nextPosition,
      next: next[row] as number,
      rest: added.retain(),
      row,
      restLength: extensions[row]?.inputIds.length ?? 0,
      ...inputsOf(this.#prompts[index] as Prompt, undefined),
      ...(prefix === undefined ? {} : { prefix }),
    }));
    added.release();
    return read;
  }

  #rowsOf(queue: readonly Begun[]): number {
    const first = queue[0];
    if (first === undefined) return 1;
    const left = (this.#prompts[first.index] as Prompt).inputIds.length - (first.prefix?.capacity ?? 0);
    return readingRows(this.#extender.model.shape, paddedTokens(left));
  }

  /** Features of some prompts' images, undefined for text; those of the prompts that follow are loaded along with them. */
  async #featuresOf(indices: readonly number[]): Promise<readonly (Float32Array | undefined)[]> {
    const { loadFeatures } = this.#options;
    const named = (index: number) => {
      const { features, image } = this.#prompts[index] as Prompt;
      return features === undefined && image !== undefined ? [image] : [];
    };
    const wanted = new Set(indices.flatMap(named).filter((image) => !this.#loaded.has(image)));
    if (wanted.size > 0 && loadFeatures !== undefined) {
      for (let i = this.#nextGroup; i < this.#groups.length && wanted.size < IMAGES_AHEAD; i++) {
        const { key, prompts } = this.#groups[i] as Group;
        if (this.#options.prefixes.has(key)) continue;
        for (const image of named(prompts[0] as number)) if (!this.#loaded.has(image)) wanted.add(image);
      }
      const images = [...wanted];
      (await loadFeatures(images)).forEach((features, i) => {
        this.#loaded.set(images[i] as string, features);
      });
    }
    const found = indices.map((index) => {
      const prompt = this.#prompts[index] as Prompt;
      const { image } = prompt;
      const features =
        prompt.features ?? (image === undefined ? undefined : present(this.#loaded.get(image), image));
      requireRows({ imageRows: prompt.imageRows, features }, this.#extender.model.shape.featureSize);
      return features;
    });
    for (const image of indices.flatMap(named)) this.#loaded.delete(image);
    return found;
  }
}

/** In a prompt an image has its places, and nothing else has any; how many, is checked when its features are there. */
function checkPlaces(prompt: Prompt): void {
  const hasImage = prompt.features !== undefined || prompt.image !== undefined;
  if (throughImage(prompt) > 0 === hasImage) return;
  throw new Error(
    hasImage
      ? 'generate: an image without places in its prompt'
      : 'generate: places for an image, but no image',
  );
}

/** Groups by beginning, those of equal size together, otherwise in the order of the prompts. */
function groupByPrefix(prompts: readonly Prompt[], { share, textPrefix }: ReaderOptions): readonly Group[] {
  const groups = new Map<string, Group>();
  prompts.forEach((prompt, index) => {
    const prefixTokens = prefixLength(prompt, textPrefix);
    const { features, image } = prompt;
    const name = image ?? (features === undefined ? '' : nameOf(features));
    const own = share && prefixTokens > 0 ? '' : String(index);
    const hash = createHash('sha256').update(`${own} ${name} `);
    hash.update(bytesOf(prompt.inputIds.subarray(0, prefixTokens)));
    for (const [input, values] of Object.entries(prompt.rows ?? {}))
      hash.update(input).update(bytesOf(values));
    const key = hash.digest('hex');
    const group = groups.get(key) ?? { key, prefixTokens, imageRows: rowsUsed(prompt), prompts: [] };
    group.prompts.push(index);
    groups.set(key, group);
  });
  return [...groups.values()].sort((a, b) => a.prefixTokens - b.prefixTokens || a.imageRows - b.imageRows);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

const namesOfFeatures = new WeakMap<Float32Array, string>();
let namedFeatures = 0;

/** A name for features that come without one: the same array is the same image. */
function nameOf(features: Float32Array): string {
  const name = namesOfFeatures.get(features) ?? `features ${namedFeatures++}`;
  namesOfFeatures.set(features, name);
  return name;
}

/** What an extension takes from its prompt besides the ids. */
function inputsOf({ rows }: Prompt, features: Float32Array | undefined) {
  return { features, rows };
}

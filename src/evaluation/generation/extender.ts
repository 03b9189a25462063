// Runs the programs of generation: rows of tokens in, the next token of each and their caches out. Knows shapes and
// buffers, not what a prompt or an answer is.
import type { LlavaConfig } from '../../models/llava/config.ts';
import type { LinearAdapter, WeightProvider } from '../../nn/scope.ts';
import { Scope } from '../../nn/scope.ts';
import { float32, type HostTensor, int32 } from '../../tensor/dtype.ts';
import { DeviceTensor, Program, type ProgramOptions, type Value } from '../../tensor/program.ts';
import { cacheNames, extendGraph, projectGraph } from './graphs.ts';
import { type KeyValueStore, type KeyValues, openKeyValueStore } from './key-values.ts';

export type Values = Readonly<Record<string, Value>>;

export interface ExtenderOptions {
  readonly config: LlavaConfig;
  readonly weights: WeightProvider;
  readonly adapter?: LinearAdapter;
  readonly program?: ProgramOptions;
}

/** Tokens to read after the first `length` tokens of the row's cache. */
export interface Extension {
  readonly ids: ArrayLike<number>;
  readonly length: number;
  /**
   * [patches, visionHidden] of the image whose placeholders are among the ids. Without it every id is a word: a model may
   * say its own placeholder, and reads it again by its embedding.
   */
  readonly features?: Float32Array;
  /** The row's part of the adapter's inputs [batch, size], by their names. */
  readonly rows?: Readonly<Record<string, Float32Array>>;
}

export class Extender {
  readonly config: LlavaConfig;
  readonly #store: KeyValueStore;
  readonly #project: Program;
  readonly #extend: Program;
  readonly #noImages: HostTensor;
  readonly #buffers = new Map<string, KeyValues>();
  /** Places for tokens that were computed, padding included, and the tokens in them. */
  computedTokens = 0;
  usefulTokens = 0;

  private constructor(config: LlavaConfig, store: KeyValueStore, project: Program, extend: Program) {
    this.config = config;
    this.#store = store;
    this.#project = project;
    this.#extend = extend;
    const shape = [1, config.imageTokens, config.text.hiddenSize];
    this.#noImages = float32(new Float32Array(config.imageTokens * config.text.hiddenSize), shape);
  }

  static async compile({ config, weights, adapter, program = {} }: ExtenderOptions): Promise<Extender> {
    const root = new Scope(weights, '', adapter);
    return new Extender(
      config,
      await openKeyValueStore(config, program),
      await Program.compile(projectGraph(root, config), { ...program, keepOnDevice: ['projected'] }),
      await Program.compile(extendGraph(root, config), {
        ...program,
        keepOnDevice: cacheNames(config, 'added'),
      }),
    );
  }

  /** A buffer of its own, which its last user releases. */
  allocate(rows: number, capacity: number): KeyValues {
    return this.#store.allocate(rows, capacity);
  }

  /** The buffer of that size for that use, the same one each time: whoever asks again has done with what was in it. */
  buffer(use: 'reading' | 'decoding', rows: number, capacity: number): KeyValues {
    const key = `${use} ${rows} ${capacity}`;
    const known = this.#buffers.get(key) ?? this.allocate(rows, capacity);
    this.#buffers.set(key, known);
    return known;
  }

  /**
   * One run over all rows of `past`, `tokens` wide. Rows that are not given are computed on padding.
   * The next token of each row, and the caches of the tokens read, for the caller to release.
   */
  async extend(
    extensions: readonly (Extension | undefined)[],
    {
      past,
      tokens,
      parameters,
    }: { readonly past: KeyValues; readonly tokens: number; readonly parameters: Values },
  ): Promise<{ readonly next: Int32Array; readonly added: KeyValues }> {
    const { rows } = past;
    const { imageTokenId, imageTokens, padTokenId } = this.config;
    const ids = new Int32Array(rows * tokens).fill(padTokenId);
    const imageRows = new Int32Array(rows * tokens).fill(-1);
    const lengths = new Int32Array(rows);
    const lastRows = Int32Array.from({ length: rows }, (_, row) => row * tokens);
    extensions.forEach((extension, row) => {
      if (extension === undefined) return;
      ids.set(extension.ids, row * tokens);
      lengths[row] = extension.length;
      lastRows[row] = row * tokens + extension.ids.length - 1;
      this.usefulTokens += extension.ids.length;
      if (extension.features === undefined) return;
      let placed = 0;
      for (let i = 0; i < extension.ids.length; i++) {
        if (extension.ids[i] === imageTokenId) imageRows[row * tokens + i] = row * imageTokens + placed++;
      }
      if (placed !== imageTokens)
        throw new Error(`generate: ${placed} placeholders for an image of ${imageTokens}`);
    });
    this.computedTokens += rows * tokens;
    const images = await this.#projected(extensions, rows, parameters);
    const results = await this.#extend.run({
      ...parameters,
      ...past.feeds(),
      ...inputsByRow(extensions, rows),
      ids: int32(ids, [rows, tokens]),
      imageRows: int32(imageRows, [rows, tokens]),
      images,
      lengths: int32(lengths, [rows]),
      lastRows: int32(lastRows, [rows]),
    });
    if (images instanceof DeviceTensor) images.dispose();
    return { next: idsOf(results.next), added: this.#store.wrap(results, rows, tokens) };
  }

  async dispose(): Promise<void> {
    await this.#project.dispose();
    await this.#extend.dispose();
    for (const buffer of this.#buffers.values()) buffer.release();
    this.#buffers.clear();
    await this.#store.dispose();
  }

  /** [rows, patches, hidden], always of as many images as there are rows, or one empty image where none has any. */
  async #projected(
    extensions: readonly (Extension | undefined)[],
    rows: number,
    parameters: Values,
  ): Promise<Value> {
    if (extensions.every((extension) => extension?.features === undefined)) return this.#noImages;
    const { imageTokens, vision } = this.config;
    const features = new Float32Array(rows * imageTokens * vision.hiddenSize);
    extensions.forEach((extension, row) => {
      if (extension?.features !== undefined)
        features.set(extension.features, row * imageTokens * vision.hiddenSize);
    });
    const shape = [rows, imageTokens, vision.hiddenSize];
    const { projected } = await this.#project.run({ ...parameters, features: float32(features, shape) });
    return projected as Value;
  }
}

/** Rows side by side; those without a prompt get zeros. */
function inputsByRow(extensions: readonly (Extension | undefined)[], count: number): Values {
  const sizes = new Map<string, number>();
  for (const extension of extensions) {
    for (const [name, { length }] of Object.entries(extension?.rows ?? {})) sizes.set(name, length);
  }
  const inputs = [...sizes].map(([name, size]) => {
    const data = new Float32Array(count * size);
    extensions.forEach((extension, row) => {
      data.set(extension?.rows?.[name] ?? [], row * size);
    });
    return [name, float32(data, [count, size])] as const;
  });
  return Object.fromEntries(inputs);
}

function idsOf(value: Value | undefined): Int32Array {
  if (value === undefined || value instanceof DeviceTensor || value.dtype !== 'int32') {
    throw new Error('internal: no token ids');
  }
  return value.data as Int32Array;
}

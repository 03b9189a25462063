// Runs the programs of generation: rows of tokens in, the next token of each and their caches out. Knows shapes and
// buffers, not what a prompt or an answer is.
import type { OpenModel } from '../../models/family.ts';
import type { TokenSequence } from '../../models/sequence.ts';
import type { LinearAdapter, WeightProvider } from '../../nn/scope.ts';
import { Scope } from '../../nn/scope.ts';
import { float32, type HostTensor, int32 } from '../../tensor/dtype.ts';
import { DeviceTensor, Program, type ProgramOptions, type Value } from '../../tensor/program.ts';
import { cacheNames, extendGraph, projectGraph } from './graphs.ts';
import { type KeyValueStore, type KeyValues, openKeyValueStore } from './key-values.ts';

export type Values = Readonly<Record<string, Value>>;

/** What of a model its answers are generated with. */
export type AnsweringModel = Pick<OpenModel, 'shape' | 'network' | 'weights' | 'padTokenId' | 'endTokenIds'>;

export interface ExtenderOptions {
  readonly model: AnsweringModel;
  /** By default the model's own, of which what trains alongside is fed. */
  readonly weights?: WeightProvider;
  readonly adapter?: LinearAdapter | undefined;
  readonly program?: ProgramOptions;
}

/** Tokens to read after the first `length` tokens of the row's cache. */
export interface Extension extends Pick<TokenSequence, 'inputIds' | 'imageRows' | 'positions'> {
  readonly length: number;
  /**
   * [rows, featureSize] of the image whose rows stand among the tokens. Without it every token is a word: a model may say
   * its own placeholder, and reads it again by its embedding.
   */
  readonly features?: Float32Array | undefined;
  /** The row's part of the adapter's inputs [batch, size], by their names. */
  readonly rows?: Readonly<Record<string, Float32Array>> | undefined;
}

export class Extender {
  readonly model: AnsweringModel;
  readonly #store: KeyValueStore;
  readonly #project: Program;
  readonly #extend: Program;
  readonly #noImages: HostTensor;
  readonly #buffers = new Map<string, KeyValues>();
  /** Places for tokens that were computed, padding included, and the tokens in them. */
  computedTokens = 0;
  usefulTokens = 0;

  private constructor(model: AnsweringModel, store: KeyValueStore, project: Program, extend: Program) {
    this.model = model;
    this.#store = store;
    this.#project = project;
    this.#extend = extend;
    const { hiddenSize } = model.shape;
    this.#noImages = float32(new Float32Array(hiddenSize), [1, hiddenSize]);
  }

  static async compile({ model, weights, adapter, program = {} }: ExtenderOptions): Promise<Extender> {
    const { shape } = model;
    const root = new Scope(weights ?? model.weights.provider(shape.alongside), '', adapter);
    return new Extender(
      model,
      await openKeyValueStore(shape, program),
      await Program.compile(projectGraph(root, model), { ...program, keepOnDevice: ['projected'] }),
      await Program.compile(extendGraph(root, model), {
        ...program,
        keepOnDevice: cacheNames(shape, 'added'),
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
    const { padTokenId, shape } = this.model;
    const { positionAxes: axes, featureSize } = shape;
    const most = Math.max(
      0,
      ...extensions.map((extension) => (extension?.features?.length ?? 0) / featureSize),
    );
    const ids = new Int32Array(rows * tokens).fill(padTokenId);
    const imageRows = new Int32Array(rows * tokens).fill(-1);
    const positions = new Int32Array(axes * rows * tokens);
    const lengths = new Int32Array(rows);
    const lastRows = Int32Array.from({ length: rows }, (_, row) => row * tokens);
    extensions.forEach((extension, row) => {
      if (extension === undefined) return;
      const { inputIds } = extension;
      const count = inputIds.length;
      ids.set(inputIds, row * tokens);
      lengths[row] = extension.length;
      lastRows[row] = row * tokens + count - 1;
      for (let axis = 0; axis < axes; axis++) {
        const own = extension.positions.subarray(axis * count, (axis + 1) * count);
        positions.set(own, (axis * rows + row) * tokens);
      }
      this.usefulTokens += count;
      if (extension.features === undefined) return;
      extension.imageRows.forEach((own, i) => {
        if (own >= 0) imageRows[row * tokens + i] = row * most + own;
      });
    });
    this.computedTokens += rows * tokens;
    const images = await this.#projected(extensions, { rows, most }, parameters);
    const results = await this.#extend.run({
      ...parameters,
      ...past.feeds(),
      ...inputsByRow(extensions, rows),
      ids: int32(ids, [rows, tokens]),
      positions: int32(positions, [axes, rows, tokens]),
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

  /**
   * [rows · most, hidden]: as many rows of an image for every row of the run as the image with most has; or one empty row where
   * no row of the run has an image.
   */
  async #projected(
    extensions: readonly (Extension | undefined)[],
    { rows, most }: { readonly rows: number; readonly most: number },
    parameters: Values,
  ): Promise<Value> {
    if (most === 0) return this.#noImages;
    const { featureSize } = this.model.shape;
    const features = new Float32Array(rows * most * featureSize);
    extensions.forEach((extension, row) => {
      if (extension?.features !== undefined) features.set(extension.features, row * most * featureSize);
    });
    const { projected } = await this.#project.run({
      ...parameters,
      features: float32(features, [rows * most, featureSize]),
    });
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

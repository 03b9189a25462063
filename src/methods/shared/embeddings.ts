// Unit vectors for images and texts, for methods that choose by similarity. The papers use CLIP's own image and text
// embeddings. Here an image is the mean of its rows of features from the model's vision tower. LLaVA's checkpoints hold no
// text half of CLIP, so a text is the mean of the decoder's input embeddings of its tokens (without the common part,
// the mean over the vocabulary): a substitute, which knows words but not their order (docs/methods.md).
import type { Embeddings } from '../method.ts';

export interface EmbeddingOptions {
  /** [vocabulary, hidden], row-major. */
  readonly table: Float32Array;
  readonly hiddenSize: number;
  /** Numbers of a row of an image's features. */
  readonly featureSize: number;
  readonly tokenize: (text: string) => ArrayLike<number>;
}

export function createEmbeddings({ table, hiddenSize, featureSize, tokenize }: EmbeddingOptions): Embeddings {
  let common: Float64Array | undefined;
  return {
    image: (features) => {
      const mean = new Float64Array(featureSize);
      if (features === undefined) return Float32Array.from(mean);
      for (let i = 0; i < features.length; i++)
        mean[i % featureSize] = (mean[i % featureSize] as number) + (features[i] as number);
      return unit(mean);
    },
    text: (text) => {
      common ??= meanRow(table, hiddenSize);
      const mean = new Float64Array(hiddenSize);
      const ids = Array.from(tokenize(text));
      for (const id of ids) {
        for (let i = 0; i < hiddenSize; i++) {
          mean[i] = (mean[i] as number) + (table[id * hiddenSize + i] as number) - (common[i] as number);
        }
      }
      return unit(mean);
    },
  };
}

/** A vector of length one in its direction; zeros stay zeros. */
export function unit(vector: ArrayLike<number>): Float32Array {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += (vector[i] as number) ** 2;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  return Float32Array.from(vector, (value) => value * scale);
}

/** The cosine of two unit vectors. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] as number) * (b[i] as number);
  return total;
}

/** The mean of some vectors; zeros where there are none. */
export function meanOf(vectors: readonly ArrayLike<number>[], size: number): Float32Array {
  const mean = new Mean(vectors.length);
  for (const vector of vectors) mean.add(vector);
  return mean.of(size);
}

/** The mean of so many vectors, none of which is kept. */
export class Mean {
  #sum: Float64Array | undefined;

  constructor(readonly count: number) {}

  add(vector: ArrayLike<number>): void {
    this.#sum ??= new Float64Array(vector.length);
    for (let i = 0; i < vector.length; i++) {
      this.#sum[i] = (this.#sum[i] as number) + (vector[i] as number) / this.count;
    }
  }

  /** So far; zeros of this size where nothing was added. */
  of(size: number): Float32Array {
    return Float32Array.from(this.#sum ?? new Float64Array(size));
  }
}

function meanRow(table: Float32Array, size: number): Float64Array {
  const mean = new Float64Array(size);
  const rows = table.length / size;
  for (let i = 0; i < table.length; i++)
    mean[i % size] = (mean[i % size] as number) + (table[i] as number) / rows;
  return mean;
}

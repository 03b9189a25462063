// A checkpoint's tensors under the names that a family gives them, and as weights of a graph: frozen, or fed where they
// train. Knows no family's names.
import { createHash } from 'node:crypto';
import { DataError, UserError } from '../base/errors.ts';
import type { Checkpoint, CheckpointTensor } from '../formats/weights/checkpoint.ts';
import { readFloat32, readTensor } from '../formats/weights/tensor-file.ts';
import type { WeightProvider } from '../nn/scope.ts';
import type { StorageType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input, weight } from '../tensor/ops.ts';

/** How a family spells weights. */
export interface WeightNames {
  /** The one name of a weight, of its name in any layout. */
  readonly canonicalName: (name: string) => string;
  /** The name in the layout that is published most, for errors; by default the canonical one. */
  readonly publishedName?: (name: string) => string;
  /** For people: `LLaVA`. */
  readonly label: string;
}

/** A checkpoint's tensors by canonical name. */
export class ModelWeights {
  readonly #names: WeightNames;
  readonly #tensors = new Map<string, CheckpointTensor>();
  /** Errors of those that are there but cannot be used; most such are never asked for. */
  readonly #unusable = new Map<string, DataError>();

  /** @throws DataError when two tensors have one canonical name. */
  constructor(
    readonly checkpoint: Checkpoint,
    names: WeightNames,
  ) {
    this.#names = names;
    const { canonicalName } = names;
    for (const [name, { path, unusable }] of checkpoint.unusable) {
      const message = unusable.get(name) ?? 'cannot be used';
      this.#unusable.set(canonicalName(name), new DataError({ file: path, field: name, message }));
    }
    for (const [name, tensor] of checkpoint.tensors) {
      const canonical = canonicalName(name);
      if (this.#tensors.has(canonical)) {
        throw new DataError({
          file: tensor.file.path,
          field: name,
          message: `stands twice, as ${canonical}`,
        });
      }
      this.#tensors.set(canonical, tensor);
    }
  }

  /** Every tensor that can be used. */
  get tensors(): ReadonlyMap<string, CheckpointTensor> {
    return this.#tensors;
  }

  /** A weight's values and shape on the host. */
  values(name: string): { readonly data: Float32Array; readonly shape: readonly number[] } {
    const { file, entry } = this.#find(name);
    return { data: readFloat32(file, entry.name), shape: entry.shape };
  }

  /** SHA-256 over the names, types and bytes of the weights below a path. */
  hash(path: string): string {
    const hash = createHash('sha256');
    for (const name of [...this.#tensors.keys()].filter((name) => name.startsWith(`${path}.`)).sort()) {
      const { file, entry } = this.#find(name);
      const { buffer, byteOffset, byteLength } = readTensor(file, entry.name);
      hash.update(`${name} ${entry.dtype} ${entry.shape.join('x')} `);
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
    return hash.digest('hex');
  }

  /** Gives frozen weights, except those named in `trainable`, which become fed inputs of that name. */
  provider(trainable: { has(name: string): boolean } = new Set<string>()): WeightProvider {
    const made = new Map<string, Tensor>();
    return (name, shape) => {
      const known = made.get(name);
      if (known !== undefined) return known;
      const tensor = trainable.has(name) ? input(name, 'float32', shape) : this.#frozen(name, shape);
      made.set(name, tensor);
      return tensor;
    };
  }

  #frozen(name: string, shape: readonly number[]): Tensor {
    const { file, entry } = this.#find(name);
    if (entry.shape.join() !== shape.join()) {
      throw new DataError({
        file: file.path,
        field: entry.name,
        message: `the configuration asks for [${shape.join(', ')}], the checkpoint has [${entry.shape.join(', ')}]`,
      });
    }
    const storage = entry.dtype as StorageType;
    if (storage !== 'F32' && storage !== 'F16' && storage !== 'BF16') {
      throw new DataError({
        file: file.path,
        field: entry.name,
        message: `dtype ${entry.dtype} cannot be used as a weight`,
      });
    }
    return weight(
      name,
      { file: file.path, offset: entry.offset, byteLength: entry.byteLength, storage },
      shape,
    );
  }

  #find(name: string): CheckpointTensor {
    const tensor = this.#tensors.get(name);
    const unusable = this.#unusable.get(name);
    if (tensor === undefined && unusable !== undefined) throw unusable;
    if (tensor === undefined) {
      throw new UserError({
        file: this.checkpoint.folder,
        field: this.#names.publishedName?.(name) ?? name,
        message: 'the checkpoint lacks this weight',
        hint: `is the download complete, and is it a ${this.#names.label} checkpoint?`,
      });
    }
    return tensor;
  }
}

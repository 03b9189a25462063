// LLaVA's weights: the spellings of published checkpoints, read to the one spelling used here (transformers' module
// paths in memory, which are also what PEFT names adapters after).
import { createHash } from 'node:crypto';
import { DataError, UserError } from '../../base/errors.ts';
import type { Checkpoint, CheckpointTensor } from '../../formats/weights/checkpoint.ts';
import { readFloat32, readTensor } from '../../formats/weights/tensor-file.ts';
import type { WeightProvider } from '../../nn/scope.ts';
import type { StorageType } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { input, weight } from '../../tensor/ops.ts';

export const LANGUAGE_MODEL = 'model.language_model';
export const VISION_TOWER = 'model.vision_tower';
export const PROJECTOR = 'model.multi_modal_projector';
export const HEAD = 'lm_head';

/** The original code's names, where they are not transformers'. */
const originalSpellings: readonly (readonly [RegExp, string])[] = [
  [/^vision_tower\.vision_tower\./, 'vision_tower.'],
  [/^mm_projector\.0\./, 'multi_modal_projector.linear_1.'],
  [/^mm_projector\.2\./, 'multi_modal_projector.linear_2.'],
  [/^(?=layers\.|embed_tokens\.|norm\.)/, 'language_model.'],
];

/**
 * `language_model.model.layers.0…` and its other spellings become `model.language_model.layers.0…`; so do those of the
 * original code and of a decoder alone, `model.layers.0…`.
 */
export function canonicalName(name: string): string {
  const bare = originalSpellings.reduce(
    (text, [pattern, by]) => text.replace(pattern, by),
    name.replace(/^model\./, ''),
  );
  if (/^(language_model\.)?lm_head\./.test(bare)) return bare.replace(/^language_model\./, '');
  return `model.${bare.replace(/^language_model\.model\./, 'language_model.').replace(/^vision_tower\.vision_model\./, 'vision_tower.')}`;
}

/** The canonical name of a tensor in a folder of CLIP's or SigLIP's own; undefined for their text halves. */
export function visionName(name: string): string | undefined {
  const bare = name.replace(/^(vision_model|vision_tower)\./, '');
  const known = /^(embeddings|encoder|pre_layrnorm|post_layernorm|head)\./.test(bare);
  return known ? `${VISION_TOWER}.${bare}` : undefined;
}

/** The canonical name of a tensor in a projector's own file (`mm_projector.bin`), whatever stands before it. */
export function projectorName(name: string): string | undefined {
  const [, layer, part] = /(?:^|\.)mm_projector\.([02])\.(weight|bias)$/.exec(name) ?? [];
  return layer === undefined ? undefined : `${PROJECTOR}.linear_${layer === '0' ? 1 : 2}.${part}`;
}

/** The spelling of `llava-hf` on the hub, which every version of transformers reads. */
export function publishedName(name: string): string {
  if (name.startsWith(HEAD)) return `language_model.${name}`;
  return name
    .replace(/^model\.language_model\./, 'language_model.model.')
    .replace(/^model\.vision_tower\./, 'vision_tower.vision_model.')
    .replace(/^model\./, '');
}

/** A checkpoint's tensors by canonical name. */
export class LlavaWeights {
  readonly #tensors = new Map<string, CheckpointTensor>();
  /** Errors of those that are there but cannot be used; most such are never asked for. */
  readonly #unusable = new Map<string, DataError>();

  constructor(readonly checkpoint: Checkpoint) {
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
  provider(trainable: ReadonlySet<string> = new Set()): WeightProvider {
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
        field: publishedName(name),
        message: 'the checkpoint lacks this weight',
        hint: 'is the download complete, and is it a LLaVA checkpoint?',
      });
    }
    return tensor;
  }
}

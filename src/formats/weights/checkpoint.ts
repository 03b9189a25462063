// A model folder's weights: one file or shards with an index, in safetensors or PyTorch's own format.
// Gives every tensor by its name in the folder; what the names mean is the model family's.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { shown } from '../../base/shown.ts';
import { isObject, readJsonObject } from '../records/json.ts';
import { openSafetensors } from './safetensors.ts';
import type { TensorEntry, TensorFile } from './tensor-file.ts';
import { openTorchFile } from './torch-checkpoint.ts';

export interface Checkpoint {
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Tensors that are there but cannot be used; their file knows the reason. */
  readonly unusable: ReadonlyMap<string, TensorFile>;
}

export interface CheckpointTensor {
  /** The shard that holds it. */
  readonly file: TensorFile;
  readonly entry: TensorEntry;
}

/** Where a folder's weights may stand, in the order in which they are looked for, as transformers does. */
const layouts = [
  { whole: 'model.safetensors', shard: /^[^/\\]+\.safetensors$/, open: openSafetensors },
  { whole: 'pytorch_model.bin', shard: /^[^/\\]+\.bin$/, open: openTorchFile },
] as const;

/** The files that say what a checkpoint holds; one of them must be in the folder. */
export const checkpointFiles: readonly string[] = layouts.flatMap(({ whole }) => [
  whole,
  `${whole}.index.json`,
]);

/**
 * Opens the weights of a model folder: `model.safetensors` or `pytorch_model.bin`, or the shards that the
 * `.index.json` of either lists. Reads headers only.
 *
 * @throws DataError when none is there, a shard is missing or damaged, or a listed tensor is not in its shard.
 */
export function openCheckpoint(folder: string): Checkpoint {
  for (const { whole, shard, open } of layouts) {
    if (existsSync(join(folder, whole))) {
      return { folder, ...tensorsOf(open(join(folder, whole))) };
    }
    const index = join(folder, `${whole}.index.json`);
    if (existsSync(index)) return { folder, ...openShards(folder, index, shard, open) };
  }
  throw new DataError({
    file: folder,
    message: `expected the model's weights in this folder, found none of ${checkpointFiles.join(', ')}`,
  });
}

/** What one file holds, as a checkpoint has it. */
export function tensorsOf(file: TensorFile): Omit<Checkpoint, 'folder'> {
  return {
    tensors: new Map([...file.tensors].map(([name, entry]) => [name, { file, entry }])),
    unusable: new Map([...file.unusable.keys()].map((name) => [name, file])),
  };
}

function openShards(
  folder: string,
  index: string,
  shardName: RegExp,
  open: (path: string) => TensorFile,
): Omit<Checkpoint, 'folder'> {
  const map = readJsonObject(index).weight_map;
  if (!isObject(map)) {
    throw new DataError({ file: index, field: 'weight_map', message: 'expected an object' });
  }
  const shards = new Map<string, TensorFile>();
  const tensors = new Map<string, CheckpointTensor>();
  const unusable = new Map<string, TensorFile>();
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !shardName.test(shard)) {
      throw new DataError({
        file: index,
        field: `weight_map.${name}`,
        message: `expected the name of a ${shardName.source.endsWith('bin$') ? '.bin' : '.safetensors'} file in this folder, found ${shown(shard)}`,
      });
    }
    const file = shards.get(shard) ?? open(join(folder, shard));
    shards.set(shard, file);
    const entry = file.tensors.get(name);
    if (entry !== undefined) tensors.set(name, { file, entry });
    else if (file.unusable.has(name)) unusable.set(name, file);
    else {
      throw new DataError({
        file: file.path,
        field: name,
        message: `tensor is missing; ${index} lists it here`,
      });
    }
  }
  return { tensors, unusable };
}

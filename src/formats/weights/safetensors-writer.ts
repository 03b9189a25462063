// Writes safetensors files that need not fit in memory: tensors are filled and written a part at a time.
// The file appears when it is whole. Models in several files also get their index.
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { moveIntoPlace, temporaryBeside, writeJsonAtomic } from '../files/files.ts';
import { writeError } from '../files/system-errors.ts';
import { layOutSafetensors, tensorBytes } from './safetensors-layout.ts';
import { elementBytes, type TensorEntry } from './tensor-file.ts';

export type TensorTypes = Readonly<Record<string, Pick<TensorEntry, 'dtype' | 'shape'>>>;

/** The bytes of `count` elements of a tensor from element `start` on. */
export type TensorFiller = (name: string, start: number, count: number) => Uint8Array;

const ELEMENTS_PER_PART = 1 << 22;

/** A file being written aside. */
export interface SafetensorsWriter {
  /** The tensors in the order in which their bytes are expected. */
  readonly entries: readonly TensorEntry[];
  /** The next bytes; a tensor may come in parts. */
  write(bytes: Uint8Array): void;
  /** Puts the file in its place. */
  publish(): void;
  /** Removes what was written; after `publish`, nothing. */
  discard(): void;
}

/** Begins a file. Throws UserError, here and later, when the disk is full or the place cannot be written. */
export function openSafetensorsWriter(
  path: string,
  tensors: TensorTypes,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsWriter {
  const { header, entries } = layOutSafetensors(tensors, metadata);
  const aside = temporaryBeside(path);
  const guarded = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw writeError(error, path);
    }
  };
  let descriptor: number | undefined = guarded(() => openSync(aside, 'w'));
  const close = () => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const write = (bytes: Uint8Array) => {
    const open = descriptor;
    if (open === undefined) throw new Error(`safetensors: ${path} is no longer open`);
    guarded(() => writeAll(open, bytes));
  };
  write(header);
  return {
    entries,
    write,
    publish: () =>
      guarded(() => {
        if (descriptor !== undefined) fsyncSync(descriptor);
        close();
        moveIntoPlace(aside, path);
      }),
    discard: () => {
      close();
      rmSync(aside, { force: true });
    },
  };
}

/** Writes one file. Throws UserError when the disk is full or the place cannot be written; nothing is left behind. */
export function writeSafetensors(
  path: string,
  tensors: TensorTypes,
  fill: TensorFiller,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const writer = openSafetensorsWriter(path, tensors, metadata);
  try {
    for (const { name, dtype, byteLength } of writer.entries) {
      const elements = byteLength / elementBytes[dtype];
      for (let start = 0; start < elements; start += ELEMENTS_PER_PART) {
        writer.write(fill(name, start, Math.min(ELEMENTS_PER_PART, elements - start)));
      }
    }
    writer.publish();
  } finally {
    writer.discard();
  }
}

/**
 * Writes a model's tensors into a folder: `model.safetensors`, or, where they are larger together than `shardBytes`,
 * several files and the index that names them. Tensors keep the order given when they are shared out.
 */
export function writeCheckpoint(
  folder: string,
  tensors: TensorTypes,
  fill: TensorFiller,
  { shardBytes = 5e9 }: { readonly shardBytes?: number } = {},
): void {
  const metadata = { format: 'pt' };
  const shards = shareOut(tensors, shardBytes);
  if (shards.length <= 1) {
    writeSafetensors(join(folder, 'model.safetensors'), tensors, fill, metadata);
    return;
  }
  const weightMap: [string, string][] = [];
  for (const [index, shard] of shards.entries()) {
    const file = `model-${ordinal(index + 1)}-of-${ordinal(shards.length)}.safetensors`;
    writeSafetensors(join(folder, file), shard, fill, metadata);
    for (const name of Object.keys(shard)) weightMap.push([name, file]);
  }
  const total = Object.values(tensors).reduce((bytes, tensor) => bytes + tensorBytes(tensor), 0);
  writeJsonAtomic(join(folder, 'model.safetensors.index.json'), {
    metadata: { total_size: total },
    weight_map: Object.fromEntries(weightMap.sort(([a], [b]) => (a < b ? -1 : 1))),
  });
}

/** Consecutive tensors together up to the bound; one that is larger alone stands alone. */
function shareOut(tensors: TensorTypes, shardBytes: number): TensorTypes[] {
  const shards: [string, TensorTypes[string]][][] = [];
  let room = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const bytes = tensorBytes(tensor);
    if (shards.length === 0 || bytes > room) {
      shards.push([]);
      room = shardBytes;
    }
    shards.at(-1)?.push([name, tensor]);
    room -= bytes;
  }
  return shards.map((shard) => Object.fromEntries(shard));
}

function ordinal(number: number): string {
  return String(number).padStart(5, '0');
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(descriptor, bytes, done, bytes.length - done);
  }
}

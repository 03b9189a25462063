// Where the tensors of a safetensors file lie: its header as bytes, and the place of each tensor after it.
// Reads and writes nothing; `safetensors.ts` reads, `safetensors-writer.ts` writes files larger than memory.

import { elementBytes, type TensorEntry } from './tensor-file.ts';

export interface SafetensorsLayout {
  /** The header length and the header itself: the file's bytes before the first tensor. */
  readonly header: Uint8Array;
  /** In file order, without gaps. */
  readonly entries: readonly TensorEntry[];
  /** The size of the whole file. */
  readonly byteLength: number;
}

/** What a tensor takes, in bytes. */
export function tensorBytes({ dtype, shape }: Pick<TensorEntry, 'dtype' | 'shape'>): number {
  return elementBytes[dtype] * shape.reduce((product, size) => product * size, 1);
}

/**
 * Lays tensors out. Deterministic: ordered by element size (largest first, so that every tensor is aligned to its
 * element) and then by name; the header is padded with spaces to 8 bytes.
 */
export function layOutSafetensors(
  tensors: Readonly<Record<string, Pick<TensorEntry, 'dtype' | 'shape'>>>,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const ordered = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) =>
      elementBytes[b.dtype] - elementBytes[a.dtype] || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
  );
  const fields: [string, unknown][] = [];
  const names = Object.keys(metadata).sort();
  if (names.length > 0) {
    fields.push(['__metadata__', Object.fromEntries(names.map((name) => [name, metadata[name]]))]);
  }
  let end = 0;
  const placed = ordered.map(([name, { dtype, shape }]): TensorEntry => {
    const entry = { name, dtype, shape, offset: end, byteLength: tensorBytes({ dtype, shape }) };
    end += entry.byteLength;
    fields.push([name, { dtype, shape, data_offsets: [entry.offset, end] }]);
    return entry;
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + headerBytes);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, 8);
  header.fill(0x20, 8 + json.length);
  return {
    header,
    entries: placed.map((entry) => ({ ...entry, offset: header.length + entry.offset })),
    byteLength: header.length + end,
  };
}

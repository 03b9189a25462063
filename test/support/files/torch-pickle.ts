// Pickles and archives for tests, spelt opcode by opcode, so that a test can write what torch.save never would.
// Not a writer of checkpoints.
import { crc32, deflateRawSync } from 'node:zlib';

export type Piece = string | number | readonly Piece[];

/** Bytes from numbers (one byte each), text (latin1) and lists of both. */
export function bytes(...pieces: readonly Piece[]): Uint8Array {
  const flat = (piece: Piece): number[] =>
    typeof piece === 'number'
      ? [piece]
      : typeof piece === 'string'
        ? [...Buffer.from(piece, 'latin1')]
        : piece.flatMap(flat);
  return Uint8Array.from(pieces.flatMap(flat));
}

const uint32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const uint16 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];

export const op = {
  text: (value: string): Piece => ['X', uint32(value.length), value],
  int: (value: number): Piece => ['J', uint32(value)],
  tuple: (...items: readonly Piece[]): Piece => ['(', items, 't'],
  global: (module: string, name: string): Piece => ['c', `${module}\n${name}\n`],
  call: (callee: Piece, ...args: readonly Piece[]): Piece => [callee, op.tuple(...args), 'R'],
  dictionary: (entries: Readonly<Record<string, Piece>>): Piece => [
    '}(',
    Object.entries(entries).map(([key, value]) => [op.text(key), value]),
    'u',
  ],
} as const;

export const pickled = (value: Piece): Uint8Array => bytes(0x80, 2, value, '.');

export interface TensorOptions {
  readonly key?: string;
  readonly storage?: string;
  readonly elements?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
}

/** A tensor as torch.save pickles it; by default three float32 numbers in storage 0. */
export function tensor(options: TensorOptions = {}): Piece {
  const {
    key = '0',
    storage = 'FloatStorage',
    elements = 3,
    offset = 0,
    shape = [3],
    strides = [1],
  } = options;
  const id = op.tuple(
    op.text('storage'),
    op.global('torch', storage),
    op.text(key),
    op.text('cpu'),
    op.int(elements),
  );
  return op.call(
    op.global('torch._utils', '_rebuild_tensor_v2'),
    [id, 'Q'],
    op.int(offset),
    op.tuple(...shape.map(op.int)),
    op.tuple(...strides.map(op.int)),
    0x89,
    op.call(op.global('collections', 'OrderedDict')),
  );
}

export interface EntryOptions {
  readonly deflate?: boolean;
  /** What the directory says instead of the truth. */
  readonly saidBytes?: number;
  readonly saidCrc?: number;
  readonly saidOffset?: number;
}

export type ArchiveEntry = readonly [name: string, content: Uint8Array, options?: EntryOptions];

/** An archive of entries. */
export function zip(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts: number[] = [];
  const directory: number[] = [];
  for (const [name, content, options = {}] of entries) {
    const { deflate = false, saidBytes = content.length, saidCrc = crc32(content), saidOffset } = options;
    const packed = deflate ? deflateRawSync(content) : content;
    const offset = saidOffset ?? parts.length;
    const common = [
      ...uint16(deflate ? 8 : 0),
      ...uint32(0),
      ...uint32(saidCrc),
      ...uint32(packed.length),
      ...uint32(saidBytes),
      ...uint16(name.length),
    ];
    parts.push(...bytes('PK\x03\x04', uint16(20), uint16(0), common, uint16(0), name), ...packed);
    directory.push(
      ...bytes('PK\x01\x02', uint16(20), uint16(20), uint16(0), common, uint16(0), uint16(0)),
      ...bytes(uint16(0), uint16(0), uint32(0), uint32(offset), name),
    );
  }
  const end = bytes('PK\x05\x06', uint32(0), uint16(entries.length), uint16(entries.length));
  return Uint8Array.from([
    ...parts,
    ...directory,
    ...end,
    ...uint32(directory.length),
    ...uint32(parts.length),
    ...uint16(0),
  ]);
}

/** What torch.save would write for a pickle and its storages. */
export function torchArchive(
  value: Piece,
  storages: Readonly<Record<string, Uint8Array>> = { 0: new Uint8Array(12) },
): Uint8Array {
  return zip([
    ['archive/data.pkl', pickled(value)],
    ['archive/byteorder', bytes('little')],
    ...Object.entries(storages).map(([key, content]): ArchiveEntry => [`archive/data/${key}`, content]),
    ['archive/version', bytes('3\n')],
  ]);
}

/** Text and numbers of an archive whose large entries are holes: what to write where, and how long the file is. */
export interface SparseArchive {
  readonly parts: readonly { readonly at: number; readonly content: Uint8Array }[];
  readonly size: number;
}

/** As torch.save writes beyond 4 GiB (ZIP64), with storages of so many zero bytes that take no place on the disk. */
export function sparseTorchArchive(value: Piece, storages: Readonly<Record<string, number>>): SparseArchive {
  const pickle = pickled(value);
  const entries = [
    { name: 'archive/data.pkl', size: pickle.length, content: pickle },
    ...Object.entries(storages).map(([key, size]) => ({
      name: `archive/data/${key}`,
      size,
      content: undefined,
    })),
  ];
  const parts: { at: number; content: Uint8Array }[] = [];
  const directory: number[] = [];
  let at = 0;
  for (const { name, size, content } of entries) {
    const common = [
      ...uint16(0),
      ...uint32(0),
      ...uint32(content === undefined ? 0 : crc32(content)),
      ...uint32(0xffffffff),
      ...uint32(0xffffffff),
      ...uint16(name.length),
    ];
    const sizes = [...uint64(size), ...uint64(size)];
    const extra = (values: readonly number[]) => [...uint16(1), ...uint16(values.length), ...values];
    const local = bytes('PK\x03\x04', uint16(45), uint16(0), common, uint16(20), name, extra(sizes));
    const central = extra([...sizes, ...uint64(at)]);
    directory.push(
      ...bytes('PK\x01\x02', uint16(45), uint16(45), uint16(0), common, uint16(central.length), uint16(0)),
      ...bytes(uint16(0), uint16(0), uint32(0), uint32(0xffffffff), name, central),
    );
    parts.push({ at, content: local });
    at += local.length;
    if (content !== undefined) parts.push({ at, content });
    at += size;
  }
  const count = uint64(entries.length);
  const end = bytes(
    directory,
    ['PK\x06\x06', uint64(44), uint16(45), uint16(45), uint32(0), uint32(0), count, count],
    [uint64(directory.length), uint64(at)],
    ['PK\x06\x07', uint32(0), uint64(at + directory.length), uint32(1)],
    [
      'PK\x05\x06',
      uint32(0),
      uint16(0xffff),
      uint16(0xffff),
      uint32(0xffffffff),
      uint32(0xffffffff),
      uint16(0),
    ],
  );
  return { parts: [...parts, { at, content: end }], size: at + end.length };
}

const uint64 = (value: number): number[] => [
  ...uint32(value % 2 ** 32),
  ...uint32(Math.floor(value / 2 ** 32)),
];

// Damaged weight files of every kind, by the thousand: each is read or refused with one clear error, and never asks for
// more bytes than there are. All in memory; what single kinds of damage say is tested beside the readers.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { type ByteSource, memorySource } from '../../src/formats/files/file-bytes.ts';
import { readZip, readZipEntry } from '../../src/formats/files/zip.ts';
import { readPickle } from '../../src/formats/weights/pickle.ts';
import { parseSafetensors, serializeSafetensors } from '../../src/formats/weights/safetensors.ts';
import { elementBytes, type TensorFile } from '../../src/formats/weights/tensor-file.ts';
import { parseTorchFile } from '../../src/formats/weights/torch-checkpoint.ts';
import { op, pickled, tensor, torchArchive } from '../support/files/torch-pickle.ts';

const fixture = (name: string) =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../fixtures/torch/${name}`, import.meta.url))));

/** How often a reader read something damaged, and how often it refused: both must happen. */
const outcomes = { read: 0, refused: 0 };
afterAll(() => {
  expect(outcomes.read).toBeGreaterThan(500);
  expect(outcomes.refused).toBeGreaterThan(5000);
  expect(outcomes.read + outcomes.refused).toBeGreaterThanOrEqual(10_000);
});

/** Runs a reader on bytes whose every read is counted: no more may be asked for than some times the file. */
function attempt<T>(bytes: Uint8Array, read: (source: ByteSource) => T): T | undefined {
  const { path, size, read: readRange } = memorySource('some/weights', bytes);
  let asked = 0;
  const counted: ByteSource = {
    path,
    size,
    read: (offset, length, field) => {
      asked += length;
      return readRange(offset, length, field);
    },
  };
  try {
    const result = read(counted);
    outcomes.read++;
    return result;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    expect(error.issues[0]?.file).toBe('some/weights');
    expect(error.message.length).toBeLessThan(2000);
    outcomes.refused++;
    return undefined;
  } finally {
    expect(asked).toBeLessThanOrEqual(8 * size + 200_000);
  }
}

function checkTensors(file: TensorFile | undefined, bytes: Uint8Array): void {
  for (const { dtype, shape, offset, byteLength } of file?.tensors.values() ?? []) {
    expect(byteLength).toBe(elementBytes[dtype] * shape.reduce((product, size) => product * size, 1));
    expect(offset >= 0 && offset + byteLength <= bytes.length).toBe(true);
  }
}

/** Changes, cuts, repetitions and moves of a file's bytes. */
function damaged(whole: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.nat(whole.length);
  const edges = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff);
  const change = fc.record({ at: place, to: fc.oneof(edges, fc.nat(255)) });
  return fc.oneof(
    fc.array(change, { minLength: 1, maxLength: 6 }).map((changes) => {
      const copy = Uint8Array.from(whole);
      for (const { at, to } of changes) if (at < copy.length) copy[at] = to;
      return copy;
    }),
    place.map((length) => whole.subarray(0, length)),
    fc.tuple(place, place).map(([a, b]) => Uint8Array.from([...whole.subarray(0, a), ...whole.subarray(b)])),
    fc
      .tuple(place, fc.uint8Array({ maxLength: 20 }))
      .map(([at, extra]) => Uint8Array.from([...whole.subarray(0, at), ...extra, ...whole.subarray(at)])),
  );
}

const assertMany = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number, check: (value: T) => void) =>
  fc.assert(fc.property(arbitrary, check), { numRuns });

describe('safetensors', () => {
  const whole = serializeSafetensors(
    {
      'layer.weight': { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      half: { dtype: 'F16', shape: [3], data: Uint16Array.of(1, 2, 3) },
      empty: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
    },
    { format: 'pt' },
  );
  const check = (bytes: Uint8Array) => checkTensors(attempt(bytes, parseSafetensors), bytes);

  it('damaged anywhere', () => assertMany(damaged(whole), 2500, check));

  it('with any header and any length of it', () => {
    const size = fc.oneof(fc.nat(16), fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, 1e300, null, '4'));
    const entry = fc.record(
      {
        dtype: fc.constantFrom('F32', 'F16', 'U8', 'F12', '', null),
        shape: fc.oneof(fc.array(size, { maxLength: 3 }), size),
        data_offsets: fc.oneof(fc.tuple(size, size), fc.array(size, { maxLength: 3 }), size),
      },
      { requiredKeys: [] },
    );
    const header = fc.oneof(
      fc.dictionary(fc.constantFrom('a', 'b', '__metadata__', '__proto__'), fc.oneof(entry, fc.jsonValue())),
      fc.jsonValue(),
    );
    const length = fc.oneof(
      fc.constant(0),
      fc.integer({ min: -20, max: 20 }),
      fc.constantFrom(2 ** 31, 2 ** 52),
    );
    assertMany(fc.tuple(header, length, fc.nat(40)), 1500, ([value, error, data]) => {
      const json = Buffer.from(JSON.stringify(value));
      const bytes = Buffer.alloc(8 + json.length + data);
      bytes.writeBigUInt64LE(BigInt(Math.max(0, json.length + error)));
      bytes.set(json, 8);
      check(new Uint8Array(bytes));
    });
  });

  it('with a key twice, at the top or inside', () => {
    const again = (text: string, pattern: RegExp) => {
      const json = Buffer.from(text.replace(pattern, '$1$1'));
      const bytes = Buffer.alloc(8 + json.length + 4);
      bytes.writeBigUInt64LE(BigInt(json.length));
      bytes.set(json, 8);
      return memorySource('twice', bytes);
    };
    const text =
      '{"a\\"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"c":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}';
    expect(() => parseSafetensors(again(text, /("a.*?\},)/))).toThrow(
      'twice: a"b: damaged: the header has this key twice',
    );
    expect(() => parseSafetensors(again(text, /("dtype":"F32",)/))).toThrow('dtype: damaged');
    expect(parseSafetensors(again(text, /(nothing)/)).tensors.size).toBe(2);
  });
});

describe('PyTorch', () => {
  const check = (bytes: Uint8Array) => checkTensors(attempt(bytes, parseTorchFile), bytes);

  it('archives damaged anywhere', () => {
    assertMany(damaged(torchArchive(op.dictionary({ w: tensor(), v: tensor() }))), 2500, check);
    assertMany(damaged(fixture('archive.bin')), 700, check);
  });

  it('streams damaged anywhere', () => assertMany(damaged(fixture('stream.bin')), 1500, check));

  it('archives of damaged pickles', () => {
    const pickle = pickled(op.dictionary({ w: tensor({ offset: 1, shape: [2] }), v: tensor() }));
    assertMany(damaged(pickle), 1500, (bytes) => {
      const inner = [...bytes.subarray(2, -1)];
      check(torchArchive(inner));
    });
  });

  it('tensors of any storage, offset, shape and strides', () => {
    const size = fc.oneof(fc.nat(4), fc.constantFrom(-1, 2 ** 31 - 1));
    const options = fc.record({
      elements: size,
      offset: size,
      shape: fc.array(size, { maxLength: 3 }),
      strides: fc.array(size, { maxLength: 3 }),
      storage: fc.constantFrom('FloatStorage', 'HalfStorage', 'DoubleStorage'),
    });
    assertMany(options, 1000, (some) => check(torchArchive(op.dictionary({ w: tensor(some) }))));
  });
});

describe('pickles', () => {
  it('of any operations end, within their bytes', () => {
    const operations = fc.array(
      fc.oneof(
        fc.constantFrom(...'.(01N)]}QRabehjlqrstuX'.split('').map((letter) => [letter.charCodeAt(0)])),
        fc.constantFrom([0x85], [0x86], [0x87], [0x88], [0x93], [0x94], [0x8a, 255], [0x95, 0, 0]),
        fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => [...bytes]),
      ),
      { maxLength: 60 },
    );
    assertMany(operations, 2500, (pieces) => {
      const bytes = Uint8Array.from([0x80, 2, ...pieces.flat(), 0x2e]);
      attempt(bytes, (source) => readPickle({ source }));
    });
  });

  it('that grow without end stop at a bound', () => {
    const many = new Uint8Array(3_000_000).fill('N'.charCodeAt(0));
    expect(() => readPickle({ source: memorySource('many', many) })).toThrow('more than 2000000 operations');
    // Each tuple holds the one before it twice: 2^100 leaves, never walked.
    const doubled = Uint8Array.from([0x80, 2, 0x29, ...Array(100).fill([0x32, 0x86]).flat(), 0x2e]);
    expect(readPickle({ source: memorySource('doubled', doubled) }).value).toHaveLength(2);
  });
});

describe('archives', () => {
  it('whose entries are unpacked never grow past what is allowed', () => {
    assertMany(damaged(fixture('archive.bin')), 700, (bytes) => {
      const archive = attempt(bytes, readZip);
      for (const entry of archive?.entries.values() ?? []) {
        const content = attempt(bytes, () =>
          readZipEntry(archive as NonNullable<typeof archive>, entry, 1000),
        );
        expect(content?.length ?? 0).toBeLessThanOrEqual(1000);
      }
    });
  });
});

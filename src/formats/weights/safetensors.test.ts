import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../../test/support/failure.ts';
import { float32ToBfloat16, float32ToFloat16 } from './half.ts';
import { openSafetensors, serializeSafetensors } from './safetensors.ts';
import { readFloat32, readTensor } from './tensor-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** A file with a header of our choosing and `dataBytes` zeros. */
function writeHeader(header: unknown, dataBytes: number): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return write('header.safetensors', Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('a written file', () => {
  const weight = Float32Array.of(1, -2.5, 3, 4, 5, 6);
  const tensors = {
    'layer.weight': { dtype: 'F32', shape: [2, 3], data: weight },
    half: { dtype: 'F16', shape: [3], data: float32ToFloat16(Float32Array.of(0.5, -1, 65504)) },
    brain: { dtype: 'BF16', shape: [1, 2], data: float32ToBfloat16(Float32Array.of(2, -0.5)) },
    ids: { dtype: 'I64', shape: [2], data: BigInt64Array.of(-1n, 2n ** 40n) },
    flags: { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
    empty: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
    scalar: { dtype: 'I32', shape: [], data: Int32Array.of(-7) },
  } as const;

  it('reads back in every dtype', () => {
    const path = write('a.safetensors', serializeSafetensors(tensors, { format: 'pt', author: 'é' }));
    const file = openSafetensors(path);
    expect(file.metadata).toEqual({ format: 'pt', author: 'é' });
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
    expect(file.tensors.get('layer.weight')?.shape).toEqual([2, 3]);
    expect(readFloat32(file, 'layer.weight')).toEqual(weight);
    expect([...readFloat32(file, 'half')]).toEqual([0.5, -1, 65504]);
    expect([...readFloat32(file, 'brain')]).toEqual([2, -0.5]);
    expect(readTensor(file, 'ids')).toEqual(BigInt64Array.of(-1n, 2n ** 40n));
    expect(readTensor(file, 'flags')).toEqual(Uint8Array.of(1, 0, 1));
    expect(readTensor(file, 'scalar')).toEqual(Int32Array.of(-7));
    expect(readFloat32(file, 'empty')).toEqual(new Float32Array(0));
  });

  it('gives absolute offsets, aligned to the element', () => {
    const path = write('b.safetensors', serializeSafetensors(tensors));
    const bytes = readFileSync(path);
    const entry = openSafetensors(path).tensors.get('layer.weight');
    expect(bytes.readFloatLE((entry?.offset ?? 0) + 4)).toBe(-2.5);
    for (const { offset, byteLength, shape } of openSafetensors(path).tensors.values()) {
      const count = shape.reduce((a, b) => a * b, 1);
      if (count > 0) expect(offset % (byteLength / count)).toBe(0);
    }
  });

  it('has the same bytes whatever the order of names', () => {
    const reversed = Object.fromEntries(Object.entries(tensors).reverse());
    expect(serializeSafetensors(reversed, { b: '1', a: '2' })).toEqual(
      serializeSafetensors(tensors, { a: '2', b: '1' }),
    );
  });

  it('round-trips any set of tensors', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((name) => name !== '__metadata__'),
          fc.array(fc.float({ noNaN: true }), { maxLength: 9 }),
        ),
        (values) => {
          const sources = Object.fromEntries(
            Object.entries(values).map(([name, list]) => [
              name,
              { dtype: 'F32' as const, shape: [list.length], data: Float32Array.from(list) },
            ]),
          );
          const file = openSafetensors(write('c.safetensors', serializeSafetensors(sources)));
          expect([...file.tensors.keys()].sort()).toEqual(Object.keys(values).sort());
          for (const [name, list] of Object.entries(values)) {
            expect(readFloat32(file, name)).toEqual(Float32Array.from(list));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('refuses data that does not fill the shape', () => {
    expect(() => serializeSafetensors({ w: { dtype: 'F32', shape: [3], data: weight } })).toThrow(
      'w: 24 bytes do not fill F32 [3] (12 bytes)',
    );
  });
});

describe('a damaged file', () => {
  it('is refused when cut anywhere, naming the file', () => {
    const bytes = serializeSafetensors({
      a: { dtype: 'F32', shape: [4], data: Float32Array.of(1, 2, 3, 4) },
      b: { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) },
    });
    for (let length = 0; length < bytes.length; length++) {
      const path = write('cut.safetensors', bytes.subarray(0, length));
      expect(failure(() => openSafetensors(path)).message).toContain('cut.safetensors');
    }
    const path = write('cut.safetensors', bytes.subarray(0, bytes.length - 1));
    const error = failure(() => openSafetensors(path));
    expect(error.issues[0]?.field).toBe('b');
    expect(error.message).toContain('truncated');
  });

  it('is refused when cut after it was opened, naming the tensor', () => {
    const bytes = serializeSafetensors({ a: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
    const path = write('late.safetensors', bytes);
    const file = openSafetensors(path);
    truncateSync(path, bytes.length - 2);
    const error = failure(() => readFloat32(file, 'a'));
    expect(error.message).toContain('truncated');
    expect(error.issues[0]?.field).toBe('a');
  });

  it.each<[what: string, header: unknown, dataBytes: number, message: string]>([
    ['a gap', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12, 'gap'],
    ['an overlap', { a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8, 'overlaps'],
    ['trailing bytes', { a: f32([1], 0, 4) }, 5, 'the last tensor ends at byte'],
    ['a size that is not the shape', { a: f32([3], 0, 8) }, 8, 'F32 [3] takes 12 bytes'],
    ['offsets that run backwards', { a: f32([1], 4, 0) }, 4, 'run backwards'],
    ['an unknown dtype', { a: { dtype: 'F12', shape: [1], data_offsets: [0, 4] } }, 4, '"F12"'],
    ['an inherited name as dtype', { a: { dtype: 'toString', shape: [], data_offsets: [0, 4] } }, 4, 'dtype'],
    ['a negative size', { a: f32([-1], 0, 4) }, 4, 'shape'],
    ['a huge size', { a: f32([2 ** 53, 2 ** 53], 0, 4) }, 4, 'shape'],
    ['no offsets', { a: { dtype: 'F32', shape: [1] } }, 4, 'data_offsets'],
    ['a tensor that is no object', { a: 3 }, 4, 'expected an object'],
    ['metadata that are no strings', { __metadata__: { a: 1 } }, 0, 'expected an object of strings'],
    ['a list for header', [], 0, 'not a JSON object'],
    ['broken JSON', '{"a": ', 0, 'not JSON'],
  ])('is refused for %s', (_, header, dataBytes, message) => {
    expect(failure(() => openSafetensors(writeHeader(header, dataBytes))).message).toContain(message);
  });

  it('is recognised as a Git LFS pointer', () => {
    const path = write(
      'lfs.safetensors',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n',
    );
    expect(failure(() => openSafetensors(path)).message).toContain('git lfs pull');
  });

  it('is refused when absent or a folder', () => {
    expect(failure(() => openSafetensors(join(folder, 'absent'))).message).toContain('no such file');
    expect(failure(() => openSafetensors(folder)).message).toContain('expected a safetensors file');
  });

  it('refuses an unknown tensor and a tensor of the wrong type by name', () => {
    const bytes = serializeSafetensors({ n: { dtype: 'U16', shape: [1], data: Uint16Array.of(1) } });
    const file = openSafetensors(write('types.safetensors', bytes));
    expect(failure(() => readTensor(file, 'm')).message).toContain('m: no such tensor');
    expect(failure(() => readFloat32(file, 'n')).message).toContain('found U16');
  });
});

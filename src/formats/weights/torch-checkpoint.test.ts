import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  op,
  type Piece,
  pickled,
  type TensorOptions,
  tensor,
  torchArchive,
  zip,
} from '../../../test/support/files/torch-pickle.ts';
import { DataError } from '../../base/errors.ts';
import { memorySource } from '../files/file-bytes.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './half.ts';
import { readTensor } from './tensor-file.ts';
import { openTorchFile, parseTorchFile } from './torch-checkpoint.ts';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../../test/fixtures/torch/${name}`, import.meta.url));
const expected: {
  readonly versions: { readonly torch: string };
  readonly tensors: Readonly<
    Record<string, { readonly shape: number[]; readonly dtype: string; readonly values: number[] }>
  >;
} = JSON.parse(readFileSync(fixture('expected.json'), 'utf8'));

const parse = (content: Uint8Array) => parseTorchFile(memorySource('weights.bin', content));

function failure(content: Uint8Array): string {
  try {
    parse(content);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toContain('weights.bin');
    return (error as DataError).message;
  }
  return expect.fail('nothing was thrown');
}

describe.each(['archive.bin', 'stream.bin'])(`torch ${expected.versions.torch}'s %s`, (name) => {
  const file = openTorchFile(fixture(name));

  it('gives every tensor with its values', () => {
    const usable = Object.entries(expected.tensors).filter(([key]) => key !== 'transposed');
    expect([...file.tensors.keys()]).toEqual(usable.map(([key]) => key));
    for (const [key, { shape, dtype, values }] of usable) {
      expect(file.tensors.get(key)?.shape, key).toEqual(shape);
      const raw = readTensor(file, key);
      const wide =
        dtype === 'float16'
          ? float16ToFloat32(raw as Uint16Array)
          : dtype === 'bfloat16'
            ? bfloat16ToFloat32(raw as Uint16Array)
            : raw;
      expect(Array.from(wide, Number), key).toEqual(values.map(Number));
    }
  });

  it('refuses a transposed tensor only when it is asked for', () => {
    expect([...file.unusable.keys()]).toEqual(['transposed']);
    expect(() => readTensor(file, 'transposed')).toThrow(
      `${name}: transposed: [3, 2] is stored with strides [1, 3]: save it with .contiguous()`,
    );
  });
});

describe('what is not a dictionary of tensors', () => {
  it('is refused by the Python name it asks for', () => {
    expect(() => openTorchFile(fixture('module.bin'))).toThrow(/asks for torch\.nn\.modules\.linear\.Linear/);
    expect(() => openTorchFile(fixture('mixed.bin'))).toThrow('step: expected a tensor');
  });

  const command = op.text('touch /tmp/harm');
  it.each<[what: string, value: Piece, message: string]>([
    ['a call of os.system', op.call(op.global('os', 'system'), command), 'asks for os.system'],
    [
      'eval by its older name',
      op.call(op.global('__builtin__', 'eval'), command),
      'asks for __builtin__.eval',
    ],
    ['a global by a computed name', [op.text('posix'), op.text('system'), 0x93], 'asks for posix.system'],
    ['a function inside torch', op.global('torch', 'load'), 'asks for torch.load'],
    ['an inherited name', op.global('torch', 'constructor'), 'asks for torch.constructor'],
    ['an inherited method', op.global('toString', ''), 'asks for toString.'],
    [
      'a storage that is called',
      op.call(op.global('torch', 'FloatStorage'), op.int(9)),
      'it calls torch.FloatStorage',
    ],
    ['a dictionary that is called', [op.dictionary({}), op.tuple(), 'R'], 'it calls what is no function'],
    ['an object made new', [op.global('collections', 'OrderedDict'), ')', 0x81], 'the operation 0x81'],
    ['an instance', ['(', 'i', 'os\nsystem\n'], 'the operation "i"'],
    ['an extension code', [0x82, 1], 'the operation 0x82'],
    [
      'an OrderedDict of a list',
      op.call(op.global('collections', 'OrderedDict'), ']'),
      'made from something',
    ],
    ['state for a tensor', [tensor(), op.dictionary({}), 'b'], 'it gives state to an object'],
    ['a number', op.int(3), 'expected a dictionary'],
    ['a tensor alone', tensor(), 'expected a dictionary'],
    ['a name that is a number', ['}(', op.int(3), tensor(), 'u'], '3: expected a tensor'],
    ['a name that is a tuple', ['}(', op.tuple(), tensor(), 'u'], 'a key that is no text or number'],
    ['a name twice', ['}(', op.text('w'), tensor(), op.text('w'), tensor(), 'u'], '"w" is set twice'],
    ['a list of itself', [']', 'q', 0, 'h', 0, 'a'], 'expected a dictionary'],
    [
      'a parameter of a number',
      op.call(op.global('torch._utils', '_rebuild_parameter'), op.int(1)),
      'no tensor',
    ],
  ])('is refused: %s', (_, value, message) => {
    expect(failure(torchArchive(value))).toContain(message);
  });
});

describe('a damaged file', () => {
  it.each<[what: string, options: TensorOptions, message: string]>([
    ['a storage that is not there', { key: '7' }, 'w: its storage archive/data/7 is missing'],
    ['a storage that is too small', { elements: 4, shape: [4] }, 'has 12 bytes, 16 are needed'],
    ['a tensor larger than its storage', { shape: [4] }, 'w: needs element 3 of a storage of 3'],
    ['an offset beyond its storage', { offset: 1 }, 'w: needs element 3'],
    ['strides beyond its storage', { shape: [2], strides: [3] }, 'w: needs element 3'],
    ['a negative size', { shape: [-1] }, 'no sizes'],
    ['a huge size', { shape: [0x7fffffff, 0x7fffffff], strides: [1, 1] }, 'needs element'],
    ['strides that are missing', { shape: [1, 3] }, 'another number of strides'],
    ['an unknown type', { storage: 'ComplexFloatStorage' }, 'asks for torch.ComplexFloatStorage'],
    ['another type than its bytes', { storage: 'DoubleStorage' }, 'has 12 bytes, 24 are needed'],
  ])('is refused for %s', (_, options, message) => {
    expect(failure(torchArchive(op.dictionary({ w: tensor(options) })))).toContain(message);
  });

  const good = op.dictionary({ w: tensor() });
  const entry = (content: Uint8Array = pickled(good)) => ['a/data.pkl', content] as const;
  const storage = ['a/data/0', new Uint8Array(12)] as const;

  it('but a good one is read', () => {
    expect(parse(zip([entry(), storage])).tensors.get('w')).toMatchObject({ dtype: 'F32', byteLength: 12 });
    expect(parse(zip([[...entry(), { deflate: true }], storage])).tensors.size).toBe(1);
  });

  it.each<[what: string, content: Uint8Array, message: string]>([
    ['a compressed storage', zip([entry(), [...storage, { deflate: true }]]), 'a/data/0: is compressed'],
    [
      'a pickle that unpacks to more than it says',
      zip([[...entry(new Uint8Array(1e6)), { deflate: true, saidBytes: 1000 }], storage]),
      'a/data.pkl: damaged archive: unpacks to more than the 1000 bytes said',
    ],
    [
      'a pickle that says it unpacks to gigabytes',
      zip([[...entry(), { deflate: true, saidBytes: 2 ** 31 }], storage]),
      'more than the 64000000 that are read here',
    ],
    ['a wrong checksum', zip([[...entry(), { saidCrc: 1 }], storage]), 'the checksum does not fit'],
    ['entries that overlap', zip([entry(), [...storage, { saidOffset: 5 }]]), 'overlaps another entry'],
    ['entries that begin nowhere', zip([[...entry(), { saidOffset: 5 }], storage]), 'no entry begins'],
    [
      'an entry twice',
      zip([entry(), storage, storage]),
      'a/data/0: damaged archive: two entries have this name',
    ],
    ['two pickles', zip([entry(), ['b/data.pkl', pickled(good)]]), '2 entries called data.pkl'],
    ['no pickle', zip([storage]), '0 entries called data.pkl'],
    ['big-endian numbers', zip([entry(), storage, ['a/byteorder', bytes('big')]]), 'only little-endian'],
    ['a tail that is cut off', torchArchive(good).subarray(0, -30), 'no directory at its end'],
    ['no bytes', new Uint8Array(0), 'it is empty'],
    ['text', bytes('hello'), 'not a PyTorch file'],
    [
      'a pickle alone that calls',
      pickled(op.call(op.global('os', 'system'), op.text('x'))),
      'asks for os.system',
    ],
    ['a Git LFS pointer', bytes('version https://git-lfs.github.com/spec/v1\n'), 'git lfs pull'],
  ])('is refused for %s', (_, content, message) => {
    expect(failure(content)).toContain(message);
  });

  it('is refused when the stream format is cut anywhere', () => {
    const whole = readFileSync(fixture('stream.bin'));
    for (let length = 0; length < whole.length; length += 3) failure(whole.subarray(0, length));
  });
});

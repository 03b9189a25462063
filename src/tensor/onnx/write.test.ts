// What is written and opened: frozen weights out of files, in memory and mapped; the same bytes for the same graph; and
// errors that say what is wrong with a file or a dimension.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareNumbers } from '../../../test/support/compare.ts';
import { readWeight, writeWeights } from '../../../test/support/files/weight-files.ts';
import { UserError } from '../../base/errors.ts';
import { float32, int32, type StorageType } from '../dtype.ts';
import { grad } from '../grad.ts';
import type { Tensor } from '../graph.ts';
import { evaluate } from '../interpreter.ts';
import {
  add,
  broadcastTo,
  constant,
  gather,
  input,
  iota,
  matmul,
  mul,
  softmax,
  sum,
  weight,
} from '../ops.ts';
import { floats, Program } from '../program.ts';
import { normalArray } from '../random.ts';
import { writeOnnx } from './write.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coin-onnx-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const x = input('x', 'float32', ['n', 4]);
const ids = input('ids', 'int32', ['k']);
const feeds = {
  x: float32(normalArray(12, { seed: 5, purpose: 'x' }), [3, 4]),
  ids: int32([6, 0, 6], [3]),
};

/** A graph that uses each weight, with a gradient through them. */
function graphOf(w: Readonly<Record<'full' | 'half' | 'brain', Tensor>>): Record<string, Tensor> {
  const hidden = softmax(matmul(x, w.full, { transposeB: true })); // [n, 7]
  const y = mul(matmul(hidden, w.half), w.brain); // [n, 4]
  const rows = gather(w.full, ids);
  const [dx] = grad(sum(y), [x]);
  return { y, rows, dx: dx as Tensor };
}

const tensors = { full: ['F32', [7, 4]], half: ['F16', [7, 4]], brain: ['BF16', [4]] } as const;

describe('frozen weights', () => {
  it.each([
    ['in memory', {}],
    ['mapped', { mapWeightsOver: 0 }],
  ])('F32, F16 and BF16 from one safetensors file, %s', async (_, options) => {
    const outputs = graphOf(writeWeights(join(folder, 'model.safetensors'), tensors));
    const program = await Program.compile(outputs, options);
    const actual = await program.runOnHost(feeds);
    const expected = evaluate(outputs, feeds, { readWeight });
    for (const name of Object.keys(outputs)) {
      compareNumbers(actual[name], expected[name], { tolerance: 1e-5, message: name });
    }
    expect([...floats(actual.rows)]).toEqual([...(expected.rows?.data ?? [])]);
    await program.dispose();
  });

  it('in memory and mapped give the same bits, and mapping leaves nothing beside the file', async () => {
    const place = join(folder, 'same');
    mkdirSync(place);
    const outputs = graphOf(writeWeights(join(place, 'model.safetensors'), tensors));
    chmodSync(place, 0o555);
    const results = [];
    for (const mapWeightsOver of [Number.POSITIVE_INFINITY, 0]) {
      const program = await Program.compile(outputs, { mapWeightsOver });
      results.push(await program.runOnHost(feeds));
      await program.dispose();
    }
    chmodSync(place, 0o755);
    expect(results[1]).toEqual(results[0]);
    expect(readdirSync(place)).toEqual(['model.safetensors']);
  });

  it.each<[StorageType, number]>([
    ['F32', 1],
    ['F32', 2],
    ['F32', 3],
    ['F16', 1],
    ['BF16', 3],
  ])('%s at an offset of %i bytes, in memory and mapped', async (storage, offset) => {
    const path = join(folder, `offset-${storage}-${offset}.bin`);
    const values = [1.5, -2, 0.25, 96, -0.125, 3];
    // The high half of each of these is its bfloat16; as halves they are written by hand.
    const halves = {
      F16: [0x3e00, 0xc000, 0x3400, 0x5600, 0xb000, 0x4200],
      BF16: [0x3fc0, 0xc000, 0x3e80, 0x42c0, 0xbe00, 0x4040],
    };
    const data = storage === 'F32' ? Float32Array.from(values) : Uint16Array.from(halves[storage]);
    writeFileSync(path, Buffer.concat([Buffer.alloc(offset, 0xff), Buffer.from(data.buffer)]));
    const w = weight('w', { file: path, offset, byteLength: data.byteLength, storage }, [2, 3]);
    for (const mapWeightsOver of [Number.POSITIVE_INFINITY, 0]) {
      const program = await Program.compile({ y: mul(w, input('one', 'float32', [])) }, { mapWeightsOver });
      const { y } = await program.runOnHost({ one: float32([1], []) });
      expect([...floats(y)]).toEqual(values);
      await program.dispose();
    }
  });

  it('mapped from several folders and through links, as download caches have them', async () => {
    const [blobs, snapshot] = [join(folder, 'cache', 'blobs'), join(folder, 'cache', 'snapshots', 'main')];
    mkdirSync(blobs, { recursive: true });
    mkdirSync(snapshot, { recursive: true });
    writeWeights(join(blobs, '0a1b'), { a: ['F32', [4]] });
    symlinkSync(join('..', '..', 'blobs', '0a1b'), join(snapshot, 'a.safetensors'));
    const here = writeWeights(join(folder, 'cache', 'b.safetensors'), { b: ['F16', [4]] });
    const linked = writeLinked(join(snapshot, 'a.safetensors'), join(blobs, '0a1b'));
    const outputs = { y: mul(add(x, linked), here.b) };
    const program = await Program.compile(outputs, { mapWeightsOver: 0 });
    const expected = evaluate(outputs, feeds, { readWeight });
    compareNumbers((await program.runOnHost(feeds)).y, expected.y, { tolerance: 1e-6, message: 'y' });
    await program.dispose();
  });

  it('reads a file again when it has changed', async () => {
    const path = join(folder, 'changing.bin');
    const w = weight('w', { file: path, offset: 0, byteLength: 8, storage: 'F32' }, [2]);
    for (const values of [
      [1, 2],
      [3, 4],
    ]) {
      writeFileSync(path, Buffer.from(Float32Array.from(values).buffer));
      const program = await Program.compile({ y: add(w, input('zero', 'float32', [])) });
      const { y } = await program.runOnHost({ zero: float32([0], []) });
      expect([...floats(y)]).toEqual(values);
      await program.dispose();
    }
  });
});

/** The weight `a` of the file that a link points to, named by the link. */
function writeLinked(link: string, target: string): Tensor {
  const { a } = writeWeights(target, { a: ['F32', [4]] });
  const { source } = a.attributes as { readonly source: Parameters<typeof weight>[1] };
  return weight('a', { ...source, file: link }, [4]);
}

describe('what is wrong with a weight file', () => {
  const compile = (w: Tensor, options: { mapWeightsOver?: number }) =>
    Program.compile({ y: add(w, input('zero', 'float32', [])) }, options).catch((error: unknown) => error);

  it.each([
    ['in memory', {}],
    ['mapped', { mapWeightsOver: 0 }],
  ])('missing, or shorter than a weight: %s', async (_, options) => {
    const path = join(folder, 'short.safetensors');
    const { a } = writeWeights(path, { a: ['F32', [100]] });
    truncateSync(path, 300);
    const short = await compile(a, options);
    expect(short).toBeInstanceOf(UserError);
    expect((short as Error).message.replace(folder, '…')).toMatchInlineSnapshot(
      `"…/short.safetensors: a: truncated: the weight ends at byte 472, the file at byte 300"`,
    );
    rmSync(path);
    const missing = await compile(a, options);
    expect(missing).toBeInstanceOf(UserError);
    expect((missing as Error).message.replace(folder, '…')).toMatchInlineSnapshot(
      `"…/short.safetensors: a: no such weight file"`,
    );
  });

  it('a byte range that does not hold the shape is refused at trace time', () => {
    const source = { file: 'model.bin', offset: 0, byteLength: 10, storage: 'F16' as const };
    expect(() => weight('w', source, [2, 3])).toThrow(
      'weight(): "w" as F16[2, 3] takes 12 bytes, its range has 10',
    );
  });
});

describe('the model', () => {
  const build = () => {
    const n = input('x', 'float32', ['batch', 'tokens', 8]);
    const table = constant(float32(normalArray(64, { seed: 1, purpose: 'table' }), [8, 8]));
    const y = softmax(matmul(n, table));
    const [dn] = grad(sum(mul(y, y)), [n]);
    return { y, dn: dn as Tensor };
  };

  it('is the same bytes for the same graph, on every provider', () => {
    for (const provider of ['cpu', 'webgpu', 'cuda'] as const) {
      const [first, second] = [writeOnnx(build(), { provider }), writeOnnx(build(), { provider })];
      expect(Buffer.from(second.bytes).equals(first.bytes)).toBe(true);
      expect(first.nodeCount).toBeGreaterThan(8);
    }
  });

  it('refers to weights and does not contain them', () => {
    const path = join(folder, 'large.safetensors');
    const { a } = writeWeights(path, { a: ['F32', [1000]] });
    const { bytes, files } = writeOnnx({ y: mul(a, 2) });
    expect([...files]).toEqual([[path, 'w0']]);
    expect(bytes.length).toBeLessThan(1000);
    expect(readFileSync(path).length).toBeGreaterThan(4000);
  });

  it('names a dimension that no input has', async () => {
    const unknown = add(broadcastTo(constant(1), ['rows', 2]), 0);
    await expect(Program.compile({ y: unknown })).rejects.toThrow(
      'onnx: no input has a dimension "rows", so its size cannot be known',
    );
    await expect(Program.compile({ y: iota('columns') })).rejects.toThrow(
      'no input has a dimension "columns"',
    );
    await expect(Program.compile({ y: iota('2*columns') })).rejects.toThrow(
      'no input has a dimension "columns"',
    );
    expect(() => evaluate({ y: unknown }, {})).toThrow('no fed input has a dimension "rows"');
  });
});

describe('the names of outputs', () => {
  const y = mul(x, 2);
  const z = add(y, 1);
  const fixed = constant(float32(Float32Array.of(3), [1]));
  const outputs: Readonly<Record<string, Tensor>> = { y, same: y, z, fed: x, fixed };

  it('are given to the values themselves, and only what has a name is copied', async () => {
    const nodes = writeOnnx({ y, z }).nodeCount;
    expect(writeOnnx(outputs).nodeCount).toBe(nodes + 3);
    const program = await Program.compile(outputs);
    const actual = await program.runOnHost({ x: feeds.x });
    const expected = evaluate(outputs, { x: feeds.x });
    for (const name of Object.keys(outputs)) {
      compareNumbers(actual[name], expected[name], { tolerance: 1e-6, message: name });
    }
    await program.dispose();
  });
});

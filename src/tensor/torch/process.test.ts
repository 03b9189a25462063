import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTorch, onTorch } from '../../../test/support/torch.ts';
import { float32 } from '../dtype.ts';
import { add, input, matmul, mul } from '../ops.ts';
import { DeviceTensor, floats, Program } from '../program.ts';
import { encodeFrame, FrameReader } from './frames.ts';

/** A program in place of Python, of so many lines of JavaScript after `write`, which sends a header. */
function standIn(body: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'coin-torch-')), 'python');
  const write =
    'const write = (header) => { const text = Buffer.from(JSON.stringify(header)); const prefix = Buffer.alloc(4); ' +
    'prefix.writeUInt32LE(text.length); process.stdout.write(Buffer.concat([prefix, text])); };';
  writeFileSync(file, `#!${process.execPath}\n${write}\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

const doubled = { y: mul(input('x', 'float32', ['n']), 2) };
const compileWith = (python: string) =>
  Program.compile(doubled, { torch: { device: 'cpu', precision: 'float32', python } });

describe('a Python that cannot do it', () => {
  it('is not there: says how to get it', async () => {
    const error = await compileWith('/nowhere/python').catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('Python cannot be started as "/nowhere/python"');
    expect(error).toMatchObject({ issues: [{ hint: expect.stringContaining('pip install torch numpy') }] });
  });

  it('has no PyTorch, or one that is too old', async () => {
    const python = standIn(`write({ error: "No module named 'torch'", kind: 'missing', bytes: [] })`);
    await expect(compileWith(python)).rejects.toThrow("cannot run PyTorch: No module named 'torch'");
  });

  it('ends in the middle: what it last said is quoted', async () => {
    const python = standIn(`
      write({ torch: '2.13', device: 'cpu', name: 'cpu', bytes: [] });
      process.stdin.on('data', (part) => {
        if (!String(part).includes('"compile"')) return;
        process.stderr.write('out of everything\\n', () => process.exit(9));
      });`);
    await expect(compileWith(python)).rejects.toThrow(/ended with exit code 9:\nout of everything/);
  });
});

describe('messages', () => {
  it('are put together from parts of any size', () => {
    const parts = [
      ...encodeFrame({ a: 1 }, [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)]),
      ...encodeFrame({ b: 'ä' }),
    ];
    const whole = Buffer.concat(parts);
    for (const size of [1, 2, 5, 7, whole.byteLength]) {
      const reader = new FrameReader();
      const frames = [];
      for (let at = 0; at < whole.byteLength; at += size)
        frames.push(...reader.push(whole.subarray(at, at + size)));
      expect(frames).toEqual([
        {
          header: { a: 1, bytes: [3, 0, 1] },
          buffers: [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)],
        },
        { header: { b: 'ä', bytes: [] }, buffers: [] },
      ]);
    }
  });
});

describe.skipIf(!hasTorch)('PyTorch', () => {
  it('keeps tensors, is fed them again, reads and forgets them', async () => {
    const keeping = await Program.compile(doubled, { ...onTorch, keepOnDevice: ['y'] });
    const reading = await Program.compile({ z: add(input('y', 'float32', ['n']), 1) }, onTorch);
    const { y } = await keeping.run({ x: float32([1, 2, 3], [3]) });
    expect(y).toBeInstanceOf(DeviceTensor);
    expect([...floats(await (y as DeviceTensor).read())]).toEqual([2, 4, 6]);
    const { z } = await reading.run({ y: y as DeviceTensor });
    expect([...floats(z)]).toEqual([3, 5, 7]);
    (y as DeviceTensor).dispose();
    await expect((y as DeviceTensor).read()).rejects.toThrow('KeyError');
    await keeping.dispose();
    await reading.dispose();
  });

  it('names a device that is not there', async () => {
    const missing = { ...onTorch.torch, device: 'mps', precision: 'float32' } as const;
    await expect(Program.compile(doubled, { torch: missing })).rejects.toThrow(/sees no device mps/);
  });

  it('multiplies in bfloat16 when it is told to, and computes what is fed in float32', async () => {
    const x = Float32Array.from({ length: 64 }, (_, i) => 1 + i / 1000);
    const [a, b] = [input('a', 'float32', ['n', 64]), input('b', 'float32', [64, 'n'])];
    const reduced = await Program.compile(
      { product: matmul(a, b), square: mul(a, a) },
      { torch: { ...onTorch.torch!, precision: 'bfloat16' } },
    );
    const { product, square } = await reduced.runOnHost({ a: float32(x, [1, 64]), b: float32(x, [64, 1]) });
    const exact = x.reduce((sum, value) => sum + value ** 2, 0);
    const error = Math.abs(floats(product)[0]! / exact - 1);
    expect(error).toBeLessThan(2 ** -7);
    expect(error).toBeGreaterThan(2 ** -20);
    expect(Math.abs(floats(square)[63]! - x[63]! ** 2)).toBeLessThan(1e-6);
    await reduced.dispose();
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../../test/support/failure.ts';
import { openCheckpoint } from './checkpoint.ts';
import { serializeSafetensors } from './safetensors.ts';
import { readFloat32 } from './tensor-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}
describe('a checkpoint', () => {
  const one = (value: number) => ({ dtype: 'F32' as const, shape: [1], data: Float32Array.of(value) });
  const shard = 'model-00001-of-00002.safetensors';
  const second = 'model-00002-of-00002.safetensors';
  const writeIndex = (map: unknown) =>
    write('model.safetensors.index.json', JSON.stringify({ metadata: {}, weight_map: map }));

  it('of shards gives every tensor with its file', () => {
    expect(failure(() => openCheckpoint(folder)).message).toContain(
      'found none of model.safetensors, model.safetensors.index.json, pytorch_model.bin',
    );
    write(shard, serializeSafetensors({ a: one(1), b: one(2) }));
    write(second, serializeSafetensors({ c: one(3) }));
    writeIndex({ a: shard, b: shard, c: second });
    const { tensors } = openCheckpoint(folder);
    expect([...tensors.keys()]).toEqual(['a', 'b', 'c']);
    const values = [...tensors].map(([name, { file }]) => readFloat32(file, name)[0]);
    expect(values).toEqual([1, 2, 3]);
    expect(tensors.get('a')?.file).toBe(tensors.get('b')?.file);
  });

  it('refuses an index that does not hold', () => {
    writeIndex({ d: second });
    expect(failure(() => openCheckpoint(folder)).message).toContain('d: tensor is missing');
    writeIndex({ a: '../a.safetensors' });
    expect(failure(() => openCheckpoint(folder)).message).toContain('weight_map.a');
    writeIndex({ a: 'model-3.safetensors' });
    expect(failure(() => openCheckpoint(folder)).message).toContain('model-3.safetensors: no such file');
    writeIndex(7);
    expect(failure(() => openCheckpoint(folder)).message).toContain('weight_map');
  });

  it('of one file is opened without an index', () => {
    write('model.safetensors', serializeSafetensors({ z: one(9) }));
    expect([...openCheckpoint(folder).tensors.keys()]).toEqual(['z']);
  });
});

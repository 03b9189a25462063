// What a stage leaves behind comes back as it was, and what is not its own is refused.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { normal } from '../../../test/support/plain.ts';
import { DataError } from '../../base/errors.ts';
import { serializeSafetensors } from '../../formats/weights/safetensors.ts';
import { type HostTensor, int32 } from '../../tensor/dtype.ts';
import { methods } from '../index.ts';
import { MEMORY_VERSION, type StageState, type Values } from '../method.ts';
import { largestDifference, product } from './matrices.ts';
import { MEMORY_FILE, memoryBytes, readStage, type StageModel, serializeStage } from './stage-files.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-stage-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const layer = 'model.language_model.layers.0.self_attn.q_proj';
const projector = new Map([['model.multi_modal_projector.linear_1.bias', { shape: [3] }]]);
const model: StageModel = {
  adaptable: new Map([[layer, { inputs: 4, outputs: 4 }]]),
  targetModules: '.*q_proj',
  savedModules: ['multi_modal_projector'],
  alongside: projector,
};
const lora = {
  kind: 'lora',
  rank: 2,
  alpha: 4,
  dropout: 0,
  layers: { [layer]: { rank: 2, alpha: 4 } },
} as const;
const state: StageState = {
  trained: new Map([
    [`${layer}.lora_A.weight`, normal('a', [2, 4])],
    [`${layer}.lora_B.weight`, normal('b', [4, 2])],
    [`${layer}.gate.weight`, normal('gate', [2, 4])],
    ['model.multi_modal_projector.linear_1.bias', normal('bias', [3])],
  ]),
  memory: {
    tensors: new Map<string, HostTensor>([
      ['fisher/x', normal('fisher', [2, 2])],
      ['nothing', normal('nothing', [0])],
      // Above 2²⁴, where float32 has no odd numbers.
      ['places', int32([3, 16_777_217], [2])],
    ]),
    notes: { kept: ['a', 'b'] },
    sampleBytes: 100,
  },
};

function written(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(root, name));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  return folder;
}

describe('the state of a stage', () => {
  it.each([
    ['with an adapter in its own layout', { adapter: lora }],
    ['without one', {}],
  ])('comes back to the bit, %s', (_, open) => {
    const options = { method: { name: 'mine' }, open, model };
    const files = serializeStage(state, options);
    expect(Object.keys(files).includes('adapter_model.safetensors')).toBe('adapter' in open);
    const read = readStage(written('whole', files), options);
    expect(new Map([...read.trained].sort())).toEqual(new Map([...state.trained].sort()));
    expect(read.memory).toEqual(state.memory);
    expect(memoryBytes(read)).toBe(4 * (4 + 2) + 100);
    expect(serializeStage(read, options)).toEqual(files);
  });

  it('needs no file of its own where there is nothing to remember', () => {
    const plain = new Map([...state.trained].filter(([name]) => !name.includes('gate')));
    const options = { method: { name: 'mine' }, open: { adapter: lora }, model };
    const files = serializeStage({ trained: plain, memory: { tensors: new Map(), notes: {} } }, options);
    expect(Object.keys(files)).not.toContain(MEMORY_FILE);
    expect(readStage(written('plain', files), options).memory).toEqual({ tensors: new Map(), notes: {} });
  });

  it('is refused where it is of another method or version, or damaged', () => {
    const options = { method: { name: 'mine' }, open: {}, model };
    const files = serializeStage(state, options);
    const folder = written('other', files);
    expect(() => readStage(folder, { ...options, method: { name: 'yours' } })).toThrow(DataError);
    expect(() => readStage(folder, { ...options, method: { name: 'yours' } })).toThrow(
      'expected yours, found mine',
    );
    const memory = (metadata: Record<string, string>) =>
      written('bad', { ...files, [MEMORY_FILE]: serializeSafetensors({}, metadata) });
    const schema = String(MEMORY_VERSION);
    expect(() => readStage(memory({ method: 'mine', schema: '99' }), options)).toThrow(
      `expected ${schema}, found 99`,
    );
    expect(() => readStage(memory({ method: 'mine', schema, notes: '[1]' }), options)).toThrow(
      'expected keys and values',
    );
    expect(() => readStage(memory({ method: 'mine', schema, notes: '{' }), options)).toThrow(DataError);
  });

  it('of merged adapters is also one LoRA that other tools read: the same update, by rank and scale', () => {
    const tensors = new Map<string, HostTensor>(
      ['One', 'Two'].flatMap((task) => [
        [`${task}/${layer}.lora_A.weight`, normal(`${task} a`, [2, 4])] as const,
        [`${task}/${layer}.lora_B.weight`, normal(`${task} b`, [4, 2])] as const,
      ]),
    );
    const settings = { adapter: { rank: 2, alpha: 4, dropout: 0, experts: 1 }, own: {} };
    const merged = methods['merge-then-new'].open(settings).merged?.({
      trained: new Map(),
      memory: { tensors, notes: { experts: ['One', 'Two'] } },
    });
    const of = (values: Values, prefix: string, scale: number) =>
      product(
        values.get(`${prefix}${layer}.lora_B.weight`) as HostTensor,
        values.get(`${prefix}${layer}.lora_A.weight`) as HostTensor,
        scale,
      );
    expect(merged?.spec).toMatchObject({ kind: 'lora', rank: 4, alpha: 4 });
    const [one, two] = [of(tensors, 'One/', 2), of(tensors, 'Two/', 2)];
    const together = one.map((value, i) => value + (two[i] as number));
    expect(largestDifference(of(merged?.values ?? new Map(), '', 1), together)).toBeLessThan(1e-6);
    // Routed experts are no one adapter.
    expect(methods.isolated.open(settings).merged).toBeUndefined();
  });

  it('must have the projector in full', () => {
    const options = { method: { name: 'mine' }, open: {}, model };
    const { trained, memory } = state;
    const lacking = new Map([...trained].filter(([name]) => !projector.has(name)));
    expect(() => serializeStage({ trained: lacking, memory }, options)).toThrow('linear_1.bias');
  });
});

// Adapters as PEFT saves them, in the ways in which those in the wild differ: each gives PEFT's logits here, and does so
// again after we wrote it. Fixtures: tools/parity/adapters.py; versions in their versions.json.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/adapters/index.ts';
import { type ReadAdapter, readAdapter, serializeAdapter } from '../../src/adapters/peft.ts';
import { openSafetensors } from '../../src/formats/safetensors.ts';
import { readFloat32 } from '../../src/formats/tensor-file.ts';
import { canonicalName } from '../../src/models/llava/weights.ts';
import { float32, type HostTensor } from '../../src/tensor/dtype.ts';
import { Program } from '../../src/tensor/program.ts';
import { batchFeeds, projectorNames, traceLlava, withoutPadding } from '../support/llava-tiny.ts';
import { expectParity, fixturePath } from '../support/parity.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-adapters-'));
afterAll(() => rmSync(root, { recursive: true }));

const read = (folder: string) => readAdapter(folder, { layers: 2, canonicalName });

async function logitsWith({ spec, values, saved }: ReadAdapter): Promise<HostTensor> {
  const adapter = createAdapter(spec);
  const { logits } = traceLlava(adapter, new Set(saved.keys()));
  // The tower's last layer is not computed: its features come from the layer before.
  const used = [...values].filter(([name]) => !name.startsWith('model.vision_tower.encoder.layers.2.'));
  expect([...adapter.parameters.keys()].sort()).toEqual(used.map(([name]) => name).sort());
  const program = await Program.compile({ logits });
  const result = await program.runOnHost({ ...batchFeeds(), ...Object.fromEntries([...used, ...saved]) });
  await program.dispose();
  return withoutPadding(result.logits as HostTensor);
}

function expected(name: string): HostTensor {
  const file = openSafetensors(fixturePath('adapters', `${name}/expected.safetensors`));
  return float32(readFloat32(file, 'logits'), file.tensors.get('logits')?.shape ?? []);
}

describe.each(['patterns', 'some-layers', 'all-linear'])('%s', (name) => {
  it("gives PEFT's logits, read and written", async () => {
    const adapter = read(fixturePath('adapters', name));
    expectParity('logits', await logitsWith(adapter), expected(name));
    const { spec, values, saved } = adapter;
    const files = serializeAdapter({ spec, values, projector: saved });
    const folder = mkdtempSync(join(root, 'written-'));
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    expect(read(folder)).toEqual(adapter);
  });
});

it('knows which layers differ', () => {
  const { spec } = read(fixturePath('adapters', 'patterns'));
  expect(spec).toMatchObject({ rank: 4, alpha: 8, rankStabilized: true });
  const layer = (path: string) => spec.layers?.[`model.language_model.layers.${path}`];
  expect(layer('0.self_attn.q_proj')).toEqual({ rank: 2, alpha: 5 });
  expect(layer('1.self_attn.o_proj')).toEqual({ rank: 4, alpha: 12.5 });
  expect(layer('1.mlp.down_proj')).toEqual({ rank: 6, alpha: 8 });
  expect(layer('0.mlp.gate_proj')).toEqual({ rank: 3, alpha: 8 });
  expect(layer('1.mlp.gate_proj')).toEqual({ rank: 4, alpha: 8 });
  expect(layer('0.mlp.up_proj')).toBeUndefined();
});

it('takes a projector that was saved whole', () => {
  const { spec, saved } = read(fixturePath('adapters', 'some-layers'));
  expect([...saved.keys()].sort()).toEqual([...projectorNames].sort());
  expect(Object.keys(spec.layers ?? {}).every((path) => path.includes('.layers.1.'))).toBe(true);
});

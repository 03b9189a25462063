// Adapters as PEFT saves them, in the ways in which those in the wild differ: each gives PEFT's logits here, and does so
// again after we wrote it. Fixtures: tools/parity/adapters.py; versions in their versions.json.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/adapters/index.ts';
import { serializeAdapter } from '../../src/adapters/peft.ts';
import { openCheckpoint } from '../../src/formats/weights/checkpoint.ts';
import { float32ToBfloat16, float32ToFloat16 } from '../../src/formats/weights/half.ts';
import { openSafetensors } from '../../src/formats/weights/safetensors.ts';
import { type TensorFiller, writeCheckpoint } from '../../src/formats/weights/safetensors-writer.ts';
import { readFloat32 } from '../../src/formats/weights/tensor-file.ts';
import type { ModelAdapter } from '../../src/models/family.ts';
import type { LlavaConfig } from '../../src/models/llava/config.ts';
import { mergeAdapter } from '../../src/models/llava/merge.ts';
import { linearsOf, llavaNames, outlineOf } from '../../src/models/llava/model.ts';
import { llavaShape } from '../../src/models/llava/shape.ts';
import { LlavaWeights } from '../../src/models/llava/weights.ts';
import { openModelAdapter } from '../../src/models/model-adapter.ts';
import { float32, type HostTensor } from '../../src/tensor/dtype.ts';
import { Program } from '../../src/tensor/program.ts';
import {
  batchFeeds,
  config,
  projectorNames,
  shape,
  traceLlava,
  weights,
  withoutPadding,
} from '../support/llava-tiny.ts';
import { expectParity, fixturePath } from '../support/parity.ts';

const base = fixturePath('llava-tiny', 'model');
const root = mkdtempSync(join(tmpdir(), 'coin-adapters-'));
afterAll(() => rmSync(root, { recursive: true }));

/** What of the fixture's model an adapter is checked against. */
const adaptedOf = (of: LlavaConfig) => ({ ...outlineOf(of, weights), family: llavaNames, ...linearsOf(of) });
const adapted = adaptedOf(config);
const read = (folder: string) => openModelAdapter(adapted, folder);

async function logitsWith(
  { spec, values, alongside }: ModelAdapter,
  of: LlavaConfig = config,
): Promise<HostTensor> {
  const adapter = createAdapter(spec, llavaShape(of).adaptable);
  const { logits } = traceLlava(adapter, new Set(alongside.keys()), weights, of);
  // The tower's last layer is not computed: its features come from the layer before.
  const used = [...values].filter(([name]) => !name.startsWith('model.vision_tower.encoder.layers.2.'));
  expect([...adapter.parameters.keys()].sort()).toEqual(used.map(([name]) => name).sort());
  const program = await Program.compile({ logits });
  const result = await program.runOnHost({ ...batchFeeds(), ...Object.fromEntries([...used, ...alongside]) });
  await program.dispose();
  return withoutPadding(result.logits as HostTensor);
}

function expected(name: string): HostTensor {
  const file = openSafetensors(fixturePath('adapters', `${name}/expected.safetensors`));
  return float32(readFloat32(file, 'logits'), file.tensors.get('logits')?.shape ?? []);
}

/** PEFT's in safetensors and in PyTorch's files, with older module paths, and CoIN's own. */
describe.each(['patterns', 'some-layers', 'all-linear', 'older-spelling', 'coin-moelora'])('%s', (name) => {
  it("gives PEFT's logits, read and written", async () => {
    const adapter = read(fixturePath('adapters', name));
    expectParity('logits', await logitsWith(adapter), expected(name));
    const { spec, values, alongside } = adapter;
    const files = serializeAdapter({ spec, values, targets: shape, projector: alongside });
    const folder = mkdtempSync(join(root, 'written-'));
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    expect(read(folder)).toEqual(adapter);
  });
});

describe('merged', () => {
  const merge = (name: string, to: string, folder = base) =>
    mergeAdapter({
      model: { ...adapted, folder, weights: new LlavaWeights(openCheckpoint(folder)) },
      adapter: read(fixturePath('adapters', name)),
      to,
    });

  it.each([
    ['patterns', 13, false],
    ['some-layers', 3, true],
    ['all-linear', 34, false],
    ['older-spelling', 3, true],
  ] as const)("%s gives PEFT's logits without an adapter", async (name, layers, alongside) => {
    const to = join(root, `merged-${name}`);
    const result = await merge(name, to);
    expect(result).toEqual({
      layers,
      alongside,
      weightFiles: ['model.safetensors'],
      otherFiles: ['config.json', 'generation_config.json'],
    });
    const merged = new LlavaWeights(openCheckpoint(to));
    const { logits } = traceLlava(undefined, new Set(), merged);
    const program = await Program.compile({ logits });
    const run = await program.runOnHost(batchFeeds());
    await program.dispose();
    expectParity('logits', withoutPadding(run.logits as HostTensor), expected(name));
    const layoutOf = (folder: string) =>
      [...openSafetensors(join(folder, 'model.safetensors')).tensors.values()].map(
        ({ name, dtype, shape }) => [name, dtype, shape],
      );
    expect(layoutOf(to)).toEqual(layoutOf(base));
    expect(readFileSync(join(to, 'config.json'))).toEqual(readFileSync(join(base, 'config.json')));
  });

  it.each(['F16', 'BF16'] as const)('keeps %s and its shards', async (dtype) => {
    const folder = mkdtempSync(join(root, 'sharded-'));
    const encode = dtype === 'F16' ? float32ToFloat16 : float32ToBfloat16;
    const source = openSafetensors(join(base, 'model.safetensors'));
    const tensors = Object.fromEntries(
      [...source.tensors].map(([name, { shape }]) => [name, { dtype, shape }]),
    );
    const fill: TensorFiller = (name, start, count) =>
      new Uint8Array(encode(readFloat32(source, name).slice(start, start + count)).buffer);
    writeCheckpoint(folder, tensors, fill, { shardBytes: 40_000 });
    cpSync(join(base, 'config.json'), join(folder, 'config.json'));
    const to = join(root, `merged-${dtype}`);
    const { weightFiles } = await merge('patterns', to, folder);
    expect(weightFiles.length).toBeGreaterThan(2);
    const [before, after] = [openCheckpoint(folder), openCheckpoint(to)];
    const placed = ({ tensors }: typeof before) =>
      [...tensors].map(([name, { file, entry }]) => [name, entry.dtype, entry.shape, basename(file.path)]);
    expect(placed(after)).toEqual(placed(before));
    const index = 'model.safetensors.index.json';
    expect(JSON.parse(readFileSync(join(to, index), 'utf8'))).toEqual(
      JSON.parse(readFileSync(join(folder, index), 'utf8')),
    );
    const exact = new LlavaWeights(openCheckpoint(join(root, 'merged-patterns')));
    const rounded = new LlavaWeights(after);
    for (const name of exact.tensors.keys()) {
      const [wanted, found] = [exact.values(name).data, rounded.values(name).data];
      const unit = dtype === 'F16' ? 2 ** -11 : 2 ** -8;
      found.forEach((value, i) => {
        // Base and sum are rounded, each by half a unit; the base may be larger than the sum.
        expect(Math.abs(value - (wanted[i] as number))).toBeLessThan(
          unit * (Math.abs(wanted[i] as number) + 2),
        );
      });
    }
  });

  it('is refused for experts, and into a folder that is there', async () => {
    await expect(merge('coin-moelora', join(root, 'experts'))).rejects.toThrow(
      'an adapter of type moelora cannot be merged: its gates depend on the input, so that no weights give the same answers',
    );
    await expect(merge('patterns', base)).rejects.toThrow(`${base}: exists already`);
    expect(readdirSync(root).filter((name) => name.includes('.tmp-') || name === 'experts')).toEqual([]);
  });
});

describe('an adapter of the head, where the head is one with the embeddings', () => {
  // The file holds a head of its own, which the configuration sets aside.
  const tied: LlavaConfig = { ...config, text: { ...config.text, tiedEmbeddings: true } };
  const folder = fixturePath('adapters', 'tied-head');

  it("gives PEFT's logits", async () => {
    const adapter = openModelAdapter(adaptedOf(tied), folder);
    expectParity('logits', await logitsWith(adapter, tied), expected('tied-head'));
  });

  it('is refused for a model with another head than the one it was trained on', () => {
    expect(() => read(folder)).toThrow(
      "lm_head.weight: the layer's own weight, saved along, is not the model's",
    );
  });

  it('cannot be merged', async () => {
    const adapter = openModelAdapter(adaptedOf(tied), folder);
    const to = join(root, 'tied');
    await expect(mergeAdapter({ model: { ...adaptedOf(tied), folder: base }, adapter, to })).rejects.toThrow(
      'the adapter changes the head, whose weight is that of the embeddings',
    );
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
  const { spec, alongside } = read(fixturePath('adapters', 'some-layers'));
  expect([...alongside.keys()].sort()).toEqual([...projectorNames].sort());
  expect(Object.keys(spec.layers ?? {}).every((path) => path.includes('.layers.1.'))).toBe(true);
});

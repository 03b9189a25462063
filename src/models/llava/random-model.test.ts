import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { listFiles } from '../../formats/files/files.ts';
import { openCheckpoint } from '../../formats/weights/checkpoint.ts';
import { openLlava } from './model.ts';
import { type RandomModelOptions, writeRandomModel } from './random-model.ts';
import { ruleTokenizer } from './rule-tokenizer.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-random-model-'));
afterAll(() => rmSync(root, { recursive: true }));

const config = {
  model_type: 'llava',
  image_token_index: 398,
  vision_config: {
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    image_size: 8,
    patch_size: 4,
  },
  text_config: {
    vocab_size: 402,
    hidden_size: 24,
    intermediate_size: 40,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    pad_token_id: 399,
  },
};

function write(name: string, options: Partial<RandomModelOptions> = {}): string {
  const folder = join(root, name);
  writeRandomModel({ folder, config, ...options });
  return folder;
}

function bytesOf(folder: string): Map<string, string> {
  return new Map(listFiles(folder).map((file) => [file, readFileSync(join(folder, file), 'base64')]));
}

describe('writeRandomModel', () => {
  it('writes a folder that opens, with every weight that the network asks for', () => {
    const model = openLlava(write('whole'));
    expect(model.config).toMatchObject({ imageTokens: 4, imageTokenId: 398, padTokenId: 399 });
    const { data, shape } = model.weights.values('model.language_model.layers.1.mlp.down_proj.weight');
    expect(shape).toEqual([24, 40]);
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    const deviation = Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length);
    expect(Math.abs(mean)).toBeLessThan(0.003);
    expect(deviation).toBeCloseTo(0.02, 2);
    const norm = model.weights.values('model.language_model.norm.weight').data;
    expect(norm.every((value) => Math.abs(value - 1) < 0.1)).toBe(true);
  });

  it('gives the same bytes for the same seed, and others for another', () => {
    const first = bytesOf(write('seed-1', { seed: 1 }));
    expect(bytesOf(write('seed-1-again', { seed: 1 }))).toEqual(first);
    expect(bytesOf(write('seed-2', { seed: 2 })).get('model.safetensors')).not.toBe(
      first.get('model.safetensors'),
    );
  });

  it('splits a large checkpoint into files with an index; the weights stay the same', () => {
    const whole = openLlava(write('one-file', { storage: 'F16' }));
    const split = openLlava(write('shards', { storage: 'F16', shardBytes: 20_000 }));
    const files = listFiles(split.folder).filter((file) => file.endsWith('.safetensors'));
    expect(files.length).toBeGreaterThan(2);
    expect(files[0]).toBe(`model-00001-of-0000${files.length}.safetensors`);
    const names = [...openCheckpoint(whole.folder).tensors.keys()].sort();
    expect([...openCheckpoint(split.folder).tensors.keys()].sort()).toEqual(names);
    const name = 'model.language_model.embed_tokens.weight';
    expect(split.weights.values(name)).toEqual(whole.weights.values(name));
  });

  it('replaces nothing, and leaves nothing when it fails', () => {
    const folder = write('there');
    expect(() => writeRandomModel({ folder, config })).toThrow('is there already');
    const other = join(root, 'bad');
    expect(() => writeRandomModel({ folder: other, config: { ...config, image_token_index: 3 } })).toThrow();
    expect(listFiles(root).filter((file) => file.startsWith('bad'))).toEqual([]);
  });
});

describe('ruleTokenizer', () => {
  it('reads back every text, and knows the control tokens', () => {
    const { tokenizer, prompts } = openLlava(write('tokens'));
    for (const text of ['What is this?', 'ünïcode ✓ 日本', 'a  b', '{"x": [0.12, 1]}']) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
    expect(tokenizer.tokenId('<image>')).toBe(398);
    expect(tokenizer.padId).toBe(399);
    const ids = prompts.ask('Where?', { image: { rows: 4 } }).inputIds;
    expect(ids.filter((id) => id === 398)).toHaveLength(4);
    expect(Math.max(...ids)).toBe(398);
  });

  it('fills the vocabulary up to the control tokens', () => {
    const { tokenizer } = ruleTokenizer({ imageTokenId: 31998, padTokenId: 31999 });
    const { vocab } = tokenizer.model as { readonly vocab: Readonly<Record<string, number>> };
    expect(Object.values(vocab).sort((a, b) => a - b)).toEqual(Array.from({ length: 31998 }, (_, id) => id));
  });
});

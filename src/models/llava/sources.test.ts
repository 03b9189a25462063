import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { fixturePath } from '../../../test/support/parity.ts';
import { formatIssue, UserError } from '../../base/errors.ts';
import {
  openSafetensors,
  serializeSafetensors,
  type TensorSource,
} from '../../formats/weights/safetensors.ts';
import { readTensor } from '../../formats/weights/tensor-file.ts';
import { COMPOSITION_FILE, isModelFolder } from '../folder.ts';
import { checkWeights } from './inventory.ts';
import { openLlava } from './model.ts';
import { modelFiles, openSources } from './sources.ts';
import { LlavaWeights } from './weights.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-sources-'));
afterAll(() => rmSync(root, { recursive: true }));
// A fresh copy each time, as the tests take things away from it.
beforeEach(() => {
  rmSync(root, { recursive: true });
  cpSync(fixturePath('layouts', 'composition', 'model'), join(root, 'composed'), { recursive: true });
  cpSync(fixturePath('layouts', 'original-tower-apart', 'model'), join(root, 'original'), {
    recursive: true,
  });
});

function failure(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).issues.map(formatIssue).join('\n');
  }
  return expect.fail('nothing was thrown');
}

const composed = join(root, 'composed');
const llava = join(root, 'original', 'llava');
const compose = (text: string) => writeFileSync(join(composed, COMPOSITION_FILE), text);
const open = (folder: string) => {
  const { config, checkpoint } = openSources(folder);
  checkWeights(config, new LlavaWeights(checkpoint));
};
const edit = (file: string, change: object) =>
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));

const PREPROCESSOR = {
  image_processor_type: 'CLIPImageProcessor',
  size: { shortest_edge: 12 },
  crop_size: { height: 12, width: 12 },
};

describe('a composition', () => {
  it('is a model of its parts, which may lie anywhere', () => {
    expect(isModelFolder(composed)).toBe(true);
    const { layout, config, tokenizerFolder, imageFolder } = openSources(composed);
    expect({ layout, tokenizerFolder, imageFolder }).toEqual({
      layout: 'composed',
      tokenizerFolder: join(composed, 'vicuna'),
      imageFolder: join(composed, 'clip'),
    });
    expect(config).toMatchObject({ imageTokens: 4, featureLayer: 1, endTokenIds: [2], padTokenId: 0 });
    expect(modelFiles(composed)).toEqual([
      'clip/config.json',
      'clip/pytorch_model.bin',
      'coin-model.yaml',
      'mm_projector.bin',
      'vicuna/config.json',
      'vicuna/pytorch_model-00001-of-00002.bin',
      'vicuna/pytorch_model-00002-of-00002.bin',
      'vicuna/pytorch_model.bin.index.json',
    ]);
  });

  it('is opened whole, with tokenizer and images', () => {
    cpSync(fixturePath('..', 'tokenizer', 'metaspace'), join(root, 'tokenizer'), { recursive: true });
    writeFileSync(join(composed, 'clip', 'preprocessor_config.json'), JSON.stringify(PREPROCESSOR));
    edit(join(composed, 'vicuna', 'config.json'), {});
    const base = 'decoder: vicuna\nvision: clip\nprojector: mm_projector.bin\n';
    compose(`${base}tokenizer: ../tokenizer\n`);
    // This tokenizer has more tokens than the small decoder has rows, which is said with both numbers.
    expect(failure(() => openLlava(composed))).toMatch(
      /tokenizer.*: \d+ tokens, but the model has embeddings for 48/,
    );
    compose(base);
    expect(failure(() => openLlava(composed))).toContain(join(composed, 'vicuna'));
  });

  it('may name other features', () => {
    compose(
      'decoder: vicuna\nvision: clip\nprojector: mm_projector.bin\nfeatures: { layer: -1, strategy: full }\n',
    );
    expect(openSources(composed).config).toMatchObject({ featureLayer: 2, skippedTokens: 0, imageTokens: 5 });
  });

  it.each<[what: string, yaml: string, message: string]>([
    ['no decoder', 'vision: clip\n', 'coin-model.yaml: decoder: expected a path'],
    ['a decoder that is not there', 'decoder: nowhere\nvision: clip\n', 'decoder: no such folder: '],
    ['a tower that is not there', 'decoder: vicuna\nvision: nowhere\n', 'vision: no such folder: '],
    [
      'a key that is not known',
      'decoder: vicuna\nvision: clip\nresampler: x\n',
      'resampler: is not known here',
    ],
    [
      'a projector that is not there',
      'decoder: vicuna\nvision: clip\nprojector: p.bin\n',
      'p.bin: no such file',
    ],
    [
      'a projector that is none',
      'decoder: vicuna\nvision: clip\nprojector: clip/pytorch_model.bin\n',
      'clip/pytorch_model.bin: expected mm_projector.0.weight and its like, found vision_model.',
    ],
    [
      'no projector at all',
      'decoder: vicuna\nvision: clip\n',
      'multi_modal_projector.linear_1.weight: the checkpoint lacks this weight',
    ],
    [
      'a layer that the tower has not',
      'decoder: vicuna\nvision: clip\nprojector: mm_projector.bin\nfeatures: { layer: 7 }\n',
      'coin-model.yaml: features.layer: 7 is outside the 2 layers',
    ],
    ['a list', '- a\n', 'coin-model.yaml: expected keys and values'],
    ['no YAML', 'a: [\n', 'coin-model.yaml: not YAML'],
  ])('is refused for %s', (_, yaml, message) => {
    compose(yaml);
    expect(failure(() => open(composed))).toContain(message);
  });

  it('is refused when a shard is gone, by its name', () => {
    rmSync(join(composed, 'vicuna', 'pytorch_model-00002-of-00002.bin'));
    expect(failure(() => open(composed))).toContain('pytorch_model-00002-of-00002.bin: no such file');
  });
});

describe('the original layout', () => {
  it('finds its tower beside it, and says where it looked', () => {
    expect(openSources(llava)).toMatchObject({
      layout: 'original',
      imageFolder: join(root, 'original', 'tiny-clip'),
    });
    expect(modelFiles(llava)).toContain('../tiny-clip/pytorch_model.bin');
    rmSync(join(root, 'original', 'tiny-clip'), { recursive: true });
    const message = failure(() => open(llava));
    expect(message).toContain('mm_vision_tower: the vision tower openai/tiny-clip is not here');
    expect(message).toContain(`at ${join(root, 'original', 'tiny-clip')}`);
  });

  it.each<[what: string, change: object, message: string]>([
    ['another projector', { mm_projector_type: 'linear' }, 'mm_projector_type'],
    ['a resampler', { mm_resampler_type: 'qformer' }, 'mm_resampler_type: is not known here'],
    ['tokens around the image', { mm_use_im_start_end: true }, 'mm_use_im_start_end: is not known here'],
    ['features of another size', { mm_hidden_size: 20 }, 'mm_hidden_size: 20, but the vision tower in'],
    ['another decoder', { model_type: 'mpt' }, 'expected llava or llava_llama'],
    ['a key that is not known', { mm_token_merging: 2 }, 'mm_token_merging: is not known here'],
  ])('is refused for %s', (_, change, message) => {
    edit(join(llava, 'config.json'), change);
    expect(failure(() => open(llava))).toContain(message);
  });
});

describe('the weights of a model', () => {
  const hub = join(root, 'hub');
  beforeEach(() => cpSync(fixturePath('layouts', 'biased-linear', 'model'), hub, { recursive: true }));

  it('are refused where the configuration does not ask for them', () => {
    const { text_config: text } = JSON.parse(readFileSync(join(hub, 'config.json'), 'utf8'));
    edit(join(hub, 'config.json'), { text_config: { ...text, attention_bias: false } });
    const message = failure(() => open(hub));
    expect(message).toContain('q_proj.bias: is not known here: its effect would be lost');
    expect(message.split('\n')).toHaveLength(8);
  });

  it('are refused by shape and by what is missing, several at once', () => {
    const { text_config: text } = JSON.parse(readFileSync(join(hub, 'config.json'), 'utf8'));
    edit(join(hub, 'config.json'), { text_config: { ...text, intermediate_size: 20, num_hidden_layers: 3 } });
    const message = failure(() => open(hub));
    expect(message).toContain(
      'mlp.gate_proj.weight: the configuration asks for [20, 16], the checkpoint has [24, 16]',
    );
    expect(message).toMatch(/and \d+ more weights like these/);
  });
});

it('reads the tokens that end an answer as transformers does: generation_config.json before config.json', () => {
  writeFileSync(join(composed, 'vicuna', 'generation_config.json'), '{"eos_token_id": [5, 6]}');
  expect(openSources(composed).config.endTokenIds).toEqual([5, 6]);
  writeFileSync(join(composed, 'vicuna', 'generation_config.json'), '{"eos_token_id": "</s>"}');
  expect(failure(() => openSources(composed))).toContain('generation_config.json: eos_token_id');
});

it('reads a head that repeats tied embeddings, and refuses one that differs', () => {
  const tied = join(root, 'tied');
  cpSync(fixturePath('layouts', 'prefixed-llama3', 'model'), tied, { recursive: true });
  const file = openSafetensors(join(tied, 'model.safetensors'));
  const write = (change: number) => {
    const tensors = [...file.tensors.values()].map(({ name, dtype, shape }): [string, TensorSource] => [
      name,
      { dtype, shape, data: readTensor(file, name) },
    ]);
    const table = readTensor(file, 'model.language_model.embed_tokens.weight') as Uint16Array;
    const head = { dtype: 'BF16', shape: [48, 16], data: table.map((bits) => bits + change) } as const;
    writeFileSync(
      join(tied, 'changed.safetensors'),
      serializeSafetensors({ ...Object.fromEntries(tensors), 'lm_head.weight': head }),
    );
    renameSync(join(tied, 'changed.safetensors'), join(tied, 'model.safetensors'));
  };
  write(0);
  expect(() => open(tied)).not.toThrow();
  cpSync(fixturePath('layouts', 'prefixed-llama3', 'model'), tied, { recursive: true });
  write(1);
  expect(failure(() => open(tied))).toContain('lm_head.weight: is not known here');
});

it('says what a model is where there is none', () => {
  expect(existsSync(join(root, 'empty'))).toBe(false);
  expect(failure(() => openSources(join(root, 'empty')))).toContain('or one with a coin-model.yaml');
});

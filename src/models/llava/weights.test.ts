import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fixturePath } from '../../../test/support/parity.ts';
import { evaluate } from '../../../test/support/plain.ts';
import { openCheckpoint } from '../../formats/weights/checkpoint.ts';
import { serializeSafetensors, type TensorSource } from '../../formats/weights/safetensors.ts';
import { isMadeBy } from '../../tensor/graph.ts';
import { neg } from '../../tensor/ops.ts';
import { floats } from '../../tensor/program.ts';
import { canonicalName, LlavaWeights, projectorName, publishedName, visionName } from './weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

function weightsOf(tensors: Readonly<Record<string, TensorSource>>): LlavaWeights {
  writeFileSync(join(folder, 'model.safetensors'), serializeSafetensors(tensors));
  return new LlavaWeights(openCheckpoint(folder));
}

const pair: TensorSource = { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) };

describe('canonicalName', () => {
  // The layouts of tools/parity/README.md: vision tower, projector, decoder, head.
  const canonical = [
    'model.vision_tower.encoder.layers.0.mlp.fc1.bias',
    'model.vision_tower.pre_layrnorm.weight',
    'model.multi_modal_projector.linear_1.weight',
    'model.language_model.layers.1.self_attn.q_proj.weight',
    'model.language_model.embed_tokens.weight',
    'model.language_model.norm.weight',
    'lm_head.weight',
  ];
  const spell = (prefixes: { vision: string; projector: string; decoder: string; head: string }) =>
    canonical.map((name) =>
      name
        .replace('model.vision_tower.', prefixes.vision)
        .replace('model.multi_modal_projector.', prefixes.projector)
        .replace('model.language_model.', prefixes.decoder)
        .replace('lm_head.', prefixes.head),
    );
  const hub = {
    vision: 'vision_tower.vision_model.',
    projector: 'multi_modal_projector.',
    decoder: 'language_model.model.',
    head: 'language_model.lm_head.',
  };

  it.each([
    ['llava-hf on the hub', hub],
    [
      '`model.` in front',
      {
        vision: 'model.vision_tower.vision_model.',
        projector: 'model.multi_modal_projector.',
        decoder: 'model.language_model.',
        head: 'lm_head.',
      },
    ],
    [
      'in memory',
      {
        vision: 'model.vision_tower.',
        projector: 'model.multi_modal_projector.',
        decoder: 'model.language_model.',
        head: 'lm_head.',
      },
    ],
    ['the fixture', { ...hub, vision: 'vision_tower.' }],
  ])('reads the layout: %s', (_, prefixes) => {
    expect(spell(prefixes).map(canonicalName)).toEqual(canonical);
  });

  it('reads the original code’s names, and a decoder’s alone', () => {
    expect(
      [
        'model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias',
        'model.vision_tower.vision_tower.vision_model.pre_layrnorm.weight',
        'model.mm_projector.0.weight',
        'model.layers.1.self_attn.q_proj.weight',
        'model.embed_tokens.weight',
        'model.norm.weight',
        'lm_head.weight',
      ].map(canonicalName),
    ).toEqual(canonical);
    expect(canonicalName('model.mm_projector.2.bias')).toBe('model.multi_modal_projector.linear_2.bias');
    expect(canonicalName('layers.1.mlp.up_proj.weight')).toBe(
      'model.language_model.layers.1.mlp.up_proj.weight',
    );
  });

  it.each([
    ['vision_model.embeddings.class_embedding', 'model.vision_tower.embeddings.class_embedding'],
    ['encoder.layers.3.layer_norm1.bias', 'model.vision_tower.encoder.layers.3.layer_norm1.bias'],
    ['text_model.encoder.layers.3.layer_norm1.bias', undefined],
    ['visual_projection.weight', undefined],
    ['logit_scale', undefined],
  ])('reads a tower’s own name %s', (name, expected) => {
    expect(visionName(name)).toBe(expected);
  });

  it.each([
    ['model.mm_projector.0.weight', 'model.multi_modal_projector.linear_1.weight'],
    ['base_model.model.model.mm_projector.2.bias', 'model.multi_modal_projector.linear_2.bias'],
    ['mm_projector.2.weight', 'model.multi_modal_projector.linear_2.weight'],
    ['model.mm_projector.weight', undefined],
    ['model.norm.weight', undefined],
  ])('reads a projector’s own name %s', (name, expected) => {
    expect(projectorName(name)).toBe(expected);
  });

  it('is undone by publishedName, which spells as the hub does', () => {
    expect(canonical.map(publishedName)).toEqual(spell(hub));
  });

  it('leaves canonical names as they are', () => {
    expect(canonical.map(canonicalName)).toEqual(canonical);
  });
});

describe('LlavaWeights', () => {
  it('holds every tensor of a published folder once', () => {
    const checkpoint = openCheckpoint(fixturePath('llava-tiny', 'model'));
    const weights = new LlavaWeights(checkpoint);
    for (const name of checkpoint.tensors.keys()) {
      expect(weights.values(canonicalName(name)).shape).toEqual(checkpoint.tensors.get(name)?.entry.shape);
    }
  });

  it('refuses a tensor that stands twice under two spellings', () => {
    expect(() => weightsOf({ 'language_model.lm_head.weight': pair, 'lm_head.weight': pair })).toThrow(
      'stands twice, as lm_head.weight',
    );
  });

  it('names a weight that is not there as the hub spells it', () => {
    const provide = weightsOf({ 'language_model.lm_head.weight': pair }).provider();
    expect(() => provide('model.language_model.norm.weight', [2])).toThrow(
      'language_model.model.norm.weight: the checkpoint lacks this weight',
    );
  });

  it('refuses a weight of another shape than the configuration asks for', () => {
    const provide = weightsOf({ 'language_model.lm_head.weight': pair }).provider();
    expect(() => provide('lm_head.weight', [3, 2])).toThrow(
      'language_model.lm_head.weight: the configuration asks for [3, 2], the checkpoint has [2]',
    );
  });

  it('refuses a weight that is not a floating-point number', () => {
    const provide = weightsOf({
      'lm_head.weight': { dtype: 'I32', shape: [2], data: Int32Array.of(1, 2) },
    }).provider();
    expect(() => provide('lm_head.weight', [2])).toThrow('dtype I32 cannot be used as a weight');
  });

  it('gives frozen weights, and fed inputs for what trains, the same tensor each time', () => {
    const weights = weightsOf({ 'lm_head.weight': pair, 'language_model.model.norm.weight': pair });
    const provide = weights.provider(new Set(['model.language_model.norm.weight']));
    const head = provide('lm_head.weight', [2]);
    const norm = provide('model.language_model.norm.weight', [2]);
    expect(isMadeBy(head, 'weight')).toBe(true);
    expect(isMadeBy(norm, 'input') && norm.attributes).toEqual({
      name: 'model.language_model.norm.weight',
      dtype: 'float32',
      shape: [2],
    });
    expect(provide('lm_head.weight', [2])).toBe(head);
    expect(provide('model.language_model.norm.weight', [2])).toBe(norm);
  });

  it.each([
    ['F16', [0x3c00, 0xc000, 0x3555], [1, -2, 0.333251953125]],
    ['BF16', [0x3f80, 0xc000, 0x3eab], [1, -2, 0.333984375]],
  ] as const)('widens %s, on the host and in a program', async (dtype, bits, values) => {
    const weights = weightsOf({
      // Eight bytes in front, so that the offset matters.
      'language_model.model.norm.weight': pair,
      'lm_head.weight': { dtype, shape: [3], data: Uint16Array.from(bits) },
    });
    expect([...weights.values('lm_head.weight').data]).toEqual(values);
    const { y } = await evaluate({ y: neg(weights.provider()('lm_head.weight', [3])) });
    expect([...floats(y)]).toEqual(values.map((value) => -value));
  });
});

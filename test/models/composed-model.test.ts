// A model taken apart (decoder, projector and vision tower in places of their own) is the model it was: the same
// weights, the same prompts and the same answers, through everything that opens a model.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Generator } from '../../src/evaluation/generation/generator.ts';
import { openCheckpoint } from '../../src/formats/weights/checkpoint.ts';
import { serializeSafetensors, type TensorSource } from '../../src/formats/weights/safetensors.ts';
import { readTensor } from '../../src/formats/weights/tensor-file.ts';
import { families, locateModel } from '../../src/models/index.ts';
import { type LlavaModel, openLlava } from '../../src/models/llava/model.ts';
import { canonicalName } from '../../src/models/llava/weights.ts';
import { normalArray } from '../../src/tensor/random.ts';
import { writeToyModel } from '../support/toy-model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-composed-'));
const whole = join(root, 'whole');
const composed = join(root, 'composed');
afterAll(() => rmSync(root, { recursive: true }));

/** Tensors of the whole whose canonical name begins so, under other names. */
function tensorsUnder(prefix: string, rename: (rest: string) => string): Record<string, TensorSource> {
  const { tensors } = openCheckpoint(whole);
  return Object.fromEntries(
    [...tensors].flatMap(([name, { file, entry }]) => {
      const canonical = canonicalName(name);
      if (!canonical.startsWith(prefix)) return [];
      const { dtype, shape } = entry;
      return [[rename(canonical.slice(prefix.length)), { dtype, shape, data: readTensor(file, name) }]];
    }),
  );
}

beforeAll(async () => {
  await writeToyModel(whole, { seed: 5 });
  for (const part of ['decoder', 'tower', 'composed']) mkdirSync(join(root, part));
  const config = JSON.parse(readFileSync(join(whole, 'config.json'), 'utf8'));
  writeFileSync(join(root, 'decoder', 'config.json'), JSON.stringify(config.text_config));
  writeFileSync(join(root, 'tower', 'config.json'), JSON.stringify(config.vision_config));
  const decoder = {
    ...tensorsUnder('model.language_model.', (rest) => `model.${rest}`),
    ...tensorsUnder('lm_head.', (rest) => `lm_head.${rest}`),
  };
  const projector = tensorsUnder('model.multi_modal_projector.', (rest) =>
    rest.replace('linear_1', 'model.mm_projector.0').replace('linear_2', 'model.mm_projector.2'),
  );
  const tower = tensorsUnder('model.vision_tower.', (rest) => `vision_model.${rest}`);
  writeFileSync(join(root, 'decoder', 'model.safetensors'), serializeSafetensors(decoder));
  writeFileSync(join(root, 'tower', 'model.safetensors'), serializeSafetensors(tower));
  writeFileSync(join(root, 'projector.safetensors'), serializeSafetensors(projector));
  copyFileSync(join(whole, 'preprocessor_config.json'), join(root, 'tower', 'preprocessor_config.json'));
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(whole, name), join(root, 'decoder', name));
  copyFileSync(join(whole, 'processor_config.json'), join(composed, 'processor_config.json'));
  writeFileSync(
    join(composed, 'coin-model.yaml'),
    'decoder: ../decoder\nvision: ../tower\nprojector: ../projector.safetensors\n',
  );
});

async function answersOf(model: LlavaModel): Promise<number[][]> {
  const { config, prompts: asked } = model;
  const { vision, imageTokens } = config;
  const features = normalArray(imageTokens * vision.hiddenSize, { seed: 1, purpose: 'features' });
  const prompts = ['what is red?', 'where', 'two small cups'].flatMap((text) => [
    { ...asked.ask(text, { image: { rows: imageTokens } }), features },
    asked.ask(text),
  ]);
  const generator = await Generator.compile({ model, weights: model.weights.provider(), slots: 3 });
  const answers = await generator.generate(prompts, {}, 8);
  await generator.dispose();
  return answers;
}

it('is found by its folder and by its file', () => {
  expect(locateModel(composed, families)).toBe(composed);
  expect(locateModel(join(composed, 'coin-model.yaml'), families)).toBe(composed);
});

it('is the model it was', async () => {
  const [one, parts] = [openLlava(whole), openLlava(composed)];
  expect(parts.config).toEqual({ ...one.config, imageTokenId: -200 });
  expect([...parts.weights.tensors.keys()].sort()).toEqual([...one.weights.tensors.keys()].sort());
  for (const name of one.weights.tensors.keys())
    expect(parts.weights.values(name), name).toEqual(one.weights.values(name));
  const [theirs, ours] = [one, parts].map(
    ({ prompts }) => prompts.ask('what is red?', { image: { rows: 64 } }).inputIds,
  );
  expect(ours?.map((id) => (id === -200 ? one.config.imageTokenId : id))).toEqual(theirs);
  const answers = await answersOf(one);
  expect(answers.flat().length).toBeGreaterThan(6);
  expect(await answersOf(parts)).toEqual(answers);
});

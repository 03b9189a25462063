import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../formats/files/files.ts';
import { openSafetensors } from '../../formats/weights/safetensors.ts';
import { openLlava } from '../../models/llava/model.ts';
import { type PretrainRecipe, pretrainNano } from './pretrain.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-pretraining-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const recipe: PretrainRecipe = {
  seed: 0,
  sentences: 200,
  vocabularySize: 600,
  tower: { steps: 3, batchSize: 2, learningRate: 1e-3 },
  alignment: { steps: 2, batchSize: 2, learningRate: 1e-3 },
  language: { steps: 3, batchSize: 2, learningRate: 1e-3 },
};

describe('pretrainNano', () => {
  const weights = (name: string) => join(root, name, 'model.safetensors');

  it('makes a model that opens, in half precision, with the published names', async () => {
    const stages = new Set<string>();
    await pretrainNano({
      folder: join(root, 'whole'),
      workFolder: join(root, 'work'),
      recipe,
      onStep: (stage) => stages.add(stage),
    });
    expect([...stages]).toEqual(['tower', 'alignment', 'language']);
    const { config, tokenizer } = openLlava(join(root, 'whole'));
    expect(config.imageTokens).toBe(64);
    expect(tokenizer.vocabularySize).toBe(config.text.vocabularySize);
    const { tensors } = openSafetensors(weights('whole'));
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F16']));
    expect(tensors.has('language_model.model.embed_tokens.weight')).toBe(true);
    expect(tensors.has('vision_tower.vision_model.encoder.layers.5.mlp.fc1.weight')).toBe(true);
  });

  it('goes on from a checkpoint inside a stage to the same bytes', async () => {
    const options = {
      folder: join(root, 'stopped'),
      workFolder: join(root, 'stopped-work'),
      recipe,
      checkpointEvery: 1,
    };
    const stop =
      (at: string) =>
      (stage: string, { step }: { step: number }) => {
        if (`${stage} ${step}` === at) throw new Error('stopped');
      };
    await expect(pretrainNano({ ...options, onStep: stop('tower 3') })).rejects.toThrow('stopped');
    await expect(pretrainNano({ ...options, onStep: stop('language 3') })).rejects.toThrow('stopped');
    const seen: string[] = [];
    await pretrainNano({ ...options, onStep: (stage, { step }) => seen.push(`${stage} ${step}`) });
    expect(seen).toEqual(['language 3']);
    expect(sha256OfFile(weights('stopped'))).toBe(sha256OfFile(weights('whole')));
  });
});

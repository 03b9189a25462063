// A LLaVA folder opened: configuration, weights, tokenizer, image transform and prompt template.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.ts';
import { readJsonObject } from '../../formats/json.ts';
import { loadTokenizer, type Tokenizer } from '../../formats/tokenizer.ts';
import { type ImageTransform, readImageTransform } from '../clip/processor.ts';
import type { LlavaConfig } from './config.ts';
import { checkWeights } from './inventory.ts';
import { createProcessor, type LlavaProcessor } from './processor.ts';
import { type TemplateName, templateNames } from './prompts.ts';
import { openSources } from './sources.ts';
import { LlavaWeights } from './weights.ts';

export interface LlavaModel {
  readonly folder: string;
  readonly config: LlavaConfig;
  readonly weights: LlavaWeights;
  readonly tokenizer: Tokenizer;
  readonly transform: ImageTransform;
  readonly processor: LlavaProcessor;
}

/** Opens a model in any layout of sources.ts. Reads headers only; weights are read when a program is compiled. */
export function openLlava(folder: string): LlavaModel {
  const sources = openSources(folder);
  const { config, checkpoint, imageFolder, tokenizerFolder } = sources;
  const transform = readImageTransform(imageFolder);
  const size = transform.outputSize;
  if (
    size !== undefined &&
    (size.height !== config.vision.imageSize || size.width !== config.vision.imageSize)
  ) {
    throw new DataError({
      file: join(imageFolder, 'preprocessor_config.json'),
      message: `pictures of ${size.width}×${size.height}, but the vision tower reads ${config.vision.imageSize}×${config.vision.imageSize}`,
    });
  }
  const tokenizer = loadTokenizer(tokenizerFolder);
  if (tokenizer.vocabularySize > config.text.vocabularySize) {
    throw new DataError({
      file: join(tokenizerFolder, 'tokenizer.json'),
      message: `${tokenizer.vocabularySize} tokens, but the model has embeddings for ${config.text.vocabularySize}`,
    });
  }
  const weights = new LlavaWeights(checkpoint);
  checkWeights(config, weights);
  const { eosId } = tokenizer;
  const ends = config.endTokenIds.length > 0 || eosId === undefined ? config.endTokenIds : [eosId];
  return {
    folder,
    config: { ...config, endTokenIds: ends },
    weights,
    tokenizer,
    transform,
    processor: createProcessor({
      tokenizer,
      imageTokenId: config.imageTokenId,
      imageTokens: config.imageTokens,
      template: readTemplate(folder),
    }),
  };
}

/** `prompt_template` of processor_config.json (our own key); LLaVA-1.5's vicuna_v1 where nothing is said. */
function readTemplate(folder: string): TemplateName {
  const file = join(folder, 'processor_config.json');
  if (!existsSync(file)) return 'vicuna_v1';
  const named = readJsonObject(file).prompt_template ?? 'vicuna_v1';
  const known = templateNames.find((name) => name === named);
  if (known === undefined) {
    throw new DataError({
      file,
      field: 'prompt_template',
      message: `expected ${templateNames.join(' or ')}, found ${JSON.stringify(named)}`,
    });
  }
  return known;
}

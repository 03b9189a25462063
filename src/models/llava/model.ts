// A LLaVA folder opened: configuration, weights, tokenizer, image transform and prompt template.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UserError } from '../../base/errors.ts';
import { shown } from '../../base/shown.ts';
import { readJsonObject } from '../../formats/records/json.ts';
import { loadTokenizer, type Tokenizer } from '../../formats/text/tokenizer.ts';
import { type ImageTransform, locateImageSettings, readImageTransform } from '../parts/clip/processor.ts';
import { chatTemplate, findChatTemplate } from './chat-template.ts';
import type { LlavaConfig } from './config.ts';
import { checkWeights } from './inventory.ts';
import { createProcessor, type LlavaProcessor } from './processor.ts';
import { type PromptTemplate, type TemplateName, templateNames } from './prompts.ts';
import { type LlavaSources, openSources } from './sources.ts';
import { LlavaWeights } from './weights.ts';

export interface LlavaModel {
  readonly folder: string;
  readonly layout: LlavaSources['layout'];
  readonly config: LlavaConfig;
  readonly weights: LlavaWeights;
  readonly tokenizer: Tokenizer;
  readonly transform: ImageTransform;
  readonly template: TemplateChoice;
  readonly processor: LlavaProcessor;
}

export interface OpenOptions {
  /** By default what the model was trained with, as far as its folder says. */
  readonly template?: TemplateChoice;
}

/** Opens a model in any layout of sources.ts. Reads headers only; weights are read when a program is compiled. */
export function openLlava(folder: string, { template }: OpenOptions = {}): LlavaModel {
  const sources = openSources(folder);
  const { config, checkpoint, imageFolder, tokenizerFolder } = sources;
  const transform = readImageTransform(imageFolder);
  const size = transform.outputSize;
  if (
    size !== undefined &&
    (size.height !== config.vision.imageSize || size.width !== config.vision.imageSize)
  ) {
    throw new DataError({
      file: locateImageSettings(imageFolder).file,
      message: `images of ${size.width}×${size.height}, but the vision tower reads ${config.vision.imageSize}×${config.vision.imageSize}`,
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
  const choice = chooseTemplate({ folder, tokenizerFolder }, config, tokenizer, template);
  const processor = createProcessor({
    tokenizer,
    imageTokenId: config.imageTokenId,
    imageTokens: config.imageTokens,
    template: openTemplate(tokenizerFolder, choice, tokenizer),
    imageDividesText: sources.layout !== 'transformers',
  });
  return {
    folder,
    layout: sources.layout,
    // What answers were taught to end with, whatever else may end one.
    config: { ...config, endTokenIds: [...new Set([...config.endTokenIds, processor.endTokenId])] },
    weights,
    tokenizer,
    transform,
    template: choice,
    processor,
  };
}

/** A template of LLaVA's by its name, or the model folder's own chat template. */
export type TemplateChoice = TemplateName | 'chat';
export const templateChoices = [...templateNames, 'chat'] as const satisfies readonly TemplateChoice[];

/**
 * The template that a model's conversations are written with: the one asked for; what `prompt_template` of
 * processor_config.json says (our own key); vicuna_v1 for a LLaMA that LLaVA-1.5's prompts suit; else the folder's chat
 * template. Throws UserError for a LLaMA of which nothing says how it was asked.
 */
function chooseTemplate(
  { folder, tokenizerFolder }: { readonly folder: string; readonly tokenizerFolder: string },
  { text }: LlavaConfig,
  tokenizer: Tokenizer,
  asked?: TemplateChoice,
): TemplateChoice {
  if (asked !== undefined) return asked;
  const file = join(folder, 'processor_config.json');
  const named = existsSync(file) ? readJsonObject(file).prompt_template : undefined;
  if (named === undefined || named === null) {
    return text.family === 'llama' ? templateOfLlama(tokenizerFolder, tokenizer) : 'chat';
  }
  const known = templateChoices.find((name) => name === named);
  if (known === undefined) {
    throw new DataError({
      file,
      field: 'prompt_template',
      message: `expected ${templateChoices.join(' or ')}, found ${shown(named)}`,
    });
  }
  return known;
}

/**
 * A LLaMA's chat template, unless that writes Vicuna's roles: LLaVA-1.5's published ones do, without the system sentence
 * that it was trained with. Without a chat template Vicuna's is right for the vocabulary of the first two LLaMAs only.
 */
function templateOfLlama(folder: string, tokenizer: Tokenizer): TemplateChoice {
  const source = findChatTemplate(folder);
  if (source !== undefined) {
    const prompt = chatTemplate(source, tokenizer).prompt({ text: 'q', hasImage: true });
    const text = prompt.map((segment) => (segment.kind === 'text' ? segment.text : '')).join('');
    return /USER:.*ASSISTANT:/s.test(text) ? 'vicuna_v1' : 'chat';
  }
  if (tokenizer.tokenId('<|start_header_id|>') === undefined) return 'vicuna_v1';
  throw new UserError({
    file: folder,
    message:
      "a LLaVA on Llama 3 without a chat template: nothing says how it was asked, and Vicuna's prompts are not its own",
    hint: `add chat_template.jinja, or name one of LLaVA's own: ${templateNames.join(', ')}`,
  });
}

function openTemplate(
  folder: string,
  choice: TemplateChoice,
  tokenizer: Tokenizer,
): TemplateName | PromptTemplate {
  if (choice !== 'chat') return choice;
  const source = findChatTemplate(folder);
  if (source !== undefined) return chatTemplate(source, tokenizer);
  throw new UserError({
    file: folder,
    message:
      'this model has no chat template: expected chat_template.jinja, chat_template.json or chat_template in tokenizer_config.json',
    hint: `or name one of LLaVA's own: ${templateNames.join(', ')}`,
  });
}

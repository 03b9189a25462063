// A LLaVA folder opened: configuration, weights, tokenizer, image transform and prompt template, and what of them shared
// code sees.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UserError } from '../../base/errors.ts';
import { shown } from '../../base/shown.ts';
import { readJsonObject } from '../../formats/records/json.ts';
import { loadTokenizer, type Tokenizer } from '../../formats/text/tokenizer.ts';
import type { ModelOutline, OpenModel, OpenOptions } from '../family.ts';
import { type ImageTransform, locateImageSettings, readImageTransform } from '../parts/clip/processor.ts';
import type { ModelWeights } from '../weights.ts';
import { chatTemplate, findChatTemplate } from './chat-template.ts';
import type { LlavaConfig } from './config.ts';
import { llavaImages } from './images.ts';
import { checkWeights, linearLayers } from './inventory.ts';
import { llavaNetwork } from './network.ts';
import { createProcessor, type LlavaProcessor } from './processor.ts';
import { type PromptTemplate, type TemplateName, templateNames } from './prompts.ts';
import { llavaShape } from './shape.ts';
import { type LlavaSources, openSources } from './sources.ts';
import { canonicalName, HEAD, LANGUAGE_MODEL, LlavaWeights, partOf } from './weights.ts';

/** What a model says of its family. */
export const llavaNames = { name: 'llava', label: 'LLaVA', canonicalName, partOf } as const;

/** What shared code sees, and what is LLaVA's own. */
export interface LlavaModel extends OpenModel {
  readonly layout: LlavaSources['layout'];
  readonly config: LlavaConfig;
  readonly weights: LlavaWeights;
  readonly transform: ImageTransform;
  readonly template: TemplateChoice;
}

export function outlineOf<Weights extends ModelWeights>(config: LlavaConfig, weights: Weights) {
  return { ...tracedLlava(config), weights };
}

/** What follows from a configuration alone. */
export function tracedLlava(config: LlavaConfig): Omit<ModelOutline, 'weights'> {
  const shape = llavaShape(config);
  return { shape, network: llavaNetwork(config), matrices: shape.adaptable };
}

/** The layers that adapters are checked against, and the weights that are another's. */
export function linearsOf(config: LlavaConfig): Pick<OpenModel, 'linears' | 'tied'> {
  const tied = [`${HEAD}.weight`, `${LANGUAGE_MODEL}.embed_tokens.weight`] as const;
  return {
    linears: linearLayers(config),
    tied: new Map(config.text.tiedEmbeddings ? [tied] : []),
  };
}

/** Opens a model in any layout of sources.ts. Reads headers only; weights are read when a program is compiled. */
export function openLlava(folder: string, { template }: OpenOptions = {}): LlavaModel {
  const asked = template === undefined ? undefined : templateOf(template);
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
  const computed = checkWeights(config, weights);
  const { choice, prompts } = openPrompts(folder, sources, tokenizer, asked);
  // What answers were taught to end with, whatever else may end one.
  const endTokenIds = [...new Set([...config.endTokenIds, prompts.endTokenId])];
  return {
    ...outlineOf(config, weights),
    family: llavaNames,
    folder,
    layout: sources.layout,
    config: { ...config, endTokenIds },
    computed,
    ...linearsOf(config),
    tokenizer,
    transform,
    template: choice,
    endTokenIds,
    padTokenId: config.padTokenId,
    images: llavaImages({ config, weights, transform }),
    prompts,
  };
}

/** Conversations in the template that was asked for, or else is the model's own (`chooseTemplate`). */
export function openPrompts(
  folder: string,
  { config, layout, tokenizerFolder }: Pick<LlavaSources, 'config' | 'layout' | 'tokenizerFolder'>,
  tokenizer: Tokenizer,
  asked?: TemplateChoice,
): { readonly choice: TemplateChoice; readonly prompts: LlavaProcessor } {
  const choice = chooseTemplate({ folder, tokenizerFolder }, config, tokenizer, asked);
  const prompts = createProcessor({
    tokenizer,
    imageTokenId: config.imageTokenId,
    template: openTemplate(tokenizerFolder, choice, tokenizer),
    imageDividesText: layout !== 'transformers',
  });
  return { choice, prompts };
}

/** A template of LLaVA's by its name, or the model folder's own chat template. */
export type TemplateChoice = TemplateName | 'chat';
export const templateChoices = [...templateNames, 'chat'] as const satisfies readonly TemplateChoice[];

function templateOf(name: string): TemplateChoice {
  const known = templateChoices.find((choice) => choice === name);
  if (known !== undefined) return known;
  throw new UserError(`LLaVA has no prompt template ${name}; it has ${templateChoices.join(', ')}`);
}

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

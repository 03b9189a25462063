// A LLaVA before it is downloaded: what config.json alone tells, enough for ranks and plans. Weights that are not there are
// described as the network asks for them, and can be traced and counted, but not read.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer, type Tokenizer } from '../../formats/text/tokenizer.ts';
import type { Checkpoint } from '../../formats/weights/checkpoint.ts';
import type { TensorEntry } from '../../formats/weights/tensor-file.ts';
import type { ModelOutline, ModelSketch } from '../family.ts';
import type { LlavaConfig } from './config.ts';
import { outlinedImages } from './images.ts';
import { expectedWeights } from './inventory.ts';
import { openPrompts, outlineOf } from './model.ts';
import { createProcessor } from './processor.ts';
import { type LlavaConfigurations, readConfigurations } from './sources.ts';
import { LlavaWeights } from './weights.ts';

/** Characters that a token of English stands for in the vocabularies of LLaMA and Qwen2, roughly. */
const CHARACTERS_PER_TOKEN = 4;

/** A model's sizes, network and headers of weights; where no weights are there, those that the network asks for. */
export function outlineLlava(folder: string): ModelOutline {
  const configurations = readConfigurations(folder);
  return outlineOf(configurations.config, weightsOf(folder, configurations));
}

/** What a plan needs, where weights or tokenizer are missing; undefined where both are there. */
export function sketchLlava(folder: string): ModelSketch | undefined {
  const configurations = readConfigurations(folder);
  const { config, tokenizerFolder } = configurations;
  const [weightsAreThere, tokenizerIsThere] = [hasWeights(configurations), hasTokenizer(tokenizerFolder)];
  if (weightsAreThere && tokenizerIsThere) return undefined;
  const weights = weightsOf(folder, configurations);
  const tokenizer = tokenizerIsThere ? loadTokenizer(tokenizerFolder) : roughTokenizer;
  const { imageTokenId } = config;
  return {
    ...outlineOf(config, weights),
    computed: expectedWeights(config),
    images: outlinedImages({ config, weights }),
    tokenizer,
    prompts: tokenizerIsThere
      ? openPrompts(folder, configurations, tokenizer).prompts
      : createProcessor({ tokenizer, imageTokenId, template: 'vicuna_v1' }),
    unknown: [
      ...(weightsAreThere
        ? []
        : [
            'The weights are not there: parameters are those that the configuration asks for, and nothing can be timed.',
          ]),
      ...(tokenizerIsThere
        ? []
        : [
            `The tokenizer is not there: tokens are guessed, ${CHARACTERS_PER_TOKEN} characters of LLaVA-1.5's prompts each, and FLOP and memory of a batch with them.`,
          ]),
    ],
  };
}

function weightsOf(folder: string, configurations: LlavaConfigurations): LlavaWeights {
  return new LlavaWeights(
    hasWeights(configurations)
      ? configurations.openWeights()
      : expectedCheckpoint(folder, configurations.config),
  );
}

/** Whether all parts have files of weights: an index alone, fetched with the configurations, is none. */
function hasWeights({ weightFolders }: LlavaConfigurations): boolean {
  return weightFolders.every((folder) =>
    readdirSync(folder).some((name) => /\.(?:safetensors|bin)$/.test(name)),
  );
}

function hasTokenizer(folder: string): boolean {
  const has = (name: string) => existsSync(join(folder, name));
  return has('tokenizer.model') || (has('tokenizer.json') && has('tokenizer_config.json'));
}

/** The headers of weights in 16 bits, as they are published; their bytes are nowhere. */
function expectedCheckpoint(folder: string, config: LlavaConfig): Checkpoint {
  const entries = [...expectedWeights(config)].map(([name, shape]): [string, TensorEntry] => [
    name,
    { name, shape, dtype: 'F16', offset: 0, byteLength: 2 * shape.reduce((a, b) => a * b, 1) },
  ]);
  const file = { path: folder, metadata: {}, tensors: new Map(entries), unusable: new Map<string, string>() };
  return {
    folder,
    tensors: new Map(entries.map(([name, entry]) => [name, { file, entry }])),
    unusable: new Map(),
  };
}

/** Counts, and knows no token. */
const roughTokenizer: Tokenizer = {
  encode: (text) => new Array<number>(Math.ceil(text.length / CHARACTERS_PER_TOKEN)).fill(0),
  decode: () => '',
  settles: () => true,
  tokenId: () => undefined,
  controlTokens: [],
  addsBegin: true,
  vocabularySize: 1,
  bosId: 0,
  eosId: 0,
  padId: 0,
};

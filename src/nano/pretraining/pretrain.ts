// Makes the embedded model from nothing: vocabulary, tower, alignment, language; then writes a folder in the llava-hf
// layout. Every stage leaves its result in the work folder, so an interrupted run goes on where it was.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../../formats/files/files.ts';
import { createTokenizer, type Tokenizer } from '../../formats/text/tokenizer.ts';
import { float32ToFloat16 } from '../../formats/weights/half.ts';
import {
  openSafetensors,
  serializeSafetensors,
  type TensorSource,
} from '../../formats/weights/safetensors.ts';
import { readFloat32 } from '../../formats/weights/tensor-file.ts';
import { type LlavaConfig, parseLlavaConfig } from '../../models/llava/config.ts';
import { createProcessor, type LlavaProcessor } from '../../models/llava/processor.ts';
import { publishedName } from '../../models/llava/weights.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import { readState, serializeState } from '../../training/checkpoint.ts';
import type { LearnerState } from '../../training/learner.ts';
import { type PackedSample, packTurns } from '../../training/packing.ts';
import { INSTRUCTION_LINES } from '../world/build.ts';
import { type PretrainingSample, pretrainingText } from '../world/pretraining.ts';
import { IMAGE_TOKEN, trainVocabulary, type VocabularyFiles } from '../world/vocabulary.ts';
import { loadWorld, type World } from '../world/world.ts';
import { alignProjector } from './alignment.ts';
import { FeatureExtractor } from './features.ts';
import { initialValues } from './fresh-parameters.ts';
import { pretrainLanguage } from './language.ts';
import { nanoConfig, nanoPreprocessor } from './nano-config.ts';
import { pretrainTower, type StageOptions, type TowerResult } from './tower.ts';

type Weights = Readonly<Record<string, HostTensor>>;

/** How the shipped weights were made (docs/nano-model.md); smaller numbers give a quick, worse model. */
export const shippedRecipe = {
  seed: 0,
  sentences: 20_000,
  vocabularySize: 2000,
  tower: { steps: 1100, batchSize: 64, learningRate: 2e-3 },
  alignment: { steps: 400, batchSize: 32, learningRate: 3e-3 },
  language: { steps: 2800, batchSize: 16, learningRate: 1e-3 },
} as const;

type StageSize = Pick<StageOptions, 'steps' | 'batchSize' | 'learningRate'>;

export interface PretrainRecipe {
  readonly seed: number;
  readonly sentences: number;
  readonly vocabularySize: number;
  readonly tower: StageSize;
  readonly alignment: StageSize;
  readonly language: StageSize;
}

export interface PretrainOptions {
  /** Gets the finished model. */
  readonly folder: string;
  /** Gets what stages leave behind. */
  readonly workFolder: string;
  readonly recipe?: PretrainRecipe;
  readonly checkpointEvery?: number;
  /** What the tower knows of unseen images; called once, when it is made. */
  readonly onTower?: (heldOut: Omit<TowerResult, 'weights'>) => void;
  readonly onStep?: (
    stage: 'tower' | 'alignment' | 'language',
    progress: { readonly step: number; readonly steps: number; readonly loss: number },
  ) => void;
}

/** Makes the model and writes it. Returns nothing; the folder is the result. */
export async function pretrainNano(options: PretrainOptions): Promise<void> {
  const { workFolder, recipe = shippedRecipe, checkpointEvery = 200, onStep } = options;
  makeFolder(workFolder);
  const world = await loadWorld();
  const vocabulary = learnVocabulary(world, recipe);
  const json = nanoConfig({
    vocabularySize: vocabulary.size,
    imageTokenId: vocabulary.imageTokenId,
    padTokenId: vocabulary.padTokenId,
  });
  const config = parseLlavaConfig(json, 'config.json');
  const tokenizer = createTokenizer(vocabulary.tokenizer, vocabulary.tokenizerConfig);
  const common = { world, config, seed: recipe.seed };
  const checkpoints = (stage: string) => {
    const file = join(workFolder, `${stage}-state.safetensors`);
    const identity = JSON.stringify({ stage, recipe });
    const resume = existsSync(file) ? readState(file, identity) : undefined;
    const onCheckpoint = (state: LearnerState) => writeFileAtomic(file, serializeState(state, identity));
    return { checkpointEvery, onCheckpoint, ...(resume === undefined ? {} : { resume }) };
  };

  const towerWeights = await once(join(workFolder, 'tower.safetensors'), recipe, async () => {
    const { weights, ...heldOut } = await pretrainTower({
      ...common,
      ...recipe.tower,
      ...checkpoints('tower'),
      onStep: (progress) => onStep?.('tower', progress),
    });
    options.onTower?.(heldOut);
    return weights;
  });
  const tower = await FeatureExtractor.open(config, towerWeights);
  const aligned = await once(join(workFolder, 'aligned.safetensors'), recipe, () =>
    alignProjector({
      ...common,
      ...recipe.alignment,
      // Other images than in the other stages.
      seed: recipe.seed + 7,
      tower,
      nameIds: nameIds(world, tokenizer),
      onStep: (progress) => onStep?.('alignment', progress),
    }),
  );
  const processor = nanoProcessor(config, tokenizer);
  const language = await once(join(workFolder, 'language.safetensors'), recipe, () =>
    pretrainLanguage({
      ...common,
      ...recipe.language,
      ...checkpoints('language'),
      tower,
      aligned,
      tokenize: (sample) => packedTokens(processor, sample, config.imageTokens),
      onStep: (progress) => onStep?.('language', progress),
    }),
  );
  await tower.dispose();
  writeNanoModel(options.folder, { json, config, vocabulary, weights: { ...towerWeights, ...language } });
}

/** The vocabulary also knows the instruction lines' words, so that prompts are short; their sentences are never trained. */
export function learnVocabulary(
  world: World,
  { sentences, vocabularySize }: Pick<PretrainRecipe, 'sentences' | 'vocabularySize'>,
): VocabularyFiles {
  function* text(): Generator<string> {
    yield* pretrainingText(world, sentences);
    for (let i = 0; i < 100; i++) yield* INSTRUCTION_LINES;
  }
  return trainVocabulary(text(), { size: vocabularySize });
}

export function nanoProcessor(config: LlavaConfig, tokenizer: Tokenizer): LlavaProcessor {
  return createProcessor({
    tokenizer,
    imageTokenId: config.imageTokenId,
    template: 'roles',
  });
}

/** Every turn of a sample as if it were the first, beside the others; `rows` of its image. */
export function packedTokens(
  processor: LlavaProcessor,
  { turns, pixels }: PretrainingSample,
  rows: number,
): PackedSample {
  const image = pixels === undefined ? undefined : { rows };
  return packTurns(turns.map((turn) => processor.conversation([turn], { image })));
}

/** Token ids of every class's name; a letter or digit without the space before it, as it stands in a word. */
export function nameIds(world: World, tokenizer: Tokenizer): number[][] {
  return world.classNames.map((name) => {
    const ids = tokenizer.encode(name);
    return name.length === 1 && ids.length === 2 ? ids.slice(1) : ids;
  });
}

/** Writes the folder: fp16 weights under the names of llava-hf, and the five JSON files beside them. */
export function writeNanoModel(
  folder: string,
  model: {
    readonly json: Readonly<Record<string, unknown>>;
    readonly config: LlavaConfig;
    readonly vocabulary: VocabularyFiles;
    readonly weights: Weights;
  },
): void {
  makeFolder(folder);
  const { vocabulary, weights } = model;
  const all = { ...unusedTowerWeights(model.config), ...weights };
  const tensors = Object.entries(all).map(([name, { shape, data }]): [string, TensorSource] => [
    publishedName(name),
    { dtype: 'F16', shape, data: float32ToFloat16(data as Float32Array) },
  ]);
  writeFileAtomic(
    join(folder, 'model.safetensors'),
    serializeSafetensors(Object.fromEntries(tensors), { format: 'pt' }),
  );
  writeJsonAtomic(join(folder, 'tokenizer.json'), vocabulary.tokenizer);
  writeJsonAtomic(join(folder, 'tokenizer_config.json'), vocabulary.tokenizerConfig);
  writeJsonAtomic(join(folder, 'preprocessor_config.json'), nanoPreprocessor);
  writeJsonAtomic(join(folder, 'processor_config.json'), {
    processor_class: 'LlavaProcessor',
    image_token: IMAGE_TOKEN,
    patch_size: model.config.vision.patchSize,
    vision_feature_select_strategy: 'default',
    num_additional_image_tokens: 1,
    prompt_template: 'roles',
  });
  writeJsonAtomic(join(folder, 'config.json'), model.json);
}

/** LLaVA reads the second-to-last layer, so the last one is never trained; it is written so that others can load the file. */
function unusedTowerWeights(config: LlavaConfig): Weights {
  const { hiddenSize, intermediateSize, layers } = config.vision;
  const layer = `model.vision_tower.encoder.layers.${layers - 1}`;
  const linear = (name: string, outputs: number, inputs: number) => ({
    [`${layer}.${name}.weight`]: [outputs, inputs],
    [`${layer}.${name}.bias`]: [outputs],
  });
  const norm = (name: string) => ({ [`${name}.weight`]: [hiddenSize], [`${name}.bias`]: [hiddenSize] });
  const shapes: Record<string, readonly number[]> = {
    ...Object.assign(
      {},
      ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].map((part) =>
        linear(`self_attn.${part}`, hiddenSize, hiddenSize),
      ),
    ),
    ...linear('mlp.fc1', intermediateSize, hiddenSize),
    ...linear('mlp.fc2', hiddenSize, intermediateSize),
    ...norm(`${layer}.layer_norm1`),
    ...norm(`${layer}.layer_norm2`),
    ...norm('model.vision_tower.post_layernorm'),
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, float32(initialValues(name, shape, 0), shape)]),
  );
}

/** The tensors of a file if it was made by this recipe; otherwise they are made and written to it. */
async function once(file: string, recipe: PretrainRecipe, make: () => Promise<Weights>): Promise<Weights> {
  const identity = JSON.stringify(recipe);
  if (existsSync(file)) {
    const opened = openSafetensors(file);
    if (opened.metadata.recipe === identity) {
      return Object.fromEntries(
        [...opened.tensors.values()].map(({ name, shape }) => [
          name,
          float32(readFloat32(opened, name), shape),
        ]),
      );
    }
  }
  const weights = await make();
  const tensors = Object.entries(weights).map(([name, { shape, data }]): [string, TensorSource] => [
    name,
    { dtype: 'F32', shape, data: data as Float32Array },
  ]);
  writeFileAtomic(file, serializeSafetensors(Object.fromEntries(tensors), { recipe: identity }));
  return weights;
}

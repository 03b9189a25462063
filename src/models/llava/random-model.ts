// Writes a LLaVA of any size with random weights, as a folder in the llava-hf layout: for benchmarks and memory tests.
// The list of weights comes from tracing the network itself (inventory.ts). At most one part of one tensor is in memory at a time.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { publishFolder, writeJsonAtomic } from '../../formats/files/files.ts';
import { float32ToBfloat16, float32ToFloat16 } from '../../formats/weights/half.ts';
import { type TensorFiller, writeCheckpoint } from '../../formats/weights/safetensors-writer.ts';
import type { StorageType } from '../../tensor/dtype.ts';
import { normalArray, randomWords } from '../../tensor/random.ts';
import { type LlavaConfig, parseLlavaConfig } from './config.ts';
import { expectedWeights, towerWeights } from './inventory.ts';
import { ruleTokenizer } from './rule-tokenizer.ts';
import { publishedName, VISION_TOWER } from './weights.ts';

export interface RandomModelOptions {
  /** Must not exist; appears when it is whole. */
  readonly folder: string;
  /** The content of `config.json`; whatever it leaves out has transformers' default. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly storage?: StorageType;
  readonly seed?: number;
  /** Larger checkpoints are written as several files of at most this many bytes. */
  readonly shardBytes?: number;
}

const STANDARD_DEVIATION = 0.02;
/** A weight is one of this many normal numbers, picked by 16 random bits. */
const TABLE_SIZE = 0x10000;

/** The weights that a configuration asks for, by the hub's names, in the order of the network. */
export function weightShapes(config: LlavaConfig): ReadonlyMap<string, readonly number[]> {
  const norm = [config.vision.hiddenSize];
  const weights = [
    // All of the tower: transformers builds the layers above the features too, and its last norm.
    ...towerWeights(config),
    ...['weight', 'bias'].map((part) => [`${VISION_TOWER}.post_layernorm.${part}`, norm] as const),
    ...expectedWeights(config),
  ] as const;
  return new Map(weights.map(([name, shape]) => [publishedName(name), shape]));
}

/** Writes the folder; the same options give the same bytes. Returns the number of weights. */
export function writeRandomModel(options: RandomModelOptions): number {
  const { folder, storage = 'F32', seed = 0, shardBytes } = options;
  if (existsSync(folder)) {
    throw new UserError({
      file: folder,
      message: 'is there already',
      hint: 'remove it, or name another folder',
    });
  }
  const content = { ...options.config, dtype: dtypeNames[storage] };
  const config = parseLlavaConfig(content, join(folder, 'config.json'));
  const shapes = weightShapes(config);
  const aside = `${folder}.part`;
  try {
    rmSync(aside, { recursive: true, force: true }); // A killed writer's.
    mkdirSync(aside, { recursive: true });
    const json: Readonly<Record<string, unknown>> = {
      'config.json': content,
      'generation_config.json': {
        bos_token_id: 1,
        eos_token_id: [...config.endTokenIds],
        pad_token_id: config.padTokenId,
      },
      'preprocessor_config.json': preprocessor(config),
      'processor_config.json': {
        processor_class: 'LlavaProcessor',
        image_token: '<image>',
        patch_size: config.vision.patchSize,
        vision_feature_select_strategy: 'default',
        num_additional_image_tokens: 1,
      },
    };
    for (const [name, value] of Object.entries(json)) writeJsonAtomic(join(aside, name), value);
    const { tokenizer, config: tokenizerConfig } = ruleTokenizer(config);
    writeJsonAtomic(join(aside, 'tokenizer.json'), tokenizer);
    writeJsonAtomic(join(aside, 'tokenizer_config.json'), tokenizerConfig);
    const tensors = Object.fromEntries([...shapes].map(([name, shape]) => [name, { dtype: storage, shape }]));
    writeCheckpoint(
      aside,
      tensors,
      normalWeights(storage, seed),
      shardBytes === undefined ? {} : { shardBytes },
    );
    publishFolder(aside, folder);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
  return [...shapes.values()].reduce((total, shape) => total + shape.reduce((a, b) => a * b, 1), 0);
}

const dtypeNames = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const satisfies Record<
  StorageType,
  string
>;

/** N(0, 0.02²), around one for the weights of norms: logits of order one at every width. */
function normalWeights(storage: StorageType, seed: number): TensorFiller {
  const around = (mean: number) => {
    const values = normalArray(TABLE_SIZE, {
      seed,
      purpose: 'random model',
      standardDeviation: STANDARD_DEVIATION,
    }).map((value) => value + mean);
    if (storage === 'F32') return values;
    return storage === 'F16' ? float32ToFloat16(values) : float32ToBfloat16(values);
  };
  const [aroundZero, aroundOne] = [around(0), around(1)];
  return (name, start, count) => {
    const table = /norm\d?\.weight$/.test(name) ? aroundOne : aroundZero;
    const words = randomWords(Math.ceil(count / 2), { seed, purpose: name, first: start / 2 });
    const picks = new Uint16Array(words.buffer, 0, count);
    const part = storage === 'F32' ? new Float32Array(count) : new Uint16Array(count);
    for (let i = 0; i < count; i++) part[i] = table[picks[i] as number] as number;
    return new Uint8Array(part.buffer);
  };
}

function preprocessor({ vision: { imageSize } }: LlavaConfig) {
  return {
    image_processor_type: 'CLIPImageProcessor',
    processor_class: 'LlavaProcessor',
    do_convert_rgb: true,
    do_resize: true,
    size: { shortest_edge: imageSize },
    resample: 3,
    do_center_crop: true,
    crop_size: { height: imageSize, width: imageSize },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_std: [0.26862954, 0.26130258, 0.27577711],
  };
}

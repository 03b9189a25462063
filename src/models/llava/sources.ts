// Where a LLaVA lies on the disk, part by part: decoder, projector and vision tower may be one folder (transformers'
// layout), two (the original code's, which only names its tower) or three (a composition, `coin-model.yaml`).
// Opens configurations and headers of weights; reads no weights.
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { DataError, UserError } from '../../base/errors.ts';
import { listFiles } from '../../formats/files/files.ts';
import { isObject, readJsonObject } from '../../formats/records/json.ts';
import { type Checkpoint, openCheckpoint, tensorsOf } from '../../formats/weights/checkpoint.ts';
import { openSafetensors } from '../../formats/weights/safetensors.ts';
import { openTorchFile } from '../../formats/weights/torch-checkpoint.ts';
import { COMPOSITION_FILE, readComposition } from '../folder.ts';
import { checkConfig } from '../parts/config-keys.ts';
import { decoderConfigSchema, endTokens, llamaConfig } from '../parts/llama/config.ts';
import { type LlavaConfig, padToken, parseLlavaConfig, readEndTokens } from './config.ts';
import { isOriginalConfig, type OriginalConfig, parseOriginalConfig } from './original-config.ts';
import {
  type FeatureSelection,
  selectFeatures,
  type VisionConfig,
  visionConfig,
  visionConfigSchema,
} from './vision.ts';
import { canonicalName, PROJECTOR, projectorName, VISION_TOWER, visionName } from './weights.ts';

/** Stands for an image in the ids of models that have no token for it; the original code's IMAGE_TOKEN_INDEX. */
const IMAGE_PLACEHOLDER = -200;

export interface LlavaSources {
  readonly layout: 'transformers' | 'original' | 'composed';
  readonly config: LlavaConfig;
  /** With canonical names where it is put together from several. */
  readonly checkpoint: Checkpoint;
  /** Holds the tokenizer's files. */
  readonly tokenizerFolder: string;
  /** Holds the settings of images. */
  readonly imageFolder: string;
}

/** The parts of a model that is not one folder. */
export interface Composition {
  readonly layout: LlavaSources['layout'];
  readonly decoder: string;
  /** A file; absent where the decoder's folder holds the projector. */
  readonly projector?: string | undefined;
  readonly vision: string;
  readonly tokenizer: string;
  readonly features?: FeatureSelection | undefined;
}

const path = z.string({ error: 'expected a path' }).min(1);
/** Paths are relative to the file. */
const compositionSchema = z.strictObject({
  family: z.literal('llava').optional(),
  decoder: path,
  vision: path,
  projector: path.optional(),
  tokenizer: path.optional(),
  features: z
    .strictObject({
      layer: z.int().default(-2),
      strategy: z.enum(['default', 'full']).default('default'),
    })
    .optional(),
});

const compositionHint =
  'keys: decoder (folder), vision (folder), projector (file), tokenizer (folder), features: { layer: -2, strategy: default or full }';

/** Whether a folder's configuration, or its composition, is one of LLaVA's. Throws UserError where neither can be read. */
export function isLlava(folder: string): boolean {
  const composed = readComposition(folder, { hint: compositionHint });
  if (composed !== undefined) return (composed.family ?? 'llava') === 'llava';
  const json = readConfig(folder);
  return isOriginalConfig(json) || json.model_type === 'llava' || json.model_type === 'llava_llama';
}

/** What the configurations of a model say, before its weights are opened. */
export interface LlavaConfigurations extends Omit<LlavaSources, 'checkpoint'> {
  /** Folders that must hold weights. */
  readonly weightFolders: readonly string[];
  readonly openWeights: () => Checkpoint;
}

/** Opens the parts of the model in `folder`. Throws UserError naming what is missing, wrong or not known. */
export function openSources(folder: string): LlavaSources {
  const { openWeights, weightFolders: _, ...sources } = readConfigurations(folder);
  return { ...sources, checkpoint: openWeights() };
}

/** Reads the configurations of all parts; weights need not be there. Throws UserError as `openSources`. */
export function readConfigurations(folder: string): LlavaConfigurations {
  const composition = findComposition(folder);
  if (composition !== undefined) return compose(folder, composition);
  const file = join(folder, 'config.json');
  const config = parseLlavaConfig(readConfig(folder), file);
  return {
    layout: 'transformers',
    config: { ...config, endTokenIds: readEndTokens(folder) ?? config.endTokenIds },
    tokenizerFolder: folder,
    imageFolder: folder,
    weightFolders: [folder],
    openWeights: () => openCheckpoint(folder),
  };
}

/** The files that the model in `folder` is made of, relative to it. */
export function modelFiles(folder: string): readonly string[] {
  const composition = findComposition(folder);
  if (composition === undefined) return listFiles(folder);
  const { decoder, projector, vision, tokenizer } = composition;
  const files = [folder, decoder, vision, tokenizer].flatMap((part) =>
    listFiles(part).map((name) => join(part, name)),
  );
  return [...new Set([...files, ...(projector === undefined ? [] : [projector])])]
    .map((file) => relative(folder, file))
    .sort();
}

/** The parts that a folder is composed of; undefined where it is whole. */
export function findComposition(folder: string): Composition | undefined {
  const yaml = readComposition(folder, { hint: compositionHint });
  if (yaml !== undefined) return composition(folder, yaml);
  const json = readConfig(folder);
  if (!isOriginalConfig(json)) return undefined;
  const { visionTower } = parseOriginalConfig(json, join(folder, 'config.json'));
  return { layout: 'original', decoder: folder, tokenizer: folder, vision: locateTower(folder, visionTower) };
}

function readConfig(folder: string): Readonly<Record<string, unknown>> {
  return readJsonObject(join(folder, 'config.json'), {
    hint: `expected a model: a folder in the layout of llava-hf or of liuhaotian/llava-v1.5, or one with a ${COMPOSITION_FILE}`,
  });
}

function composition(folder: string, yaml: Readonly<Record<string, unknown>>): Composition {
  const file = join(folder, COMPOSITION_FILE);
  const {
    decoder,
    projector,
    vision,
    tokenizer = decoder,
    features,
  } = checkConfig(compositionSchema, yaml, file);
  const place = (name: string) => resolve(folder, name);
  const parts = { decoder: place(decoder), vision: place(vision), tokenizer: place(tokenizer) };
  for (const [field, folder] of Object.entries(parts)) {
    if (!existsSync(folder)) throw new UserError({ file, field, message: `no such folder: ${folder}` });
  }
  return { layout: 'composed', ...parts, features, projector: projector && place(projector) };
}

/** The folder of a tower that the original code would fetch by its name: as a path, or beside the model. */
function locateTower(folder: string, name: string): string {
  const above = dirname(resolve(folder));
  const places = [
    resolve(folder, name),
    join(folder, basename(name)),
    join(above, basename(name)),
    join(above, name),
    join(dirname(above), name),
  ];
  const found = places.find((place) => existsSync(join(place, 'config.json')));
  if (found !== undefined) return found;
  throw new UserError({
    file: join(folder, 'config.json'),
    field: 'mm_vision_tower',
    message: `the vision tower ${name} is not here`,
    hint: `put its folder (config.json, preprocessor_config.json and weights) at ${join(above, basename(name))}, or say where it is in ${join(folder, COMPOSITION_FILE)}: "decoder: ." and "vision: FOLDER"`,
  });
}

function compose(folder: string, composition: Composition): LlavaConfigurations {
  const { layout, decoder, vision, tokenizer } = composition;
  const text = readDecoderConfig(decoder);
  const tower = readVisionConfig(vision);
  if (text.visionHiddenSize !== undefined && text.visionHiddenSize !== tower.hiddenSize) {
    throw new UserError({
      file: join(decoder, 'config.json'),
      field: 'mm_hidden_size',
      message: `${text.visionHiddenSize}, but the vision tower in ${vision} has hidden_size ${tower.hiddenSize}`,
    });
  }
  const selection = composition.features ?? text.features ?? { layer: -2, strategy: 'default' };
  const place = {
    file: composition.features === undefined ? join(decoder, 'config.json') : join(folder, COMPOSITION_FILE),
    field: composition.features === undefined ? 'mm_vision_select_layer' : 'features.layer',
  };
  return {
    layout,
    config: {
      vision: tower,
      text: text.text,
      imageTokenId: IMAGE_PLACEHOLDER,
      endTokenIds: readEndTokens(decoder) ?? text.endTokenIds,
      padTokenId: text.padTokenId,
      ...selectFeatures(tower, selection, place),
    },
    tokenizerFolder: tokenizer,
    imageFolder: vision,
    // The original code's decoder may hold its tower.
    weightFolders: layout === 'original' ? [decoder] : [decoder, vision],
    openWeights: () => joinCheckpoints(folder, composition),
  };
}

/** The tensors of all parts by canonical name. What is named by itself goes before what a folder happens to hold. */
function joinCheckpoints(folder: string, { layout, decoder, vision, projector }: Composition): Checkpoint {
  const whole = openCheckpoint(decoder);
  const isTower = (name: string) => canonicalName(name).startsWith(`${VISION_TOWER}.`);
  const isProjector = (name: string) => canonicalName(name).startsWith(`${PROJECTOR}.`);
  const holdsTower = layout === 'original' && [...whole.tensors.keys()].some(isTower);
  const parts = [
    renamed(whole, (name) => {
      const other = (isTower(name) && !holdsTower) || (isProjector(name) && projector !== undefined);
      return other ? undefined : canonicalName(name);
    }),
    ...(holdsTower ? [] : [renamed(openCheckpoint(vision), visionName)]),
    ...(projector === undefined ? [] : [renamed(openProjector(projector), projectorName)]),
  ];
  return {
    folder,
    tensors: new Map(parts.flatMap(({ tensors }) => [...tensors])),
    unusable: new Map(parts.flatMap(({ unusable }) => [...unusable])),
  };
}

type Tensors = Omit<Checkpoint, 'folder'>;

function openProjector(file: string): Tensors {
  const opened = file.endsWith('.safetensors') ? openSafetensors(file) : openTorchFile(file);
  const tensors = tensorsOf(opened);
  if (![...tensors.tensors.keys()].some((name) => projectorName(name) !== undefined)) {
    throw new DataError({
      file,
      message: `expected mm_projector.0.weight and its like, found ${[...tensors.tensors.keys()].slice(0, 3).join(', ') || 'nothing'}`,
    });
  }
  return tensors;
}

/** Tensors under other names; those without one are left out. */
function renamed({ tensors, unusable }: Tensors, rename: (name: string) => string | undefined): Tensors {
  const under = <T>(map: ReadonlyMap<string, T>) =>
    new Map(
      [...map].flatMap(([name, value]): [string, T][] => {
        const other = rename(name);
        return other === undefined ? [] : [[other, value]];
      }),
    );
  return { tensors: under(tensors), unusable: under(unusable) };
}

type DecoderConfig = Pick<LlavaConfig, 'text' | 'endTokenIds' | 'padTokenId'> &
  Partial<Pick<OriginalConfig, 'features' | 'visionHiddenSize'>>;

/**
 * Reads the configuration of a language model alone, or of one that the original code saved with what is joined to
 * it.
 */
function readDecoderConfig(folder: string): DecoderConfig {
  const file = join(folder, 'config.json');
  const json = readConfig(folder);
  if (isOriginalConfig(json)) return parseOriginalConfig(json, file);
  const text = checkConfig(decoderConfigSchema, json, file);
  return { text: llamaConfig(text, { file }), endTokenIds: endTokens(text), padTokenId: padToken(text) };
}

/** Reads the configuration of a vision tower alone, or of one with its text half. */
function readVisionConfig(folder: string): VisionConfig {
  const file = join(folder, 'config.json');
  const json = readConfig(folder);
  const { model_type: type, vision_config: nested, vision_config_dict: older } = json;
  if (type !== 'clip' && type !== 'siglip') {
    return visionConfig(checkConfig(visionConfigSchema, json, file), { file, prefix: '' });
  }
  if (!isObject(nested)) throw new DataError({ file, field: 'vision_config', message: 'expected an object' });
  // As transformers does: an older spelling goes before, and the family's name may be missing below.
  const whole = { model_type: `${type}_vision_model`, ...nested, ...(isObject(older) ? older : {}) };
  return visionConfig(checkConfig(visionConfigSchema, whole, file), { file, prefix: 'vision_config.' });
}

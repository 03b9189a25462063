// The names of LLaVA's weights: the spellings of published checkpoints, read to the one spelling used here (transformers'
// module paths in memory, which are also what PEFT names adapters after). What is done with a checkpoint is ../weights.ts.
import type { Checkpoint } from '../../formats/weights/checkpoint.ts';
import type { ModelPart } from '../family.ts';
import { ModelWeights } from '../weights.ts';

export const LANGUAGE_MODEL = 'model.language_model';
export const VISION_TOWER = 'model.vision_tower';
export const PROJECTOR = 'model.multi_modal_projector';
export const HEAD = 'lm_head';

/** The original code's names, where they are not transformers'. */
const originalSpellings: readonly (readonly [RegExp, string])[] = [
  [/^vision_tower\.vision_tower\./, 'vision_tower.'],
  [/^mm_projector\.0\./, 'multi_modal_projector.linear_1.'],
  [/^mm_projector\.2\./, 'multi_modal_projector.linear_2.'],
  [/^(?=layers\.|embed_tokens\.|norm\.)/, 'language_model.'],
];

/**
 * `language_model.model.layers.0…` and its other spellings become `model.language_model.layers.0…`; so do those of the
 * original code and of a decoder alone, `model.layers.0…`.
 */
export function canonicalName(name: string): string {
  const bare = originalSpellings.reduce(
    (text, [pattern, by]) => text.replace(pattern, by),
    name.replace(/^model\./, ''),
  );
  if (/^(language_model\.)?lm_head\./.test(bare)) return bare.replace(/^language_model\./, '');
  return `model.${bare.replace(/^language_model\.model\./, 'language_model.').replace(/^vision_tower\.vision_model\./, 'vision_tower.')}`;
}

/** The canonical name of a tensor in a folder of CLIP's or SigLIP's own; undefined for their text halves. */
export function visionName(name: string): string | undefined {
  const bare = name.replace(/^(vision_model|vision_tower)\./, '');
  const known = /^(embeddings|encoder|pre_layrnorm|post_layernorm|head)\./.test(bare);
  return known ? `${VISION_TOWER}.${bare}` : undefined;
}

/** The canonical name of a tensor in a projector's own file (`mm_projector.bin`), whatever stands before it. */
export function projectorName(name: string): string | undefined {
  const [, layer, part] = /(?:^|\.)mm_projector\.([02])\.(weight|bias)$/.exec(name) ?? [];
  return layer === undefined ? undefined : `${PROJECTOR}.linear_${layer === '0' ? 1 : 2}.${part}`;
}

/** The spelling of `llava-hf` on the hub, which every version of transformers reads. */
export function publishedName(name: string): string {
  if (name.startsWith(HEAD)) return `language_model.${name}`;
  return name
    .replace(/^model\.language_model\./, 'language_model.model.')
    .replace(/^model\.vision_tower\./, 'vision_tower.vision_model.')
    .replace(/^model\./, '');
}

export class LlavaWeights extends ModelWeights {
  constructor(checkpoint: Checkpoint) {
    super(checkpoint, { canonicalName, publishedName, label: 'LLaVA' });
  }
}

const parts = {
  tower: { name: 'vision tower', side: 'images' },
  projector: { name: 'projector', side: 'alongside' },
  embeddings: { name: 'embeddings', side: 'decoder' },
  layers: { name: 'decoder layers', side: 'decoder' },
  head: { name: 'head', side: 'decoder' },
} as const satisfies Readonly<Record<string, ModelPart>>;

export const llavaParts: readonly ModelPart[] = Object.values(parts);

/** The part of the model that a weight of this canonical name is in; undefined for names that are none of LLaVA's. */
export function partOf(name: string): ModelPart | undefined {
  const within = (path: string) => name.startsWith(`${path}.`);
  if (within(VISION_TOWER)) return parts.tower;
  if (within(PROJECTOR)) return parts.projector;
  if (within(HEAD)) return parts.head;
  if (within(`${LANGUAGE_MODEL}.embed_tokens`)) return parts.embeddings;
  return within(LANGUAGE_MODEL) ? parts.layers : undefined;
}

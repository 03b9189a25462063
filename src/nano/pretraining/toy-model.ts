// The model that claims are checked on: a LLaVA of a few thousand drawn weights, with a tokenizer of words. Written to a
// folder and opened from there, as any model is. Its world (things, instructions, images) is verification/toy-world.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokenizer } from '../../formats/text/tokenizer.ts';
import { openCheckpoint } from '../../formats/weights/checkpoint.ts';
import { serializeSafetensors } from '../../formats/weights/safetensors.ts';
import type { DrivenModel } from '../../models/family.ts';
import { parseLlavaConfig } from '../../models/llava/config.ts';
import { outlineOf, tracedLlava } from '../../models/llava/model.ts';
import { createProcessor } from '../../models/llava/processor.ts';
import type { PromptTemplate, Segment } from '../../models/llava/prompts.ts';
import { LlavaWeights, publishedName } from '../../models/llava/weights.ts';
import { Scope } from '../../nn/scope.ts';
import { instructionLoss } from '../../training/loss.ts';
import { FreshParameters } from './fresh-parameters.ts';

/** Rows of an image's features, and their size. */
export const [TOY_ROWS, TOY_FEATURES] = [4, 8];
const [PAD, BEGIN, END, IMAGE] = [0, 1, 2, 3];
const CONTROL = ['<pad>', '<s>', '</s>', '<image>'];
const UNKNOWN = '<unknown>';

const jsonOf = (vocabularySize: number) => ({
  model_type: 'llava',
  image_token_index: IMAGE,
  vision_config: {
    hidden_size: TOY_FEATURES,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    image_size: 4,
    patch_size: 2,
    projection_dim: TOY_FEATURES,
  },
  text_config: {
    vocab_size: vocabularySize,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    head_dim: 8,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
    bos_token_id: BEGIN,
    eos_token_id: END,
    pad_token_id: PAD,
  },
});

export interface ToyModel extends DrivenModel {
  /** Removes its folder. */
  dispose(): void;
}

/** A model that knows these words; its features are given, not computed. */
export function createToyModel(known: readonly string[]): ToyModel {
  const words = [...CONTROL, ...known, UNKNOWN];
  const tokenizer = wordTokenizer(words);
  const config = parseLlavaConfig(jsonOf(words.length), 'toy');
  const parameters = new FreshParameters(1);
  instructionLoss(new Scope(parameters.provider), tracedLlava(config));
  const tensors = parameters.all.map(
    ({ name, tensor, values }) =>
      [publishedName(name), { dtype: 'F32', shape: tensor.shape as number[], data: values }] as const,
  );
  const folder = mkdtempSync(join(tmpdir(), 'coin-toy-'));
  writeFileSync(join(folder, 'model.safetensors'), serializeSafetensors(Object.fromEntries(tensors)));
  const notComputed = () => {
    throw new Error('toy: features are given, not computed');
  };
  return {
    ...outlineOf(config, new LlavaWeights(openCheckpoint(folder))),
    tokenizer,
    images: {
      layouts: async (files) => files.map(() => ({ rows: TOY_ROWS })),
      identity: notComputed,
      compile: notComputed,
      trace: notComputed,
    },
    prompts: createProcessor({ tokenizer, imageTokenId: IMAGE, template }),
    padTokenId: config.padTokenId,
    endTokenIds: config.endTokenIds,
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Words for tokens; those that the toy does not know are one. */
function wordTokenizer(words: readonly string[]): Tokenizer {
  const idOf = new Map(words.map((word, id) => [word, id]));
  return {
    encode: (text) =>
      text
        .split(/\s+/)
        .filter(Boolean)
        .map((word) => idOf.get(word) ?? words.length - 1),
    decode: (ids, { skipSpecial = true } = {}) =>
      [...ids]
        .filter((id) => !skipSpecial || id > IMAGE)
        .map((id) => words[id] ?? '')
        .join(' '),
    settles: (id) => id > IMAGE,
    tokenId: (token) => idOf.get(token),
    controlTokens: words.slice(0, IMAGE + 1),
    addsBegin: true,
    vocabularySize: words.length,
    bosId: BEGIN,
    eosId: END,
    padId: PAD,
  };
}

/** The image, the question and the answer, with nothing between them. */
const asked = ({ text, hasImage }: { readonly text: string; readonly hasImage: boolean }): Segment[] => [
  ...(hasImage ? [{ kind: 'image' } as const] : []),
  { kind: 'text', text },
];
const template: PromptTemplate = {
  begins: true,
  prompt: asked,
  conversation: (turns, { hasImage }) =>
    turns.flatMap(({ question, answer }, index): Segment[] => [
      ...asked({ text: question, hasImage: hasImage && index === 0 }),
      { kind: 'answer', text: answer, separator: ' ' },
      { kind: 'end' },
    ]),
};

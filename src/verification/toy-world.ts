// The toy that claims are checked on: a LLaVA of a few thousand weights with a tokenizer of words, and four tasks about six
// things that can be told apart by image and by instruction and want different answers. Nothing here is meant to be hard.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokenizer } from '../formats/text/tokenizer.ts';
import { openCheckpoint } from '../formats/weights/checkpoint.ts';
import { serializeSafetensors } from '../formats/weights/safetensors.ts';
import type { TestQuestion } from '../methods/claim.ts';
import type { Example, StreamSample } from '../methods/method.ts';
import { parseLlavaConfig } from '../models/llava/config.ts';
import type { LlavaModel } from '../models/llava/model.ts';
import { createProcessor } from '../models/llava/processor.ts';
import type { Segment } from '../models/llava/prompts.ts';
import { LlavaWeights, publishedName } from '../models/llava/weights.ts';
import { FreshParameters } from '../nano/pretraining/fresh-parameters.ts';
import { Scope } from '../nn/scope.ts';
import type { TrainSample } from '../tasks/task.ts';
import { normalArray } from '../tensor/random.ts';
import { instructionLoss } from '../training/loss.ts';

/** In training order, which no sorting gives: what a method takes from files in the order of names must not pass for it. */
export const toyTasks = ['Gamma', 'Alpha', 'Delta', 'Beta'] as const;
const instructions: Readonly<Record<string, string>> = {
  Alpha: 'name the colour',
  Beta: 'how many legs',
  Gamma: 'where is it',
  Delta: 'which kind of thing',
};
const things = ['ball', 'cup', 'fish', 'lamp', 'tree', 'shoe'];
const answers = ['red', 'two', 'left', 'old', 'big', 'none'];
const [PATCHES, VISION] = [4, 8];
const [PAD, BEGIN, END, IMAGE] = [0, 1, 2, 3];

const words = [
  '<pad>',
  '<s>',
  '</s>',
  '<image>',
  ...new Set([
    ...toyTasks,
    ...things,
    ...answers,
    ...Object.values(instructions).flatMap((text) => text.split(' ')),
    // What methods may ask in words of their own.
    ...'which task is this question of answer yes no or A B C D'.split(' '),
  ]),
  '<unknown>',
];
const idOf = new Map(words.map((word, id) => [word, id]));

const json = {
  model_type: 'llava',
  image_token_index: IMAGE,
  vision_config: {
    hidden_size: VISION,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    image_size: 4,
    patch_size: 2,
    projection_dim: VISION,
  },
  text_config: {
    vocab_size: words.length,
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
};

export interface ToyModel extends Pick<LlavaModel, 'config' | 'weights' | 'tokenizer' | 'processor'> {
  /** Removes its folder. */
  dispose(): void;
}

export function createToyModel(): ToyModel {
  const config = parseLlavaConfig(json, 'toy');
  const parameters = new FreshParameters(1);
  instructionLoss(new Scope(parameters.provider), config);
  const tensors = parameters.all.map(
    ({ name, tensor, values }) =>
      [publishedName(name), { dtype: 'F32', shape: tensor.shape as number[], data: values }] as const,
  );
  const folder = mkdtempSync(join(tmpdir(), 'coin-toy-'));
  writeFileSync(join(folder, 'model.safetensors'), serializeSafetensors(Object.fromEntries(tensors)));
  const weights = new LlavaWeights(openCheckpoint(folder));
  return {
    config,
    weights,
    tokenizer,
    processor,
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Words for tokens; those that the toy does not know are one. */
const tokenizer: Tokenizer = {
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

/** The image, the question and the answer, with nothing between them. */
const asked = ({ text, hasImage }: { readonly text: string; readonly hasImage: boolean }): Segment[] => [
  ...(hasImage ? [{ kind: 'image' } as const] : []),
  { kind: 'text', text },
];
const processor = createProcessor({
  tokenizer,
  imageTokenId: IMAGE,
  imageTokens: PATCHES,
  template: {
    begins: true,
    prompt: asked,
    conversation: (turns, { hasImage }) =>
      turns.flatMap(({ question, answer }, index): Segment[] => [
        ...asked({ text: question, hasImage: hasImage && index === 0 }),
        { kind: 'answer', text: answer, separator: ' ' },
        { kind: 'end' },
      ]),
  },
});

/** Two samples of each thing: an image is named by task, thing and number. */
export function toySamples(task: string): readonly TrainSample[] {
  const shift = toyTasks.indexOf(task as (typeof toyTasks)[number]);
  return [0, 1].flatMap((copy) =>
    things.map((thing, index) => ({
      id: `${task}-${thing}-${copy}`,
      image: `${task}/${index}/${copy}`,
      turns: [
        {
          question: `${thing}\n${instructions[task]}`,
          answer: answers[(index + shift) % answers.length] as string,
        },
      ],
    })),
  );
}

export function toyExample(one: StreamSample): Example {
  const { turns, image } = one.sample;
  return { ...one, ...processor.processTraining(turns, { hasImage: image !== undefined }) };
}

/** Questions about images that no training sample shows. */
export function toyQuestions(task: string): readonly TestQuestion[] {
  return things.map((thing, index) => ({
    text: `${thing}\n${instructions[task]}`,
    image: `${task}/${index}/test`,
    task,
  }));
}

/** [patches, vision]: what the task's images have in common, what shows the thing, and noise. */
export function toyFeatures(image: string): Float32Array {
  const [task = '', thing = ''] = image.split('/');
  const draw = (purpose: string, count: number, standardDeviation: number) =>
    normalArray(count, { seed: 5, purpose, standardDeviation });
  const [common, own] = [draw(`toy ${task}`, VISION, 1), draw(`toy thing ${thing}`, VISION, 0.5)];
  return draw(`toy ${image}`, PATCHES * VISION, 0.2).map(
    (noise, i) => noise + (common[i % VISION] as number) + (own[i % VISION] as number),
  );
}

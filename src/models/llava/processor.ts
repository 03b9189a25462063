// Conversations to token ids for LLaVA: the image's placeholder is expanded to one token per patch feature,
// and the tokens to be learnt are marked. Does not touch pixels (see images.ts) or batches.

import { UserError } from '../../base/errors.ts';
import type { Tokenizer } from '../../formats/text/tokenizer.ts';
import type { ImageLayout, ModelPrompts } from '../family.ts';
import { sequenceInOrder, type TokenSequence } from '../sequence.ts';
import { namedTemplate, type PromptTemplate, type Segment, type TemplateName } from './prompts.ts';

export interface ProcessorOptions {
  readonly tokenizer: Tokenizer;
  /** `image_token_index` of config.json. */
  readonly imageTokenId: number;
  readonly template: TemplateName | PromptTemplate;
  /**
   * The texts before and after the image are encoded each by itself, as the original LLaVA does: by a tokenizer of
   * LLaMA's, both begin with a space. By default the image is a token like others, as in transformers.
   */
  readonly imageDividesText?: boolean;
}

export interface LlavaProcessor extends ModelPrompts {
  /** The token that ends an answer: what generation stops at. */
  readonly endTokenId: number;
}

/** Throws UserError when the tokenizer has no token to end an answer with: a model could never learn to stop. */
export function createProcessor(options: ProcessorOptions): LlavaProcessor {
  const { tokenizer } = options;
  const template = typeof options.template === 'string' ? namedTemplate(options.template) : options.template;
  const endTokenId = template.end === undefined ? tokenizer.eosId : tokenizer.tokenId(template.end);
  if (endTokenId === undefined)
    throw new UserError('tokenizer_config.json names no eos_token: answers could not end');
  const encode = (segments: readonly Segment[], image: ImageLayout | undefined) =>
    encodeSegments(segments, {
      ...options,
      imageTokens: image?.rows ?? 0,
      endTokenId,
      begins: template.begins,
    });
  return {
    endTokenId,
    conversation: (turns, { image } = {}) => {
      const hasImage = image !== undefined;
      const { sequence, trained } = encode(template.conversation(turns, { hasImage }), image);
      return { ...sequence, trained };
    },
    ask: (text, { image, imageMarker } = {}) => {
      const question = { text, hasImage: image !== undefined, imageMarker };
      return encode(template.prompt(question), image).sequence;
    },
  };
}

/** A text that stands before what is to be encoded, and its ids. */
interface Before {
  readonly text: string;
  readonly ids: readonly number[];
  readonly first: boolean;
}

function encodeSegments(
  segments: readonly Segment[],
  {
    tokenizer,
    imageTokenId,
    imageTokens,
    imageDividesText = false,
    endTokenId,
    begins,
  }: ProcessorOptions & {
    readonly imageTokens: number;
    readonly endTokenId: number;
    readonly begins: boolean;
  },
): { readonly sequence: TokenSequence; readonly trained: Uint8Array } {
  const ids: number[] = [];
  let imageAt: number | undefined;
  const trained: number[] = [];
  const add = (tokens: readonly number[], learn: 0 | 1) => {
    for (const token of tokens) {
      ids.push(token);
      trained.push(learn);
    }
  };
  const begin = tokenizer.bosId === undefined ? [] : [tokenizer.bosId];
  if (begins) add(begin, 0);
  let before: Before | undefined;
  let first = true;
  for (const segment of segments) {
    if (segment.kind === 'text') {
      before = { text: segment.text, ids: tokenizer.encode(segment.text, { first }), first };
      add(before.ids, 0);
    } else if (segment.kind === 'answer') {
      add(
        before === undefined
          ? tokenizer.encode(segment.text, { first })
          : encodeAfter(tokenizer, before, segment),
        1,
      );
      before = undefined;
    } else {
      if (segment.kind === 'image') {
        imageAt = ids.length;
        add(new Array<number>(imageTokens).fill(imageTokenId), 0);
      } else if (segment.kind === 'begin') add(begin, 0);
      else if (segment.kind === 'control') add([controlId(tokenizer, segment.token)], 0);
      else add([segment.token === undefined ? endTokenId : controlId(tokenizer, segment.token)], 1);
      before = undefined;
    }
    first = segment.kind === 'image' && imageDividesText;
  }
  const image = imageAt === undefined ? undefined : { at: imageAt, rows: imageTokens };
  return { sequence: sequenceInOrder(Int32Array.from(ids), image), trained: Uint8Array.from(trained) };
}

function controlId(tokenizer: Tokenizer, token: string): number {
  const id = tokenizer.tokenId(token);
  if (id === undefined) throw new Error(`prompt: the tokenizer has no token ${token}`);
  return id;
}

/**
 * Ids of an answer as it stands after a text. The ids of the text before are never changed by what follows, so that a
 * model is asked with exactly the tokens it was trained after.
 */
function encodeAfter(
  tokenizer: Tokenizer,
  before: Before,
  { text, separator }: { readonly text: string; readonly separator: string },
): number[] {
  const whole = tokenizer.encode(before.text + separator + text, { first: before.first });
  const continues = before.ids.every((id, i) => whole[i] === id);
  return continues ? whole.slice(before.ids.length) : tokenizer.encode(text, { first: false });
}

// Conversations to token ids for LLaVA: the picture's placeholder is expanded to one token per patch feature,
// and the tokens to be learnt are marked. Does not touch pixels (see clip/processor.ts) or batches.

import { UserError } from '../../errors.ts';
import type { Tokenizer } from '../../formats/tokenizer.ts';
import type { Turn } from '../../tasks/task.ts';
import { renderConversation, renderPrompt, type Segment, type TemplateName } from './prompts.ts';

export interface ProcessorOptions {
  readonly tokenizer: Tokenizer;
  /** `image_token_index` of config.json. */
  readonly imageTokenId: number;
  /** Patch features per picture. */
  readonly imageTokens: number;
  readonly template: TemplateName;
}

export interface TrainingTokens {
  readonly inputIds: Int32Array; // [tokens]
  /** 1 where the token is one to be learnt: of an answer, or the end of sequence after it. Else 0. */
  readonly trained: Uint8Array; // [tokens]
}

export interface LlavaProcessor {
  /** A whole conversation. Its ids begin with those of `processPrompt` of its first question. */
  processTraining(turns: readonly Turn[], options: { readonly hasImage: boolean }): TrainingTokens;
  /** What the model is given to answer `text`. Without an image there is no placeholder. */
  processPrompt(text: string, options: { readonly hasImage: boolean }): Int32Array;
}

/** Throws UserError when the tokenizer has no end-of-sequence token: a model could never learn to stop. */
export function createProcessor(options: ProcessorOptions): LlavaProcessor {
  const { tokenizer, template } = options;
  const { eosId } = tokenizer;
  if (eosId === undefined)
    throw new UserError('tokenizer_config.json names no eos_token: answers could not end');
  return {
    processTraining: (turns, { hasImage }) =>
      encodeSegments(renderConversation(template, turns, { hasImage }), { ...options, eosId }),
    processPrompt: (text, { hasImage }) =>
      encodeSegments(renderPrompt(template, text, { hasImage }), { ...options, eosId }).inputIds,
  };
}

function encodeSegments(
  segments: readonly Segment[],
  { tokenizer, imageTokenId, imageTokens, eosId }: ProcessorOptions & { readonly eosId: number },
): TrainingTokens {
  const ids: number[] = [];
  const trained: number[] = [];
  const add = (tokens: readonly number[], learn: 0 | 1) => {
    for (const token of tokens) {
      ids.push(token);
      trained.push(learn);
    }
  };
  if (tokenizer.bosId !== undefined) add([tokenizer.bosId], 0);
  let before: { readonly text: string; readonly ids: readonly number[]; readonly first: boolean } | undefined;
  for (const [index, segment] of segments.entries()) {
    const first = index === 0;
    if (segment.kind === 'text') {
      before = { text: segment.text, ids: tokenizer.encode(segment.text, { first }), first };
      add(before.ids, 0);
      continue;
    }
    if (segment.kind === 'image') add(new Array<number>(imageTokens).fill(imageTokenId), 0);
    else if (segment.kind === 'end') add([eosId], 1);
    else if (before === undefined) add(tokenizer.encode(segment.text, { first }), 1);
    else add(encodeAfter(tokenizer, before, segment.text), 1);
    before = undefined;
  }
  return { inputIds: Int32Array.from(ids), trained: Uint8Array.from(trained) };
}

/**
 * Ids of an answer as it stands after a text and a space. The ids of the text before are never changed by what
 * follows, so that a model is asked with exactly the tokens it was trained after.
 */
function encodeAfter(
  tokenizer: Tokenizer,
  before: { readonly text: string; readonly ids: readonly number[]; readonly first: boolean },
  answer: string,
): number[] {
  const whole = tokenizer.encode(`${before.text} ${answer}`, { first: before.first });
  const continues = before.ids.every((id, i) => whole[i] === id);
  return continues ? whole.slice(before.ids.length) : tokenizer.encode(answer, { first: false });
}

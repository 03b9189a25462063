// Token sequences and adaptable layers for tests that make them by hand.
import type { AdaptableLayers } from '../../../src/adapters/adapter.ts';
import type { ModelPrompts } from '../../../src/models/family.ts';
import { sequenceInOrder, type TokenSequence } from '../../../src/models/sequence.ts';
import type { Turn } from '../../../src/tasks/task.ts';
import type { Tensor } from '../../../src/tensor/graph.ts';
import { broadcastTo, iota } from '../../../src/tensor/ops.ts';

/** The layers that LLaVA's decoders offer, of any number. */
export const decoderLinears: AdaptableLayers = {
  has: (layer) =>
    /^model\.language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)$/.test(layer),
};

/** Tokens read in order; an image's rows stand where its placeholder does. */
export function sequenceOf(ids: ArrayLike<number>, placeholder?: number): TokenSequence {
  const inputIds = Int32Array.from(ids);
  const at = placeholder === undefined ? -1 : inputIds.indexOf(placeholder);
  const rows = inputIds.filter((id) => id === placeholder).length;
  return sequenceInOrder(inputIds, at < 0 ? undefined : { at, rows });
}

/** int32 [1, batch, tokens]: 0, 1, 2, … for every row of embeddings [batch, tokens, …]. */
export function positionsInOrderOf(embeddings: Tensor): Tensor {
  const [batch, tokens] = [embeddings.dim(0), embeddings.dim(1)];
  return broadcastTo(iota(tokens), [1, batch, tokens]);
}

/** Prompts of a family whose images all take as many rows, asked for by whether there is an image. */
export function promptsWith<Prompts extends ModelPrompts>(prompts: Prompts, rows: number) {
  const imageOf = (hasImage: boolean) => (hasImage ? { rows } : undefined);
  return {
    ...prompts,
    conversationOf: (turns: readonly Turn[], hasImage: boolean) =>
      prompts.conversation(turns, { image: imageOf(hasImage) }),
    idsOf: (text: string, hasImage: boolean, imageMarker?: string) =>
      prompts.ask(text, { image: imageOf(hasImage), ...(imageMarker && { imageMarker }) }).inputIds,
  };
}

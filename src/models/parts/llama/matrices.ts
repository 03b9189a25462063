// The matrices of a LLaMA decoder's layers: what adapters are added to, and what may be kept in few bits.
import type { AdaptableLinear } from '../../family.ts';
import type { LlamaConfig } from './config.ts';

/** q, k, v, o, gate, up and down of every layer, by path below `decoder`, the decoder's own. */
export function layerMatrices(decoder: string, config: LlamaConfig): ReadonlyMap<string, AdaptableLinear> {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize } = config;
  const sizes = {
    'self_attn.q_proj': [heads * headSize, hiddenSize],
    'self_attn.k_proj': [kvHeads * headSize, hiddenSize],
    'self_attn.v_proj': [kvHeads * headSize, hiddenSize],
    'self_attn.o_proj': [hiddenSize, heads * headSize],
    'mlp.gate_proj': [intermediateSize, hiddenSize],
    'mlp.up_proj': [intermediateSize, hiddenSize],
    'mlp.down_proj': [hiddenSize, intermediateSize],
  } as const;
  return new Map(
    Array.from({ length: config.layers }, (_, layer) =>
      Object.entries(sizes).map(([name, [outputs, inputs]]): [string, AdaptableLinear] => [
        `${decoder}.layers.${layer}.${name}`,
        { layer, inputs, outputs },
      ]),
    ).flat(),
  );
}

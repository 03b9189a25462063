// The frozen matrices of a LLaMA decoder's layers: what adapters are added to, and what is kept in few bits.
import type { Scope } from '../../../nn/scope.ts';
import type { Tensor } from '../../../tensor/graph.ts';
import type { LlamaConfig } from './config.ts';

/** The weights of q, k, v, o, gate, up and down of every layer: [outputs, inputs] each. `scope` is the decoder's. */
export function layerMatrices(scope: Scope, config: LlamaConfig): Tensor[] {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize } = config;
  const shapes = {
    'self_attn.q_proj': [heads * headSize, hiddenSize],
    'self_attn.k_proj': [kvHeads * headSize, hiddenSize],
    'self_attn.v_proj': [kvHeads * headSize, hiddenSize],
    'self_attn.o_proj': [hiddenSize, heads * headSize],
    'mlp.gate_proj': [intermediateSize, hiddenSize],
    'mlp.up_proj': [intermediateSize, hiddenSize],
    'mlp.down_proj': [hiddenSize, intermediateSize],
  } as const;
  return Array.from({ length: config.layers }, (_, layer) =>
    Object.entries(shapes).map(([name, shape]) =>
      scope.child('layers').child(layer).child(name).weight('weight', shape),
    ),
  ).flat();
}

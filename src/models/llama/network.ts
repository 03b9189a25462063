// LLaMA's decoder (Touvron et al., 2023): RMS norms, rotary positions, SwiGLU. How a layer attends (over the whole
// sequence, or over a cache) is the caller's choice.
import { mergeHeads, rotate, rotation, splitHeads } from '../../nn/attention.ts';
import { linear, rmsNorm } from '../../nn/layers.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, mul, silu } from '../../tensor/ops.ts';
import type { LlamaConfig } from './config.ts';

/** Mixes values: q [batch, heads, query, size], k and v [batch, kvHeads, new, size] of this layer's new tokens. */
export type Attend = (layer: number, q: Tensor, k: Tensor, v: Tensor) => Tensor;

/**
 * The decoder's last hidden states, after the final norm. x: [batch, tokens, hidden]; positions: int32 [tokens] or
 * [batch, tokens].
 */
export function llamaDecoder(
  scope: Scope,
  config: LlamaConfig,
  x: Tensor,
  positions: Tensor,
  attend: Attend,
): Tensor {
  const turn = rotation(positions, { size: config.headSize, theta: config.ropeTheta });
  let state = x;
  for (let layer = 0; layer < config.layers; layer++) {
    state = llamaDecoderLayer(scope.child('layers').child(layer), config, state, turn, (q, k, v) =>
      attend(layer, q, k, v),
    );
  }
  return rmsNorm(scope.child('norm'), state, config);
}

/** One decoder layer. x: [batch, tokens, hidden]. */
export function llamaDecoderLayer(
  scope: Scope,
  config: LlamaConfig,
  x: Tensor,
  turn: ReturnType<typeof rotation>,
  attend: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
): Tensor {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize } = config;
  const attention = scope.child('self_attn');
  const normal = rmsNorm(scope.child('input_layernorm'), x, config);
  const q = splitHeads(linear(attention.child('q_proj'), normal, { outputs: heads * headSize }), heads);
  const k = splitHeads(linear(attention.child('k_proj'), normal, { outputs: kvHeads * headSize }), kvHeads);
  const v = splitHeads(linear(attention.child('v_proj'), normal, { outputs: kvHeads * headSize }), kvHeads);
  const mixed = mergeHeads(attend(rotate(q, turn), rotate(k, turn), v));
  const middle = add(x, linear(attention.child('o_proj'), mixed, { outputs: hiddenSize }));
  const mlp = scope.child('mlp');
  const inner = rmsNorm(scope.child('post_attention_layernorm'), middle, config);
  const gate = silu(linear(mlp.child('gate_proj'), inner, { outputs: intermediateSize }));
  const up = linear(mlp.child('up_proj'), inner, { outputs: intermediateSize });
  return add(middle, linear(mlp.child('down_proj'), mul(gate, up), { outputs: hiddenSize }));
}

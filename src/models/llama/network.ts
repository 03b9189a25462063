// LLaMA's decoder (Touvron et al., 2023): RMS norms, rotary positions, SwiGLU. How a layer attends (over the whole
// sequence, or over a cache) is the caller's choice.
import { mergeHeads, rotate, rotation, splitHeads } from '../../nn/attention.ts';
import { linear, rmsNorm } from '../../nn/layers.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, flatten, gather, mul, silu } from '../../tensor/ops.ts';
import type { LlamaConfig } from './config.ts';

/** Mixes values: q [batch, heads, query, size], k and v [batch, kvHeads, new, size] of this layer's new tokens. */
export type Attend = (layer: number, q: Tensor, k: Tensor, v: Tensor) => Tensor;

/**
 * The decoder's last hidden states, after the final norm. x: [batch, tokens, hidden]; positions: int32 [tokens] or
 * [batch, tokens]. With `rows` (int32 [n] into batch·tokens) only those states are computed, [n, hidden]: what follows
 * the last layer's attention works on single tokens, so the others need not go through it.
 */
export function llamaDecoder(
  scope: Scope,
  config: LlamaConfig,
  x: Tensor,
  positions: Tensor,
  attend: Attend,
  rows?: Tensor,
): Tensor {
  const turn = rotation(positions, { size: config.headSize, theta: config.ropeTheta });
  let state = x;
  for (let layer = 0; layer < config.layers; layer++) {
    const attendHere = (q: Tensor, k: Tensor, v: Tensor) => attend(layer, q, k, v);
    const last = layer === config.layers - 1;
    state = llamaDecoderLayer(
      scope.child('layers').child(layer),
      config,
      state,
      turn,
      attendHere,
      last ? rows : undefined,
    );
  }
  return rmsNorm(scope.child('norm'), state, config);
}

/** One decoder layer. x: [batch, tokens, hidden]; with `rows`, only those of its results, [n, hidden]. */
export function llamaDecoderLayer(
  scope: Scope,
  config: LlamaConfig,
  x: Tensor,
  turn: ReturnType<typeof rotation>,
  attend: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
  rows?: Tensor,
): Tensor {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize } = config;
  const attention = scope.child('self_attn');
  const normal = rmsNorm(scope.child('input_layernorm'), x, config);
  const q = splitHeads(linear(attention.child('q_proj'), normal, { outputs: heads * headSize }), heads);
  const k = splitHeads(linear(attention.child('k_proj'), normal, { outputs: kvHeads * headSize }), kvHeads);
  const v = splitHeads(linear(attention.child('v_proj'), normal, { outputs: kvHeads * headSize }), kvHeads);
  const wanted = (states: Tensor) => (rows === undefined ? states : gather(flatten(states, 2), rows));
  const mixed = wanted(mergeHeads(attend(rotate(q, turn), rotate(k, turn), v)));
  const middle = add(wanted(x), linear(attention.child('o_proj'), mixed, { outputs: hiddenSize }));
  const mlp = scope.child('mlp');
  const inner = rmsNorm(scope.child('post_attention_layernorm'), middle, config);
  const gate = silu(linear(mlp.child('gate_proj'), inner, { outputs: intermediateSize }));
  const up = linear(mlp.child('up_proj'), inner, { outputs: intermediateSize });
  return add(middle, linear(mlp.child('down_proj'), mul(gate, up), { outputs: hiddenSize }));
}

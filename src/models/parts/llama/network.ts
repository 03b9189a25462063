// LLaMA's decoder (Touvron et al., 2023), which Mistral and Qwen2 share: RMS norms, rotary positions, SwiGLU. How a
// layer attends (over the whole sequence or a cache, and how far back) is the caller's choice.
import { mergeHeads, rotate, rotation, splitHeads } from '../../../nn/attention.ts';
import { linear, rmsNorm } from '../../../nn/layers.ts';
import type { Scope } from '../../../nn/scope.ts';
import type { Tensor } from '../../../tensor/graph.ts';
import { add, boundary, flatten, gather, mul, silu } from '../../../tensor/ops.ts';
import type { LlamaConfig } from './config.ts';
import { frequenciesOf } from './rotary.ts';

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
  const { frequencies, magnitude } = frequenciesOf(config.rotary, config.headSize);
  const turn = rotation(positions, frequencies, magnitude);
  let state = x;
  for (let layer = 0; layer < config.layers; layer++) {
    const attendHere = (q: Tensor, k: Tensor, v: Tensor) => attend(layer, q, k, v);
    const last = layer === config.layers - 1;
    state = llamaDecoderLayer(
      scope.child('layers').child(layer),
      config,
      boundary(state),
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
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize, biases } = config;
  const attention = scope.child('self_attn');
  const normal = rmsNorm(scope.child('input_layernorm'), x, config);
  const project = (name: string, count: number) => {
    const layer = { outputs: count * headSize, bias: biases.queryKeyValue };
    return splitHeads(linear(attention.child(name), normal, layer), count);
  };
  const q = project('q_proj', heads);
  const k = project('k_proj', kvHeads);
  const v = project('v_proj', kvHeads);
  const wanted = (states: Tensor) => (rows === undefined ? states : gather(flatten(states, 2), rows));
  const mixed = wanted(mergeHeads(attend(rotate(q, turn), rotate(k, turn), v)));
  const output = { outputs: hiddenSize, bias: biases.attentionOutput };
  const middle = add(wanted(x), linear(attention.child('o_proj'), mixed, output));
  const mlp = scope.child('mlp');
  const inner = rmsNorm(scope.child('post_attention_layernorm'), middle, config);
  const wide = { outputs: intermediateSize, bias: biases.mlp };
  const gate = silu(linear(mlp.child('gate_proj'), inner, wide));
  const up = linear(mlp.child('up_proj'), inner, wide);
  const narrow = { outputs: hiddenSize, bias: biases.mlp };
  return add(middle, linear(mlp.child('down_proj'), mul(gate, up), narrow));
}

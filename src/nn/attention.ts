// Scaled dot-product attention over heads, and rotary positions. Masks are additive; a masked score is a large negative
// number, so a row that sees nothing still gives finite values.

import { float32 } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  cos,
  equal,
  iota,
  less,
  matmul,
  mul,
  neg,
  reshape,
  sin,
  slice,
  softmax,
  transpose,
  where,
} from '../tensor/ops.ts';
import { type Dim, multiplyDims } from '../tensor/shape.ts';

export const MASKED = -1e9;

/** [batch, tokens, heads·size] → [batch, heads, tokens, size]. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, tokens, width] = [x.dim(0), x.dim(1), x.staticDim(2)];
  return transpose(reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/** [batch, heads, tokens, size] → [batch, tokens, heads·size]. */
export function mergeHeads(x: Tensor): Tensor {
  const [batch, heads, tokens, size] = [x.dim(0), x.staticDim(1), x.dim(2), x.staticDim(3)];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, tokens, heads * size]);
}

/** Repeats key or value heads for grouped-query attention: [batch, kvHeads, …] → [batch, heads, …]. */
export function repeatHeads(x: Tensor, heads: number): Tensor {
  const [batch, kvHeads, tokens, size] = [x.dim(0), x.staticDim(1), x.dim(2), x.staticDim(3)];
  if (kvHeads === heads) return x;
  const grouped = broadcastTo(reshape(x, [batch, kvHeads, 1, tokens, size]), [
    batch,
    kvHeads,
    heads / kvHeads,
    tokens,
    size,
  ]);
  return reshape(grouped, [batch, heads, tokens, size]);
}

/** softmax(q·kᵀ/√size + mask)·v. q, k, v: [batch, heads, tokens, size]; mask broadcasts to [batch, heads, query, key]. */
export function attention(q: Tensor, k: Tensor, v: Tensor, mask?: Tensor): Tensor {
  const scores = matmul(mul(q, q.staticDim(-1) ** -0.5), k, { transposeB: true }); // [batch, heads, query, key]
  return matmul(softmax(mask === undefined ? scores : add(scores, mask)), v);
}

/** Zero where key ≤ query, MASKED after it. Right padding needs no more: padding comes after every real query. */
export function causalMask(tokens: Tensor['shape'][number]): Tensor {
  const query = reshape(iota(tokens), [tokens, 1]);
  const key = reshape(iota(tokens), [1, tokens]);
  return where(less(query, key), MASKED, 0); // [query, key]
}

/**
 * Zero where a key is less than `window` positions before the query, MASKED before that. positions: int32 [tokens] or
 * [batch, tokens]; result [query, key] or [batch, 1, query, key].
 */
export function windowMask(positions: Tensor, window: number): Tensor {
  const tokens = positions.dim(-1);
  const front = positions.rank === 1 ? [] : [positions.dim(0), 1];
  const first = add(reshape(positions, [...front, tokens, 1]), 1 - window);
  return where(less(reshape(positions, [...front, 1, tokens]), first), MASKED, 0);
}

/**
 * Causal, and blind to other segments but the first: turns that share an image are read as if each stood alone.
 * segments: int32 [batch, tokens], 0 for what all may see; result [batch, 1, query, key].
 */
export function segmentMask(segments: Tensor): Tensor {
  const [batch, tokens] = [segments.dim(0), segments.dim(1)];
  const key = reshape(segments, [batch, 1, 1, tokens]);
  const own = equal(key, reshape(segments, [batch, 1, tokens, 1]));
  const shared = equal(key, 0);
  const visible = add(cast(own, 'float32'), cast(shared, 'float32'));
  return add(where(less(visible, 0.5), MASKED, 0), causalMask(tokens));
}

/**
 * Attention of new tokens over a cache that lies still and over each other, causally. Query heads that share a key head
 * are rows of one product, so the cache is never repeated. q: [batch, heads, tokens, size]; past k, v: [batch, kvHeads,
 * past, size], of which the first `length` [batch] are read; added k, v: [batch, kvHeads, tokens, size]. With a window, a
 * token sees no more than that many, itself the last.
 */
export function cachedAttention(
  q: Tensor,
  past: { readonly k: Tensor; readonly v: Tensor; readonly length: Tensor },
  added: { readonly k: Tensor; readonly v: Tensor },
  window?: number,
): Tensor {
  const [batch, heads, tokens, size] = [q.dim(0), q.staticDim(1), q.dim(2), q.staticDim(3)];
  const [kvHeads, pastTokens] = [past.k.staticDim(1), past.k.dim(2)];
  const group = heads / kvHeads;
  const rows = multiplyDims(group, tokens);
  // A vector, because the runtime folds a scalar into the products, which keeps it from its kernel for single rows.
  const scale = constant(float32(new Float32Array(size).fill(size ** -0.5), [size]));
  const scaled = reshape(mul(q, scale), [batch, kvHeads, rows, size]);
  const places = reshape(iota(pastTokens), [1, 1, 1, pastTokens]);
  const valid = less(places, reshape(past.length, [batch, 1, 1, 1]));
  const pastProduct = add(matmul(scaled, past.k, { transposeB: true }), where(valid, 0, MASKED));
  const addedProduct = matmul(scaled, added.k, { transposeB: true });
  // Masks that differ by the new token need its axis apart from the heads of its group.
  const masked = (scores: Tensor, keys: Dim, mask: Tensor) =>
    reshape(add(reshape(scores, [batch, kvHeads, group, tokens, keys]), mask), [batch, kvHeads, rows, keys]);
  const own = causalMask(tokens);
  let pastScores = pastProduct;
  let addedScores = masked(addedProduct, tokens, own);
  if (window !== undefined) {
    const queries = add(
      reshape(past.length, [batch, 1, 1, 1, 1]),
      reshape(iota(tokens), [1, 1, 1, tokens, 1]),
    );
    const tooFar = less(reshape(places, [1, 1, 1, 1, pastTokens]), add(queries, 1 - window));
    pastScores = masked(pastProduct, pastTokens, where(tooFar, MASKED, 0));
    addedScores = masked(addedProduct, tokens, add(own, windowMask(iota(tokens), window)));
  }
  const weights = softmax(concat([pastScores, addedScores], 3)); // [batch, kvHeads, group·tokens, past + tokens]
  const mixed = add(
    matmul(slice(weights, 3, 0, pastTokens), past.v),
    matmul(slice(weights, 3, pastTokens, tokens), added.v),
  );
  return reshape(mixed, [batch, heads, tokens, size]);
}

export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** θ^(−2i/size), radians per position, [size/2]. */
export function rotaryFrequencies({
  size,
  theta,
}: {
  readonly size: number;
  readonly theta: number;
}): Float32Array {
  return Float32Array.from({ length: size / 2 }, (_, i) => theta ** ((-2 * i) / size));
}

/**
 * cos and sin of position·frequency, times `magnitude`. positions: int32 [tokens] or [batch, tokens]; frequencies:
 * [size/2]; result [(batch, 1,) tokens, size/2].
 */
export function rotation(positions: Tensor, frequencies: Float32Array, magnitude = 1): Rotation {
  const shape = positions.rank === 1 ? [positions.dim(0), 1] : [positions.dim(0), 1, positions.dim(1), 1];
  const angles = mul(
    reshape(cast(positions, 'float32'), shape),
    constant(float32(frequencies, [frequencies.length])),
  );
  const scaled = (x: Tensor) => (magnitude === 1 ? x : mul(x, magnitude));
  return { cos: scaled(cos(angles)), sin: scaled(sin(angles)) };
}

/** Rotates halves: (a, b) → (a·cos − b·sin, b·cos + a·sin). x: [batch, heads, tokens, size]. */
export function rotate(x: Tensor, { cos: c, sin: s }: Rotation): Tensor {
  const half = x.staticDim(-1) / 2;
  const a = slice(x, 3, 0, half);
  const b = slice(x, 3, half, half);
  return concat([add(mul(a, c), neg(mul(b, s))), add(mul(b, c), mul(a, s))], 3);
}

// Layers as functions of a scope and their inputs. Weight names and layouts are those of PyTorch: a linear layer's weight
// is [outputs, inputs].
import type { Tensor } from '../tensor/graph.ts';
import { add, div, gather, matmul, mean, mul, sqrt, square, sub } from '../tensor/ops.ts';
import type { Scope } from './scope.ts';

/** y = x·Wᵀ + b, then whatever the scope's adapter adds. x: [..., inputs]. */
export function linear(
  scope: Scope,
  x: Tensor,
  { outputs, bias = false }: { readonly outputs: number; readonly bias?: boolean },
): Tensor {
  const inputs = x.staticDim(-1);
  const product = matmul(x, scope.weight('weight', [outputs, inputs]), { transposeB: true });
  const y = bias ? add(product, scope.weight('bias', [outputs])) : product;
  return scope.adapter?.adapt(scope.path, x, y) ?? y;
}

/** x / √(mean(x²) + ε) · w over the last axis. */
export function rmsNorm(scope: Scope, x: Tensor, { epsilon }: { readonly epsilon: number }): Tensor {
  const normal = div(x, sqrt(add(mean(square(x), -1), epsilon)));
  return mul(normal, scope.weight('weight', [x.staticDim(-1)]));
}

/** (x − mean) / √(variance + ε) · w + b over the last axis. */
export function layerNorm(scope: Scope, x: Tensor, { epsilon }: { readonly epsilon: number }): Tensor {
  const size = x.staticDim(-1);
  const centred = sub(x, mean(x, -1));
  const normal = div(centred, sqrt(add(mean(square(centred), -1), epsilon)));
  return add(mul(normal, scope.weight('weight', [size])), scope.weight('bias', [size]));
}

/** Rows of an embedding table. ids: int32 […]; result […, size]. */
export function embedding(
  scope: Scope,
  ids: Tensor,
  { rows, size }: { readonly rows: number; readonly size: number },
): Tensor {
  return gather(scope.weight('weight', [rows, size]), ids);
}

// How many floating-point operations the matrix products of a graph take: 2·rows·inner·columns each, a multiplication and
// an addition counted as two. Products are where nearly all of a model's arithmetic is; nothing else is counted.
import { isMadeBy, type Tensor, topologicalOrder } from './graph.ts';
import { type Dim, evaluateDim, multiplyDims, sizeOf } from './shape.ts';

/** Sizes of named dimensions. */
export type DimSizes = ReadonlyMap<string, number>;

/** The operations of all matrix products that `outputs` reach, as a function of the sizes of named dimensions. */
export function productFlops(outputs: readonly Tensor[]): (sizes: DimSizes) => number {
  // Layers repeat: products of one size are evaluated once.
  const counts = new Map<Dim, number>();
  for (const tensor of topologicalOrder(outputs)) {
    if (!isMadeBy(tensor, 'matmul')) continue;
    const [a] = tensor.inputs as readonly [Tensor, Tensor];
    const inner = a.dim(tensor.attributes.transposeA ? -2 : -1);
    const operations = multiplyDims(2, sizeOf(tensor.shape), inner);
    counts.set(operations, (counts.get(operations) ?? 0) + 1);
  }
  return (sizes) => {
    let total = 0;
    for (const [operations, times] of counts) total += times * evaluateDim(operations, sizes);
    return total;
  };
}

/** The sizes that named dimensions have in values fed to the graph's inputs, by the inputs' names. */
export function dimSizes(
  outputs: readonly Tensor[],
): (feeds: Readonly<Record<string, { readonly shape: readonly number[] }>>) => DimSizes {
  const inputs = topologicalOrder(outputs).filter((tensor) => isMadeBy(tensor, 'input'));
  return (feeds) => {
    const sizes = new Map<string, number>();
    for (const { attributes, shape } of inputs) {
      const value = feeds[attributes.name];
      if (value === undefined) continue;
      shape.forEach((dim, axis) => {
        if (typeof dim === 'string') sizes.set(dim, value.shape[axis] as number);
      });
    }
    return sizes;
  };
}

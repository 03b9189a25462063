// Values that a backward pass needs, computed again instead of kept: layer by layer, from what lies at its boundary.
import { isMadeBy, Tensor, topologicalOrder } from './graph.ts';
import { add, mul, reshape, slice } from './ops.ts';

/**
 * What stands for `value` in the gradient of `tensor`. A layer's tensors are rebuilt from its boundary, to which nothing
 * is added but a zero that depends on the gradient behind the layer: so the runtime can neither take the copies for the
 * originals nor compute them before they are due. `order` is that of the forward pass; `gradients` fills as it is walked
 * backwards.
 */
export function recomputedValues(
  order: readonly Tensor[],
  gradients: ReadonlyMap<Tensor, Tensor>,
): (tensor: Tensor, value: Tensor) => Tensor {
  const boundaries = order.filter((tensor) => isMadeBy(tensor, 'boundary'));
  const layers = layersOf(order, boundaries);
  const copies = boundaries.map(() => new Map<Tensor, Tensor>());
  return (tensor, value) => {
    const layer = layers.get(tensor);
    const [begin, end] = layer === undefined ? [] : boundaries.slice(layer, layer + 2);
    const due = end && gradients.get(end);
    if (layer === undefined || begin === undefined || due === undefined) return value;
    const own = copies[layer] as Map<Tensor, Tensor>;
    if (!own.has(begin)) own.set(begin, delayed(begin, due));
    return copyOf(value, (other) => layers.get(other) === layer && !isMadeBy(other, 'boundary'), own);
  };
}

/** The last boundary that each tensor depends on; none for what is there before the first, such as masks. */
function layersOf(order: readonly Tensor[], boundaries: readonly Tensor[]): ReadonlyMap<Tensor, number> {
  const index = new Map(boundaries.map((boundary, layer) => [boundary, layer]));
  const layers = new Map<Tensor, number>();
  for (const tensor of order) {
    const reached = tensor.inputs.map((input) => index.get(input) ?? layers.get(input) ?? -1);
    const layer = Math.max(-1, ...reached);
    if (layer >= 0) layers.set(tensor, layer);
  }
  return layers;
}

/** Rebuilds what `value` needs of a layer on top of the copies there are. */
function copyOf(value: Tensor, isOfLayer: (tensor: Tensor) => boolean, copies: Map<Tensor, Tensor>): Tensor {
  for (const tensor of topologicalOrder([value])) {
    if (copies.has(tensor) || !isOfLayer(tensor)) continue;
    const inputs = tensor.inputs.map((input) => copies.get(input) ?? input);
    copies.set(tensor, new Tensor(tensor.primitive, inputs, tensor.attributes) as Tensor);
  }
  return copies.get(value) ?? value;
}

/** x + 0·due. */
function delayed(x: Tensor, due: Tensor): Tensor {
  const first = due.shape.reduce((part: Tensor, _, axis) => slice(part, axis, 0, 1), due);
  return add(x, mul(reshape(first, []), 0));
}

// Backward passes layer by layer: what a layer needs is computed again from its beginning instead of kept, and its own
// gradients are finished before those of the layer before it are begun.
import { isMadeBy, Tensor } from './graph.ts';
import { add, mul, reshape, slice } from './ops.ts';

/** How a backward pass goes through a model of layers; both parts only concern when the runtime computes what. */
export interface LayerOrder {
  /**
   * What stands for `value` in the gradient of `tensor`: a copy, rebuilt from the beginning of the layer, to which
   * nothing is added but a zero that depends on the gradient behind the layer. So the runtime can neither take the copies
   * for the originals nor compute them before they are due.
   */
  recomputed(tensor: Tensor, value: Tensor): Tensor;
  /**
   * The gradient at a boundary, to be passed on when the gradients of the layer's own parameters are there: left to
   * itself, the runtime computes those last and keeps everything they need until then.
   */
  passedOn(boundary: Tensor, dy: Tensor): Tensor;
}

/** `order` is that of the forward pass; `gradients` fills as it is walked backwards. */
export function layerOrder(
  order: readonly Tensor[],
  gradients: ReadonlyMap<Tensor, Tensor>,
  active: ReadonlySet<Tensor>,
): LayerOrder {
  const boundaries: readonly Tensor[] = order.filter((tensor) => isMadeBy(tensor, 'boundary'));
  const layers = layersOf(order, boundaries);
  const copies = boundaries.map(() => new Map<Tensor, Tensor>());
  return {
    recomputed: (tensor, value) => {
      const layer = layers.get(tensor);
      const [begin, end] = layer === undefined ? [] : boundaries.slice(layer, layer + 2);
      const due = end && gradients.get(end);
      if (layer === undefined || begin === undefined || due === undefined) return value;
      const own = copies[layer] as Map<Tensor, Tensor>;
      if (!own.has(begin)) own.set(begin, after(begin, [due]));
      return copyOf(value, (other) => layers.get(other) === layer && !isMadeBy(other, 'boundary'), own);
    },
    passedOn: (boundary, dy) => {
      const layer = boundaries.indexOf(boundary);
      const read = order.flatMap((tensor) => (layers.get(tensor) === layer ? tensor.inputs : []));
      const outside = new Set(read.filter((tensor) => active.has(tensor) && !layers.has(tensor)));
      outside.delete(boundary);
      return after(
        dy,
        [...outside].flatMap((tensor) => gradients.get(tensor) ?? []),
      );
    },
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

/** Rebuilds what `value` needs of a layer on top of the copies there are; as deep as a layer is, and no deeper. */
function copyOf(value: Tensor, isOfLayer: (tensor: Tensor) => boolean, copies: Map<Tensor, Tensor>): Tensor {
  const known = copies.get(value);
  if (known !== undefined || !isOfLayer(value)) return known ?? value;
  const inputs = value.inputs.map((input) => copyOf(input, isOfLayer, copies));
  const copy = new Tensor(value.primitive, inputs, value.attributes) as Tensor;
  copies.set(value, copy);
  return copy;
}

/** x + 0·Σ of one number of each of the others. */
function after(x: Tensor, others: readonly Tensor[]): Tensor {
  const firsts = others.map((other) => {
    const first = other.shape.reduce((part: Tensor, _, axis) => slice(part, axis, 0, 1), other);
    return mul(reshape(first, []), 0);
  });
  return firsts.length === 0
    ? x
    : add(
        x,
        firsts.reduce((a, b) => add(a, b)),
      );
}

// How much memory the values of a graph take when it is run in its order: a value lives from where it is made to its last
// use. An estimate of what a runtime needs for activations; its own fusions and its buffers change it.
import { isMadeBy, type Tensor, topologicalOrder } from './graph.ts';
import { evaluateDim, sizeOf } from './shape.ts';

const BYTES = 4; // Of float32, int32; truth values are as small and few.

/**
 * The most bytes that are alive at once, as a function of the sizes of named dimensions. Weights and inputs are not counted:
 * they are there all the time. A reshaped value is the value itself.
 */
export function peakActivationBytes(
  outputs: readonly Tensor[],
): (sizes: ReadonlyMap<string, number>) => number {
  const order = topologicalOrder(outputs);
  const sourceOf = (tensor: Tensor): Tensor => {
    let source = tensor;
    while (isMadeBy(source, 'reshape')) source = source.inputs[0] as Tensor;
    return source;
  };
  const counts = (tensor: Tensor) =>
    !isMadeBy(tensor, 'weight') && !isMadeBy(tensor, 'input') && !isMadeBy(tensor, 'reshape');
  const lastUse = new Map<Tensor, number>();
  for (const [place, tensor] of order.entries()) {
    lastUse.set(sourceOf(tensor), place);
    for (const input of tensor.inputs) lastUse.set(sourceOf(input), place);
  }
  for (const output of outputs) lastUse.set(sourceOf(output), order.length);
  const ends = new Map<number, Tensor[]>();
  for (const [tensor, place] of lastUse) {
    if (counts(tensor)) ends.set(place, [...(ends.get(place) ?? []), tensor]);
  }
  return (sizes) => {
    const bytesOf = ({ shape }: Tensor) => BYTES * evaluateDim(sizeOf(shape), sizes);
    let alive = 0;
    let most = 0;
    for (const [place, tensor] of order.entries()) {
      if (counts(tensor)) alive += bytesOf(tensor);
      most = Math.max(most, alive);
      for (const ended of ends.get(place) ?? []) alive -= bytesOf(ended);
    }
    return most;
  };
}

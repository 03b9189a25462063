// The graph: symbolic tensors and the primitives that make them. A tensor knows how it was computed; a graph is what
// its outputs reach. Nothing here computes a value.
import type { DType } from './dtype.ts';
import type { Operand, Primitive, Primitives, TensorType } from './primitives.ts';
import { type Dim, formatShape, type Shape } from './shape.ts';
import { shapeRules } from './shape-rules.ts';

/** A symbolic tensor: immutable, made by one primitive from other tensors. */
export class Tensor<P extends Primitive = Primitive> implements Operand {
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(
    readonly primitive: P,
    readonly inputs: readonly Tensor[],
    readonly attributes: Primitives[P],
  ) {
    const rule = shapeRules[primitive] as (
      inputs: readonly Tensor[],
      attributes: Primitives[P],
    ) => TensorType;
    const type = rule(inputs, attributes);
    this.shape = type.shape;
    this.dtype = type.dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  dim(axis: number): Dim {
    const size = this.shape[axis < 0 ? axis + this.rank : axis];
    if (size === undefined) throw new Error(`tensor: no axis ${axis} in shape ${formatShape(this.shape)}`);
    return size;
  }

  staticDim(axis: number): number {
    const size = this.dim(axis);
    if (typeof size !== 'number')
      throw new Error(`tensor: axis ${axis} of ${formatShape(this.shape)} must be a number`);
    return size;
  }
}

export function make<P extends Primitive>(
  primitive: P,
  inputs: readonly Tensor[],
  attributes: Primitives[P],
): Tensor {
  return new Tensor(primitive, inputs, attributes) as unknown as Tensor;
}

/** Narrows a tensor to one primitive, attributes included. */
export function isMadeBy<P extends Primitive>(tensor: Tensor, primitive: P): tensor is Tensor<P> & Tensor {
  return (tensor.primitive as Primitive) === primitive;
}

/** Every tensor that the outputs reach, inputs before users; iterative, as graphs are deeper than the call stack. */
export function topologicalOrder(outputs: readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  const entered = new Set<Tensor>();
  const stack: { readonly tensor: Tensor; next: number }[] = [];
  for (const output of outputs) {
    if (entered.has(output)) continue;
    entered.add(output);
    stack.push({ tensor: output, next: 0 });
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.tensor.inputs[top.next++];
      if (input === undefined) {
        order.push(top.tensor);
        stack.pop();
      } else if (!entered.has(input)) {
        entered.add(input);
        stack.push({ tensor: input, next: 0 });
      }
    }
  }
  return order;
}

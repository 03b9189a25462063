// A graph as the message that PyTorch's side builds its steps from: nodes in order, their primitives and attributes.
// What each primitive computes is `python/coin_torch/rules.py`.
import { UserError } from '../../base/errors.ts';
import type { HostTensor } from '../dtype.ts';
import { type Tensor, topologicalOrder } from '../graph.ts';
import type { ByteRange, Primitive, Primitives } from '../primitives.ts';

export interface GraphMessage {
  readonly nodes: readonly {
    readonly primitive: Primitive;
    readonly inputs: readonly number[];
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  /** The node of each output. */
  readonly outputs: Readonly<Record<string, number>>;
}

export interface DescribedGraph {
  readonly graph: GraphMessage;
  /** In the order in which `constant` nodes number them. */
  readonly constants: readonly HostTensor[];
}

type Describe<P extends Primitive> = (
  attributes: Primitives[P],
  constants: HostTensor[],
) => Readonly<Record<string, unknown>>;

const asItIs = (attributes: Readonly<Record<string, unknown>>) => attributes;

/** What is sent of a primitive's attributes, where that is not the attributes themselves. */
const described: { readonly [P in Primitive]?: Describe<P> } = {
  weight: ({ source, shape }) => ({ ...located(source), storage: source.storage, shape }),
  constant: ({ value }, constants) => ({ constant: constants.push(value) - 1 }),
  quantizedMatmul: ({ matrix }) => {
    throw new UserError({
      message: `PyTorch does not multiply with frozen weights in ${matrix.bits} bits here`,
      field: 'baseWeights',
      hint: 'use baseWeights float32, with precision bfloat16 for speed',
    });
  },
};

/** @throws UserError for a graph with primitives that PyTorch's side does not compute. */
export function describeGraph(outputs: Readonly<Record<string, Tensor>>): DescribedGraph {
  const constants: HostTensor[] = [];
  const order = topologicalOrder(Object.values(outputs));
  const places = new Map(order.map((tensor, place) => [tensor, place]));
  const placeOf = (tensor: Tensor) => places.get(tensor) as number;
  const nodes = order.map(({ primitive, inputs, attributes }) => {
    const describe = (described[primitive] ?? asItIs) as Describe<Primitive>;
    return { primitive, inputs: inputs.map(placeOf), attributes: describe(attributes, constants) };
  });
  const named = Object.entries(outputs).map(([name, tensor]) => [name, placeOf(tensor)] as const);
  return { graph: { nodes, outputs: Object.fromEntries(named) }, constants };
}

function located({ file, offset, byteLength }: ByteRange) {
  return { file, offset, length: byteLength };
}

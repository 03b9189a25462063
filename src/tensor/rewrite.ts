// Rewrites of a graph: rules that put one tensor in the place of another, tried on every tensor from the inputs on.
// A rewrite changes how a graph is computed and never what it means, up to the precision that it states.
import { Tensor, topologicalOrder } from './graph.ts';

export interface Rewrite {
  readonly name: string;
  /** What to put in the tensor's place, whose inputs are already rewritten; undefined to leave it. */
  apply(tensor: Tensor): Tensor | undefined;
}

export interface RewrittenGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** How often each rewrite was applied, by name; a name is absent where it never was. */
  readonly applied: ReadonlyMap<string, number>;
}

/** Applies the rewrites until none fits. Tensors that nothing changes stay the same objects, inputs among them. */
export function rewriteGraph(
  outputs: Readonly<Record<string, Tensor>>,
  rewrites: readonly Rewrite[],
): RewrittenGraph {
  const applied = new Map<string, number>();
  const result = new Map<Tensor, Tensor>();
  const rewriteOne = (tensor: Tensor): Tensor => {
    for (const { name, apply } of rewrites) {
      const replacement = apply(tensor);
      if (replacement === undefined) continue;
      if (replacement.dtype !== tensor.dtype || replacement.shape.join() !== tensor.shape.join()) {
        throw new Error(`internal: rewrite ${name} changes [${tensor.shape}] to [${replacement.shape}]`);
      }
      applied.set(name, (applied.get(name) ?? 0) + 1);
      return rewriteOne(replacement);
    }
    return tensor;
  };
  for (const tensor of topologicalOrder(Object.values(outputs))) {
    const inputs = tensor.inputs.map((input) => result.get(input) as Tensor);
    const same = inputs.every((input, i) => input === tensor.inputs[i]);
    const rebuilt = same ? tensor : (new Tensor(tensor.primitive, inputs, tensor.attributes) as Tensor);
    result.set(tensor, rewriteOne(rebuilt));
  }
  const named = Object.entries(outputs).map(
    ([name, tensor]) => [name, result.get(tensor) as Tensor] as const,
  );
  return { outputs: Object.fromEntries(named), applied };
}

// Gradients of a graph against central differences of the interpreter, both in float64.
import { grad } from '../../src/tensor/grad.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import { evaluate, type Feed, type Numbers } from '../../src/tensor/interpreter.ts';
import { RandomStream } from '../../src/tensor/random.ts';

const STEP = 1e-5;
/** Positions of each variable that are moved; all of them where there are no more. */
const MOST_POSITIONS = 24;

/** The largest |gradient − difference| over the largest |difference| (or 1), over some positions of all variables. */
export function gradientError(
  loss: Tensor,
  variables: readonly Tensor[],
  feeds: Readonly<Record<string, Feed>>,
): number {
  // The loss rides along: a gradient alone need not reach the inputs that say how large a named dimension is.
  const gradients: Record<string, Numbers> = evaluate(
    { loss, ...Object.fromEntries(grad(loss, variables).map((gradient, i) => [`g${i}`, gradient])) },
    feeds,
  );
  const lossAt = (name: string, data: ArrayLike<number>) =>
    evaluate({ loss }, { ...feeds, [name]: { ...(feeds[name] as Feed), data } }).loss.data[0] as number;
  let [largest, worst] = [1, 0];
  variables.forEach((variable, i) => {
    const { name } = variable.attributes as { readonly name: string };
    const values = Float64Array.from((feeds[name] as Feed).data);
    const gradient = gradients[`g${i}`]?.data ?? new Float64Array();
    if (gradient.length !== values.length)
      throw new Error(`the gradient of ${name} has another size than it`);
    const positions = new RandomStream(values.length, name)
      .shuffle([...values.keys()])
      .slice(0, MOST_POSITIONS);
    for (const position of positions) {
      const value = values[position] as number;
      const [up, down] = [value + STEP, value - STEP].map((moved) =>
        lossAt(name, values.with(position, moved)),
      );
      const difference = ((up as number) - (down as number)) / (2 * STEP);
      largest = Math.max(largest, Math.abs(difference));
      worst = Math.max(worst, Math.abs((gradient[position] as number) - difference));
    }
  });
  return worst / largest;
}

// The patterns of the fusions: what is put together, and what only looks like it. That they change nothing in a real
// decoder, and that each is used there, is tested in models/llama/fusions.test.ts.
import { describe, expect, it } from 'vitest';
import { compareNumbers } from '../../test/support/compare.ts';
import { float32 } from './dtype.ts';
import { fusions, mergeSiblingProducts } from './fusions.ts';
import { grad } from './grad.ts';
import { make, type Tensor, topologicalOrder } from './graph.ts';
import { evaluate } from './interpreter.ts';
import { add, concat, cos, input, iota, matmul, mul, neg, reshape, sin, slice, sub, sum } from './ops.ts';
import { normalArray } from './random.ts';
import { type Rewrite, rewriteGraph } from './rewrite.ts';

const applyTo = (y: Tensor, rewrites: readonly Rewrite[] = fusions) => rewriteGraph({ y }, rewrites);
const primitives = (y: Tensor | undefined) =>
  topologicalOrder(y === undefined ? [] : [y]).map(({ primitive }) => primitive as string);

describe('products of one tensor', () => {
  const x = input('x', 'float32', ['rows', 6]);
  const [a, b, c] = [2, 3, 4].map((rows, i) => input(`m${i}`, 'float32', [rows, 6])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const by = (matrix: Tensor) => matmul(x, matrix, { transposeB: true });

  it('become one, forward and for the gradient of the tensor and of the matrices', () => {
    const plain = { loss: sum(mul(concat([by(a), by(b), by(c)], 1), concat([by(c), by(b), by(a)], 1))) };
    const { outputs } = rewriteGraph(plain, [mergeSiblingProducts(plain)]);
    const graphOf = (loss: Tensor) => {
      const gradients = grad(loss, [x, a, b, c]);
      const named = gradients.map((gradient, i) => [`d${i}`, gradient] as const);
      return { loss, ...Object.fromEntries(named) } as Record<string, Tensor>;
    };
    const merged = rewriteGraph(graphOf(outputs.loss as Tensor), fusions).outputs;
    const products = topologicalOrder(Object.values(merged)).filter((t) => t.primitive === 'matmul');
    expect(products).toHaveLength(3);
    const feeds = Object.fromEntries(
      [x, a, b, c].map((tensor, i) => {
        const shape = tensor.shape.map((dim) => (typeof dim === 'number' ? dim : 5));
        const size = shape.reduce((total, dim) => total * dim, 1);
        return [
          i === 0 ? 'x' : `m${i - 1}`,
          float32(normalArray(size, { seed: i, purpose: 'merge' }), shape),
        ];
      }),
    );
    const [actual, expected] = [evaluate(merged, feeds), evaluate(graphOf(plain.loss), feeds)];
    for (const name of Object.keys(expected)) {
      compareNumbers(actual[name], expected[name], { tolerance: 1e-12, message: name });
    }
  });

  it('are left alone where a matrix stands alone or is read otherwise', () => {
    const y = add(sum(by(a)), sum(matmul(x, reshape(b, [6, 3]))));
    expect(applyTo(y, [mergeSiblingProducts({ y })]).applied.size).toBe(0);
  });
});

describe('what only looks like a pattern is left alone', () => {
  const x = input('x', 'float32', ['batch', 2, 'tokens', 4]);
  const places = reshape(mul(input('p', 'float32', ['tokens']), 0.5), ['tokens', 1]);
  const [c, s] = [cos, sin].map((f) => concat([f(places), f(mul(places, 0.1))], 1)) as [Tensor, Tensor];
  const [a, b] = [slice(x, 3, 0, 2), slice(x, 3, 2, 2)];

  it('a rotation, and two that mix up halves or signs', () => {
    const rotation = concat([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], 3);
    expect(primitives(applyTo(rotation).outputs.y)).toContain('rotateHalves');
    const back = concat([add(mul(a, c), mul(b, s)), add(mul(b, c), mul(neg(a), s))], 3);
    expect(primitives(applyTo(back).outputs.y)).toContain('rotateHalves');
    const sameSign = concat([add(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], 3);
    const oneHalf = concat([sub(mul(a, c), mul(a, s)), add(mul(b, c), mul(a, s))], 3);
    const swapped = concat([sub(mul(a, c), mul(b, s)), add(mul(b, s), mul(a, c))], 3);
    for (const y of [sameSign, oneHalf, swapped]) {
      expect(primitives(applyTo(y).outputs.y)).not.toContain('rotateHalves');
    }
  });

  it('padded parts that overlap', () => {
    const zero = mul(iota(1), 0);
    const pad = (part: Tensor, before: number, after: number) =>
      concat([...Array(before).fill(zero), part, ...Array(after).fill(zero)], 0);
    const two = input('two', 'int32', [2]);
    const y = add(pad(two, 1, 0), pad(two, 0, 1));
    expect(applyTo(y).applied.has('paddedSum')).toBe(false);
  });
});

it('a fused primitive has no gradient, and says so', () => {
  const x = input('x', 'float32', [2, 3]);
  const y = sum(make('sumOfSquares', [x], { axes: [1] }));
  expect(() => grad(y, [x])).toThrow(
    'grad: sumOfSquares is fused; rewrite a graph after its gradients are there',
  );
});

// Every gradient against central differences, in float64: per primitive over random shapes, then compositions.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradientError } from '../../test/support/central-differences.ts';
import {
  buildCase,
  describeCase,
  feedCase,
  primitiveCases,
  type Sizes,
  sizesFeed,
  weigh,
} from '../../test/support/primitive-cases.ts';
import { float32, int32 } from './dtype.ts';
import { grad } from './grad.ts';
import { type Tensor, topologicalOrder } from './graph.ts';
import { evaluate, type Feed } from './interpreter.ts';
import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  exp,
  flatten,
  gather,
  gelu,
  input,
  iota,
  less,
  log,
  logSoftmax,
  matmul,
  max,
  mean,
  mul,
  neg,
  quickGelu,
  reshape,
  scatterAdd,
  sigmoid,
  silu,
  sin,
  slice,
  softmax,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
  where,
} from './ops.ts';
import { normalArray } from './random.ts';
import { subtractDims } from './shape.ts';

const TOLERANCE = 1e-6;

const sizes: fc.Arbitrary<Sizes> = fc.record({
  n: fc.integer({ min: 1, max: 3 }),
  m: fc.integer({ min: 1, max: 3 }),
});

describe('the gradient of each primitive matches central differences', () => {
  for (const [primitive, row] of Object.entries(primitiveCases)) {
    if (row.gradient !== 'gradient') continue;
    it(primitive, () => {
      let [differentiated, present] = [0, 0];
      fc.assert(
        fc.property(row.cases, sizes, fc.nat(), (testCase, size, seed) => {
          const built = buildCase(testCase);
          if (built.loss === undefined) return;
          const feeds = { ...feedCase(testCase, size, seed), sizes: sizesFeed(size) };
          const error = gradientError(withSizes(built.loss), built.variables, feeds);
          expect(error, describeCase(built)).toBeLessThanOrEqual(TOLERANCE);
          differentiated++;
          if (topologicalOrder([built.result]).some((tensor) => tensor.primitive === primitive)) present++;
        }),
        { seed: 7, numRuns: 40 },
      );
      // The cases do hold the primitive, but for those that come to nothing, such as a transpose of one axis.
      expect(differentiated).toBeGreaterThanOrEqual(10);
      expect(present).toBeGreaterThanOrEqual(differentiated / 4);
    });
  }
});

/** The same loss, reaching the input that gives the names their sizes. */
function withSizes(loss: Tensor): Tensor {
  const sizesTensor = input('sizes', 'bool', ['n', 'm']);
  return add(loss, mul(sum(cast(sizesTensor, 'float32')), 0));
}

describe('what has no gradient passes none on', () => {
  const x = input('x', 'float32', ['n']);
  it.each<[string, Tensor]>([
    ['stopGradient', stopGradient(x)],
    ['cast', cast(cast(x, 'int32'), 'float32')],
    ['less', cast(less(x, 0), 'float32')],
  ])('%s', (_, y) => {
    const [dx] = grad(sum(mul(y, x)), [x]);
    // d(Σ y·x)/dx is y alone when y counts as a constant.
    const { gradient, value } = evaluate(
      { gradient: dx as Tensor, value: y },
      { x: float32([1.5, -2.5], [2]) },
    );
    expect([...gradient.data]).toEqual([...value.data]);
  });

  it('a tensor that the result does not use gets zeros of its shape', () => {
    const unused = input('unused', 'float32', ['n', 2]);
    const [dx, zeros] = grad(sum(x), [x, unused]);
    const values = evaluate(
      { dx: dx as Tensor, zeros: zeros as Tensor, x, unused },
      { x: float32([1, 2], [2]), unused: float32([1, 2, 3, 4], [2, 2]) },
    );
    expect([...values.dx.data]).toEqual([1, 1]);
    expect(values.zeros).toEqual({ shape: [2, 2], data: new Float64Array(4) });
  });

  it('the gradient of a scalar with respect to itself is one', () => {
    const y = sum(x);
    const [dy] = grad(y, [y]);
    expect([...evaluate({ dy: dy as Tensor }, {}).dy.data]).toEqual([1]);
  });
});

/** Inputs a [n, 3, 4] and b [m, 4] of normal numbers, unlike each other. */
const a = input('a', 'float32', ['n', 3, 4]);
const b = input('b', 'float32', ['m', 4]);
const ids = input('ids', 'int32', ['k']);
const feeds: Readonly<Record<string, Feed>> = {
  a: float32(normalArray(24, { seed: 1, purpose: 'a' }), [2, 3, 4]),
  b: float32(normalArray(20, { seed: 1, purpose: 'b' }), [5, 4]),
  ids: int32([3, 0, 3, 3, 1, 0], [6]),
};
const along = concat([flatten(a, 2), b], 0); // [3n + m, 4]

const compositions: Readonly<Record<string, Tensor>> = {
  gelu: gelu(a),
  silu: silu(a),
  quickGelu: quickGelu(a),
  logSoftmax: logSoftmax(a),
  'logSoftmax of large numbers': logSoftmax(mul(a, 300)),
  'softmax of large numbers': softmax(mul(a, 300)),
  mean: mean(a, 1),
  'root mean square norm': mul(a, reciprocal(sqrt(add(mean(square(a), -1), 1e-6)))),
  'layer norm': (() => {
    const centred = sub(a, mean(a, -1));
    return mul(centred, reciprocal(sqrt(add(mean(square(centred), -1), 1e-5))));
  })(),
  'a part of a joined axis': slice(along, 0, '3*n', 'm'),
  'the middle of a joined axis': square(slice(concat([b, flatten(a, 2), b], 0), 0, 'm', '3*n')),
  'all rows but the first': square(slice(b, 0, 1, subtractDims('m', 1))),
  'all rows but the last': square(slice(b, 0, 0, subtractDims('m', 1))),
  'the same tensor joined twice': sin(concat([b, b], 0)),
  'rows taken repeatedly': square(gather(b, ids)),
  'rows added repeatedly': square(scatterAdd(ids, gather(b, ids), 4)),
  'rows at two axes of indices': tanh(gather(b, reshape(ids, ['k', 1]))),
  'largest value': square(max(a, 1)),
  'a tensor used many times': add(mul(a, add(a, mul(a, a))), sub(exp(neg(a)), mul(a, 3))),
  'products of a tensor with itself': matmul(a, a, { transposeB: true }),
  'product with a transposed matrix': matmul(a, transpose(b, [1, 0])),
  attention: (() => {
    const scores = matmul(mul(a, 0.5), a, { transposeB: true }); // [n, 3, 3]
    const mask = where(less(reshape(iota(3), [3, 1]), reshape(iota(3), [1, 3])), -1e9, 0);
    return matmul(softmax(add(scores, mask)), a);
  })(),
  'cross-entropy of a picked class': neg(sum(mul(logSoftmax(b), constant(float32([0, 0, 1, 0], [4]))))),
  'broadcast both ways': mul(reshape(b, ['m', 1, 1, 4]), reshape(sigmoid(a), [1, 'n', 3, 4])),
  'broadcast and summed again': sum(broadcastTo(reshape(b, ['m', 1, 4]), ['m', 7, 4]), [1]),
  'chosen by sign': where(less(a, 0), mul(a, 0.1), square(a)),
  'log of a sum of exponentials': log(sum(exp(a), [0, 2])),
};

function reciprocal(x: Tensor): Tensor {
  return exp(neg(log(x)));
}

describe('the gradient of compositions matches central differences', () => {
  it.each(Object.entries(compositions))('%s', (_, result) => {
    const loss = weigh(result);
    const reached = topologicalOrder([loss]);
    const variables = [a, b].filter((variable) => reached.includes(variable));
    expect(variables.length).toBeGreaterThan(0);
    expect(gradientError(loss, variables, feeds)).toBeLessThanOrEqual(TOLERANCE);
  });

  it.each<[string, (x: Tensor) => Tensor]>([
    ['gelu', gelu],
    ['silu', silu],
    ['softmax', softmax],
    ['logSoftmax', logSoftmax],
    ['tanh of a product', (x) => tanh(matmul(x, x, { transposeB: true }))],
    ['normalised', (x) => mul(x, reciprocal(sqrt(add(mean(square(x), -1), 1e-3))))],
    ['rows', (x) => square(gather(flatten(x, 2), constant(int32([1, 1, 0], [3]))))],
  ])('second order: %s', (_, f) => {
    const [first] = grad(weigh(f(a)), [a]);
    expect(gradientError(weigh(sin(first as Tensor)), [a], feeds)).toBeLessThanOrEqual(TOLERANCE);
  });

  it('shares the gradient of a largest value among equals', () => {
    const x = input('x', 'float32', [5]);
    const [dx] = grad(sum(max(x, 0)), [x]);
    const { gradient } = evaluate({ gradient: dx as Tensor }, { x: float32([1, 4, 2, 4, 0], [5]) });
    expect([...gradient.data]).toEqual([0, 0.5, 0, 0.5, 0]);
  });
});

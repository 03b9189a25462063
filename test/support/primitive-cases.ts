// Random graphs around each primitive, for the tests that compare engines: a row per primitive, so that a new primitive
// without a row does not compile. A case is data and can be built many times, several cases in one program included.
import * as fc from 'fast-check';
import type { DType, HostTensor } from '../../src/tensor/dtype.ts';
import { elementCount, float32, int32 } from '../../src/tensor/dtype.ts';
import { make, type Tensor } from '../../src/tensor/graph.ts';
import { resolveDim } from '../../src/tensor/interpreter.ts';
import * as ops from '../../src/tensor/ops.ts';
import type { Primitive } from '../../src/tensor/primitives.ts';
import { RandomStream } from '../../src/tensor/random.ts';
import { addDims, type Dim, formatShape, multiplyDims, type Shape, sizeOf } from '../../src/tensor/shape.ts';

/** Which values an input is fed with. */
export type Domain =
  /** Real numbers in [-2, 2). */
  | 'real'
  /** [0.5, 2). */
  | 'positive'
  /** As `positive`, with either sign; integers ±1..±3. */
  | 'nonzero'
  /** Real numbers that differ by 0.1 or more, so that a small step changes no order. */
  | 'distinct'
  /** -2..2, so that equals occur; flags 0 and 1. */
  | 'few'
  | { readonly below: Dim };

export interface CaseInput {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly domain: Domain;
}

export interface Case {
  readonly inputs: readonly CaseInput[];
  build(inputs: readonly Tensor[]): Tensor;
  readonly differentiable?: boolean;
}

export interface Row {
  /** Whether some of the cases have a gradient. */
  readonly gradient: 'gradient' | 'no gradient' | 'fused';
  readonly cases: fc.Arbitrary<Case>;
}

/** Sizes of the names that shapes use. */
export type Sizes = Readonly<Record<'n' | 'm', number>>;

/** Float inputs are differentiated where the result is float32. */
export interface BuiltCase {
  readonly inputs: readonly Tensor[];
  readonly result: Tensor;
  /** A scalar that weighs every element of the result differently; undefined where the result is not float32. */
  readonly loss: Tensor | undefined;
  readonly variables: readonly Tensor[];
}

export function buildCase(testCase: Case, prefix = ''): BuiltCase {
  const inputs = testCase.inputs.map(({ dtype, shape }, i) => ops.input(`${prefix}x${i}`, dtype, shape));
  const result = testCase.build(inputs);
  const variables = inputs.filter(({ dtype }) => dtype === 'float32');
  const { differentiable: may = true } = testCase;
  const differentiable = may && result.dtype === 'float32' && variables.length > 0;
  return { inputs, result, variables, loss: differentiable ? weigh(result) : undefined };
}

/** Σ result ⊙ (1.5 + sin(0.7·position)): positive weights, so that nothing cancels to little. */
export function weigh(result: Tensor): Tensor {
  const positions = ops.cast(ops.iota(sizeOf(result.shape)), 'float32');
  const weights = ops.add(ops.sin(ops.mul(positions, 0.7)), 1.5);
  return ops.sum(ops.mul(result, ops.reshape(weights, result.shape)));
}

/** An input that gives a program the sizes of the names, whatever else it has; it must be among the outputs. */
export const sizesInput = (): Tensor => ops.input('sizes', 'bool', ['n', 'm']);

export function sizesFeed({ n, m }: Sizes): HostTensor {
  return { dtype: 'bool', shape: [n, m], data: new Uint8Array(n * m) };
}

/** Values for a case's inputs, a pure function of the arguments. */
export function feedCase(
  testCase: Case,
  sizes: Sizes,
  seed: number,
  prefix = '',
): Record<string, HostTensor> {
  const names = new Map(Object.entries(sizes));
  return Object.fromEntries(
    testCase.inputs.map(({ dtype, shape, domain }, i) => {
      const stream = new RandomStream(seed, `${prefix}x${i}`);
      const resolved = shape.map((dim) => resolveDim(dim, names));
      const values = draw(domain, dtype, elementCount(resolved), stream, names);
      return [`${prefix}x${i}`, hostTensor(dtype, resolved, values)];
    }),
  );
}

function hostTensor(dtype: DType, shape: readonly number[], values: readonly number[]): HostTensor {
  if (dtype === 'float32') return float32(values, shape);
  return dtype === 'int32' ? int32(values, shape) : { dtype, shape, data: Uint8Array.from(values) };
}

function draw(
  domain: Domain,
  dtype: DType,
  count: number,
  stream: RandomStream,
  sizes: ReadonlyMap<string, number>,
): number[] {
  if (dtype === 'bool') return Array.from({ length: count }, () => stream.integer(2));
  const sign = () => (stream.integer(2) === 0 ? 1 : -1);
  const integer = dtype === 'int32';
  if (typeof domain === 'object') {
    const rows = resolveDim(domain.below, sizes);
    return Array.from({ length: count }, () => stream.integer(rows));
  }
  if (domain === 'distinct') {
    return stream.shuffle(Array.from({ length: count }, (_, i) => (integer ? i : i / 5 - 1) - count / 20));
  }
  const one: Record<Exclude<typeof domain, 'distinct'>, () => number> = {
    real: () => (integer ? stream.integer(200_001) - 100_000 : stream.uniform() * 4 - 2),
    positive: () => (integer ? stream.integer(9) + 1 : stream.uniform() * 1.5 + 0.5),
    nonzero: () => sign() * (integer ? stream.integer(3) + 1 : stream.uniform() * 1.5 + 0.5),
    few: () => stream.integer(5) - 2,
  };
  return Array.from({ length: count }, one[domain]);
}

const dim = fc.constantFrom<Dim>(1, 2, 3, 'n', 'm');
const shapeOfRank = (minLength: number, maxLength: number): fc.Arbitrary<Dim[]> =>
  fc.array(dim, { minLength, maxLength });
const anyShape = shapeOfRank(0, 4);

/** A shape that broadcasts to `shape`: some leading axes dropped, some axes 1. */
function broadcastable(shape: Shape): fc.Arbitrary<Shape> {
  return fc
    .tuple(
      fc.oneof(fc.constant(0), fc.nat(shape.length)),
      fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }),
    )
    .map(([dropped, ones]) => shape.map((size, i) => (ones[i] === 0 ? 1 : size)).slice(dropped));
}

function unary(build: (x: Tensor) => Tensor, domain: Domain = 'real'): fc.Arbitrary<Case> {
  return anyShape.map((shape) => ({
    inputs: [{ dtype: 'float32', shape, domain }],
    build: ([x]) => build(given(x)),
  }));
}

function binary(
  build: (a: Tensor, b: Tensor) => Tensor,
  options: { domains?: readonly [Domain, Domain]; dtypes?: readonly DType[] } = {},
): fc.Arbitrary<Case> {
  const { domains = ['real', 'real'], dtypes = ['float32', 'float32', 'float32', 'int32'] } = options;
  return fc
    .tuple(
      anyShape.chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape))),
      fc.constantFrom(...dtypes),
    )
    .map(([shapes, dtype]) => ({
      inputs: shapes.map((shape, i) => ({ dtype, shape, domain: domains[i] ?? 'real' })),
      build: ([a, b]) => build(given(a), given(b)),
    }));
}

/** An input with an axis in it. */
function alongAxis(
  build: (x: Tensor, axis: number) => Tensor,
  domain: Domain,
  dtypes: readonly DType[] = ['float32'],
): fc.Arbitrary<Case> {
  return fc.tuple(shapeOfRank(1, 4), fc.nat(3), fc.constantFrom(...dtypes)).map(([shape, place, dtype]) => ({
    inputs: [{ dtype, shape, domain }],
    build: ([x]) => build(given(x), place % shape.length),
  }));
}

const anyDtype = fc.constantFrom<DType>('float32', 'float32', 'int32', 'bool');
const without = (...inputs: readonly CaseInput[]) => ({ inputs });
const yes = (cases: fc.Arbitrary<Case>): Row => ({ gradient: 'gradient', cases });
const no = (cases: fc.Arbitrary<Case>): Row => ({ gradient: 'no gradient', cases });
/** A row of a fused primitive: it is put in when gradients are there, and has none itself. */
const fused = (cases: fc.Arbitrary<Case>): Row => ({
  gradient: 'fused',
  cases: cases.map((testCase) => ({ ...testCase, differentiable: false })),
});

function given(tensor: Tensor | undefined): Tensor {
  if (tensor === undefined) throw new Error('a case lacks an input');
  return tensor;
}

/** Cases of every primitive but those that need files: `weight` (onnx.test.ts) and `quantizedMatmul` (quantization.test.ts). */
export const primitiveCases: { readonly [P in Exclude<Primitive, 'weight' | 'quantizedMatmul'>]: Row } = {
  input: yes(unary((x) => x)),
  constant: no(
    fc.tuple(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }), anyDtype).map(([shape, dtype]) => ({
      ...without(),
      build: () => {
        const stream = new RandomStream(shape.length, 'constant');
        const values = draw('real', dtype, elementCount(shape), stream, new Map());
        return ops.constant(hostTensor(dtype, shape, values));
      },
    })),
  ),
  iota: no(fc.tuple(dim, dim).map(([a, b]) => ({ ...without(), build: () => ops.iota(multiplyDims(a, b)) }))),
  randomUniform: no(
    fc.tuple(anyShape, fc.nat(1000)).map(([shape, stream]) => ({
      ...without({ dtype: 'int32', shape: [], domain: 'real' }),
      build: ([key]) => ops.randomUniform(given(key), stream, shape),
    })),
  ),
  stopGradient: no(unary(ops.stopGradient)),
  boundary: yes(unary(ops.boundary)),
  cast: no(
    fc.tuple(anyShape, anyDtype, anyDtype).map(([shape, from, to]) => ({
      ...without({ dtype: from, shape, domain: 'real' }),
      build: ([x]) => ops.cast(given(x), to),
    })),
  ),
  neg: yes(unary(ops.neg)),
  exp: yes(unary(ops.exp)),
  log: yes(unary(ops.log, 'positive')),
  sqrt: yes(unary(ops.sqrt, 'positive')),
  sin: yes(unary(ops.sin)),
  cos: yes(unary(ops.cos)),
  tanh: yes(unary(ops.tanh)),
  sigmoid: yes(unary(ops.sigmoid)),
  erf: yes(unary(ops.erf)),
  add: yes(binary(ops.add)),
  sub: yes(binary(ops.sub)),
  mul: yes(binary(ops.mul)),
  div: yes(binary(ops.div, { domains: ['real', 'nonzero'] })),
  equal: no(binary(ops.equal, { domains: ['few', 'few'], dtypes: ['float32', 'int32', 'bool'] })),
  less: no(binary(ops.less, { domains: ['few', 'few'], dtypes: ['float32', 'int32'] })),
  where: yes(
    fc
      .tuple(
        anyShape.chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape), broadcastable(shape))),
        fc.constantFrom<DType>('float32', 'float32', 'int32'),
      )
      .map(([shapes, dtype]) => ({
        inputs: shapes.map((shape, i) => ({ dtype: i === 0 ? 'bool' : dtype, shape, domain: 'real' })),
        build: ([condition, a, b]) => ops.where(given(condition), given(a), given(b)),
      })),
  ),
  matmul: yes(
    fc
      .record({
        batches: shapeOfRank(0, 2).chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape))),
        sizes: fc.tuple(dim, dim, dim),
        transposeA: fc.boolean(),
        transposeB: fc.boolean(),
      })
      .map(({ batches, sizes: [rows, inner, columns], transposeA, transposeB }) => ({
        inputs: [
          { left: rows, right: inner, transposed: transposeA },
          { left: inner, right: columns, transposed: transposeB },
        ].map(({ left, right, transposed }, i) => ({
          dtype: 'float32',
          shape: [...(batches[i] ?? []), ...(transposed ? [right, left] : [left, right])],
          domain: 'real',
        })),
        build: ([a, b]) => ops.matmul(given(a), given(b), { transposeA, transposeB }),
      })),
  ),
  sum: yes(
    fc.tuple(shapeOfRank(1, 4), fc.subarray([0, 1, 2, 3], { minLength: 1 })).map(([shape, list]) => {
      const axes = list.filter((axis) => axis < shape.length);
      return {
        ...without({ dtype: 'float32', shape, domain: 'real' }),
        build: ([x]) => ops.sum(given(x), axes.length === 0 ? undefined : axes),
      };
    }),
  ),
  max: yes(alongAxis(ops.max, 'distinct')),
  argmax: no(alongAxis(ops.argmax, 'few', ['float32', 'int32'])),
  softmax: yes(alongAxis(ops.softmax, 'real')),
  // Neighbouring axes are merged and axes of size 1 put in; the gradient goes the other way.
  reshape: yes(
    fc
      .tuple(shapeOfRank(1, 4), fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }), anyDtype)
      .map(([shape, choices, dtype]) => {
        const target: Dim[] = [];
        shape.forEach((size, axis) => {
          if (choices[axis] === 0 && target.length > 0) target.push(multiplyDims(target.pop() ?? 1, size));
          else target.push(...(choices[axis] === 1 ? [1, size] : [size]));
        });
        return {
          ...without({ dtype, shape, domain: 'real' }),
          build: ([x]) => ops.reshape(given(x), target),
        };
      }),
  ),
  transpose: yes(
    fc
      .tuple(shapeOfRank(1, 4), anyDtype)
      .chain(([shape, dtype]) =>
        fc
          .shuffledSubarray([...shape.keys()], { minLength: shape.length })
          .map((permutation) => ({ shape, dtype, permutation })),
      )
      .map(({ shape, dtype, permutation }) => ({
        ...without({ dtype, shape, domain: 'real' }),
        build: ([x]) => ops.transpose(given(x), permutation),
      })),
  ),
  broadcastTo: yes(
    fc
      .tuple(
        anyShape.chain((shape) => fc.tuple(fc.constant(shape), broadcastable(shape))),
        anyDtype,
      )
      .map(([[shape, small], dtype]) => ({
        ...without({ dtype, shape: small, domain: 'real' }),
        build: ([x]) => ops.broadcastTo(given(x), shape),
      })),
  ),
  concat: yes(
    fc
      .tuple(shapeOfRank(1, 4), fc.nat(3), fc.array(dim, { minLength: 1, maxLength: 3 }), anyDtype)
      .map(([shape, place, parts, dtype]) => {
        const axis = place % shape.length;
        return {
          inputs: parts.map((size) => ({ dtype, shape: shape.with(axis, size), domain: 'real' })),
          build: (inputs) => ops.concat(inputs, axis),
        };
      }),
  ),
  slice: yes(
    fc
      .tuple(shapeOfRank(1, 4), fc.nat(3), fc.tuple(dim, dim, dim), fc.nat(3), anyDtype)
      .map(([shape, place, [before, size, after], ends, dtype]) => {
        const axis = place % shape.length;
        const start = ends % 2 === 0 ? 0 : before;
        const whole = addDims(start, size, ends < 2 ? 0 : after);
        return {
          ...without({ dtype, shape: shape.with(axis, whole), domain: 'real' }),
          build: ([x]) => ops.slice(given(x), axis, start, size),
        };
      }),
  ),
  gather: yes(
    fc.tuple(shapeOfRank(1, 3), shapeOfRank(0, 2), anyDtype).map(([table, indices, dtype]) => ({
      ...without(
        { dtype, shape: table, domain: 'real' },
        { dtype: 'int32', shape: indices, domain: { below: table[0] ?? 1 } },
      ),
      build: ([rows, at]) => ops.gather(given(rows), given(at)),
    })),
  ),
  scatterAdd: yes(
    fc.tuple(shapeOfRank(0, 2), shapeOfRank(0, 2), dim).map(([indices, rest, rows]) => ({
      ...without(
        { dtype: 'int32', shape: indices, domain: { below: rows } },
        { dtype: 'float32', shape: [...indices, ...rest], domain: 'real' },
      ),
      build: ([at, updates]) => ops.scatterAdd(given(at), given(updates), rows),
    })),
  ),
  sumOfSquares: fused(alongAxis((x, axis) => make('sumOfSquares', [x], { axes: [axis] }), 'real')),
  rmsNorm: fused(
    fc.tuple(shapeOfRank(1, 3), fc.integer({ min: 1, max: 9 })).map(([shape, size]) => ({
      ...without(
        { dtype: 'float32', shape: [...shape, size], domain: 'real' },
        { dtype: 'float32', shape: [size], domain: 'real' },
      ),
      build: (inputs) => make('rmsNorm', inputs, { epsilon: 1e-5 }),
    })),
  ),
  rotateHalves: fused(
    fc
      .tuple(dim, dim, dim, fc.integer({ min: 1, max: 4 }), fc.boolean())
      .map(([batch, heads, tokens, half, shared]) => {
        const table = shared ? [tokens, half] : [batch, 1, tokens, half];
        return {
          ...without(
            { dtype: 'float32', shape: [batch, heads, tokens, 2 * half], domain: 'real' },
            { dtype: 'float32', shape: table, domain: 'real' },
            { dtype: 'float32', shape: table, domain: 'real' },
          ),
          build: (inputs) => make('rotateHalves', inputs, {}),
        };
      }),
  ),
};

/** For messages: `float32[n, 3], int32[2] → float32[2, 3]`. */
export function describeCase(built: BuiltCase): string {
  const type = ({ dtype, shape }: Tensor) => `${dtype}${formatShape(shape)}`;
  return `${built.inputs.map(type).join(', ')} → ${type(built.result)}`;
}

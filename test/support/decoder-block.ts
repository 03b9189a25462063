// A small language model of one decoder layer, written in the engine's operators alone: every kind of computation that
// the models use, in a few hundred nodes, with its loss. For tests that compare engines.
import { float32, type HostTensor, int32 } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import {
  add,
  cast,
  concat,
  constant,
  cos,
  div,
  equal,
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
  mean,
  mul,
  neg,
  randomUniform,
  reshape,
  silu,
  sin,
  slice,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  transpose,
  where,
} from '../../src/tensor/ops.ts';
import { normalArray, RandomStream } from '../../src/tensor/random.ts';

const WIDTH = 16;
const HEADS = 2;
const SIZE = WIDTH / HEADS;
const VOCABULARY = 23;

const parameterShapes = {
  table: [VOCABULARY, WIDTH],
  normScale: [WIDTH],
  query: [WIDTH, WIDTH],
  key: [WIDTH, WIDTH],
  value: [WIDTH, WIDTH],
  output: [WIDTH, WIDTH],
  loraA: [4, WIDTH],
  loraB: [WIDTH, 4],
  gate: [24, WIDTH],
  up: [24, WIDTH],
  down: [WIDTH, 24],
  bias: [WIDTH],
} as const;

export type ParameterName = keyof typeof parameterShapes;
export const parameterNames = Object.keys(parameterShapes) as ParameterName[];

export interface Block {
  readonly parameters: Readonly<Record<ParameterName, Tensor>>;
  /** Mean over the real positions. */
  readonly loss: Tensor;
  /** [batch, tokens, vocabulary] */
  readonly logits: Tensor;
}

/** Inputs: the parameters by name, `tokens` and `targets` int32 [batch, tokens] (targets -1 are left out), `draw` int32 []. */
export function decoderBlock(): Block {
  const p = Object.fromEntries(
    parameterNames.map((name) => [name, input(name, 'float32', parameterShapes[name])]),
  ) as Record<ParameterName, Tensor>;
  const tokens = input('tokens', 'int32', ['batch', 'tokens']);
  const targets = input('targets', 'int32', ['batch', 'tokens']);
  const draw = input('draw', 'int32', []);

  const embedded = gather(p.table, tokens); // [batch, tokens, width]
  const normed = normalise(embedded, p.normScale);
  const kept = cast(less(randomUniform(draw, 5, ['batch', 'tokens', WIDTH]), 0.9), 'float32');
  const adapted = linear(linear(mul(normed, mul(kept, 1 / 0.9)), p.loraA), p.loraB);
  const q = rotate(heads(add(linear(normed, p.query), adapted)));
  const k = rotate(heads(linear(normed, p.key)));
  const scores = mul(matmul(q, k, { transposeB: true }), SIZE ** -0.5); // [batch, heads, query, key]
  const place = iota('tokens');
  const hidden = less(reshape(place, ['tokens', 1]), reshape(place, [1, 'tokens']));
  const weights = softmax(add(scores, where(hidden, -1e9, 0)));
  const mixed = transpose(matmul(weights, heads(linear(normed, p.value))), [0, 2, 1, 3]);
  const attended = add(embedded, linear(reshape(mixed, ['batch', 'tokens', WIDTH]), p.output));
  const middle = normalise(attended, p.normScale);
  const widened = mul(silu(linear(middle, p.gate)), gelu(linear(middle, p.up)));
  const last = add(add(attended, linear(widened, p.down)), p.bias);
  const logits = linear(normalise(last, p.normScale), p.table);

  const rows = flatten(targets, 2); // [batch·tokens]
  const classes = reshape(iota(VOCABULARY), [1, VOCABULARY]);
  const picked = cast(equal(reshape(rows, [rows.dim(0), 1]), classes), 'float32'); // a row of zeros where -1
  const loss = div(neg(sum(mul(logSoftmax(flatten(logits, 2)), picked))), sum(picked));
  return { parameters: p, loss: reshape(loss, []), logits };
}

/** Deterministic parameters, small enough that nothing saturates. */
export function decoderParameters(): Record<ParameterName, HostTensor> {
  return Object.fromEntries(
    parameterNames.map((name) => {
      const shape = parameterShapes[name];
      const size = shape.reduce((a: number, b) => a * b, 1);
      return [name, float32(normalArray(size, { seed: 3, purpose: name, standardDeviation: 0.4 }), shape)];
    }),
  ) as Record<ParameterName, HostTensor>;
}

export function decoderBatch(batch: number, tokens: number): Record<string, HostTensor> {
  const stream = new RandomStream(17, 'batch', batch * 1000 + tokens);
  const ids = Int32Array.from({ length: batch * tokens }, () => stream.integer(VOCABULARY));
  const targets = ids.map((_, i) => (i % 3 === 1 ? -1 : stream.integer(VOCABULARY)));
  return {
    tokens: int32(ids, [batch, tokens]),
    targets: int32(targets, [batch, tokens]),
    draw: int32([stream.integer(1000)], []),
  };
}

function linear(x: Tensor, w: Tensor): Tensor {
  return matmul(x, w, { transposeB: true });
}

function normalise(x: Tensor, scale: Tensor): Tensor {
  const inverse = exp(mul(log(sqrt(add(mean(square(x), -1), 1e-5))), -1));
  return mul(mul(x, inverse), scale);
}

/** [batch, tokens, width] → [batch, heads, tokens, size]. */
function heads(x: Tensor): Tensor {
  return transpose(reshape(x, ['batch', 'tokens', HEADS, SIZE]), [0, 2, 1, 3]);
}

function rotate(x: Tensor): Tensor {
  const half = SIZE / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => 10_000 ** (-i / half));
  const places = reshape(cast(iota('tokens'), 'float32'), ['tokens', 1]);
  const angles = mul(places, constant(float32(frequencies, [half])));
  const [a, b] = [slice(x, 3, 0, half), slice(x, 3, half, half)];
  return concat(
    [sub(mul(a, cos(angles)), mul(b, sin(angles))), add(mul(b, cos(angles)), mul(a, sin(angles)))],
    3,
  );
}

// Operator fusions: patterns of primitives that a graph is full of, and the cheaper way to compute them. They run when a
// program is compiled, after gradients, so models and gradient rules stay written in plain primitives.
import { isMadeBy, make, type Tensor, topologicalOrder } from './graph.ts';
import { add, concat, matmul, mul, neg, slice, sub, sum, zeros } from './ops.ts';
import type { Rewrite } from './rewrite.ts';
import { sameShape } from './shape.ts';

/** Additions of negated terms are subtractions: a + (−b) → a − b, and a − (−b) → a + b. */
const subtraction: Rewrite = {
  name: 'subtraction',
  apply: (tensor) => {
    const [a, b] = tensor.inputs as readonly [Tensor, Tensor];
    if (isMadeBy(tensor, 'sub')) return isMadeBy(b, 'neg') ? add(a, given(b.inputs[0])) : undefined;
    if (!isMadeBy(tensor, 'add')) return undefined;
    if (isMadeBy(b, 'neg')) return sub(a, given(b.inputs[0]));
    return isMadeBy(a, 'neg') ? sub(b, given(a.inputs[0])) : undefined;
  },
};

/** An operand that arithmetic would broadcast anyway is not written out: x·broadcast(z) → x·z. */
const impliedBroadcast: Rewrite = {
  name: 'impliedBroadcast',
  apply: (tensor) => {
    const arithmetic = (['add', 'sub', 'mul', 'div'] as const).some((name) => isMadeBy(tensor, name));
    const [a, b] = tensor.inputs as readonly [Tensor, Tensor];
    if (!arithmetic) return undefined;
    if (isMadeBy(b, 'broadcastTo') && sameShape(a.shape, tensor.shape)) {
      return make(tensor.primitive, [a, given(b.inputs[0])], {});
    }
    if (isMadeBy(a, 'broadcastTo') && sameShape(b.shape, tensor.shape)) {
      return make(tensor.primitive, [given(a.inputs[0]), b], {});
    }
    return undefined;
  },
};

/** Gradients of slices come padded with zeros and are added up: [p, 0] + [0, q] → [p, q]. */
const paddedSum: Rewrite = {
  name: 'paddedSum',
  apply: (tensor) => {
    const [a, b] = tensor.inputs as readonly [Tensor, Tensor];
    if (!isMadeBy(tensor, 'add') || !isMadeBy(a, 'concat') || !isMadeBy(b, 'concat')) return undefined;
    const { axis } = a.attributes;
    if (axis !== b.attributes.axis || !sameShape(a.shape, b.shape)) return undefined;
    const [left, right] = [piecesOf(a, axis), piecesOf(b, axis)];
    if (left === undefined || right === undefined) return undefined;
    const filled = [...left, ...right].sort((p, q) => p.start - q.start);
    const parts: Tensor[] = [];
    let end = 0;
    const fill = (to: number) => {
      if (to > end) parts.push(zeros(tensor.shape.with(axis, to - end)));
    };
    for (const { start, part } of filled) {
      if (start < end) return undefined;
      fill(start);
      parts.push(part);
      end = start + part.staticDim(axis);
    }
    fill(tensor.staticDim(axis));
    return concat(parts, axis);
  },
};

/** What a concatenation holds beside zeros, and where; undefined where nothing is zero or a size is not known. */
function piecesOf(x: Tensor, axis: number): { readonly start: number; readonly part: Tensor }[] | undefined {
  const pieces: { start: number; part: Tensor }[] = [];
  let start = 0;
  for (const part of x.inputs) {
    const size = part.dim(axis);
    if (typeof size !== 'number') return undefined;
    if (!isZero(part)) pieces.push({ start, part });
    start += size;
  }
  return pieces.length < x.inputs.length ? pieces : undefined;
}

function isZero(x: Tensor): boolean {
  const source = isMadeBy(x, 'broadcastTo') ? given(x.inputs[0]) : x;
  return constantOf(source) === 0;
}

/** Σ x·x → one pass over x. */
const sumOfSquares: Rewrite = {
  name: 'sumOfSquares',
  apply: (tensor) => {
    if (!isMadeBy(tensor, 'sum')) return undefined;
    const product = given(tensor.inputs[0]);
    if (!isMadeBy(product, 'mul') || product.inputs[0] !== product.inputs[1]) return undefined;
    return make('sumOfSquares', [given(product.inputs[0])], tensor.attributes);
  },
};

/** x / √(Σx²·(1/n) + ε) · w → rmsNorm. */
const rmsNorm: Rewrite = {
  name: 'rmsNorm',
  apply: (tensor) => {
    if (!isMadeBy(tensor, 'mul')) return undefined;
    const [normal, w] = tensor.inputs as readonly [Tensor, Tensor];
    if (!isMadeBy(normal, 'div') || w.rank !== 1) return undefined;
    const [x, root] = normal.inputs as readonly [Tensor, Tensor];
    const size = x.dim(-1);
    if (!isMadeBy(root, 'sqrt') || w.dim(0) !== size) return undefined;
    const shifted = given(root.inputs[0]);
    if (!isMadeBy(shifted, 'add')) return undefined;
    const [mean, shift] = shifted.inputs as readonly [Tensor, Tensor];
    const epsilon = constantOf(shift);
    if (!isMadeBy(mean, 'mul') || epsilon === undefined) return undefined;
    const [squares, factor] = mean.inputs as readonly [Tensor, Tensor];
    if (!isMadeBy(squares, 'sumOfSquares') || squares.inputs[0] !== x) return undefined;
    if (squares.attributes.axes.join() !== String(x.rank - 1)) return undefined;
    if (typeof size !== 'number' || constantOf(factor) !== Math.fround(1 / size)) return undefined;
    return make('rmsNorm', [x, w], { epsilon });
  },
};

/** Rotary positions and their gradient: [a·c − b·s, b·c + a·s] over the halves a, b of the last axis. */
const rotateHalves: Rewrite = {
  name: 'rotateHalves',
  apply: (tensor) => {
    if (!isMadeBy(tensor, 'concat') || tensor.rank !== 4 || tensor.attributes.axis !== 3) return undefined;
    if (tensor.inputs.length !== 2) return undefined;
    const [first, second] = tensor.inputs.map(rotaryTerms);
    if (first === undefined || second === undefined) return undefined;
    const { x } = first.a;
    const fits =
      x === first.b.x &&
      x === second.a.x &&
      x === second.b.x &&
      first.a.sign === 1 &&
      second.b.sign === 1 &&
      first.b.sign === -second.a.sign &&
      first.a.table === second.b.table &&
      first.b.table === second.a.table &&
      [first.a.table, first.b.table].every((table) => isRotaryTable(table, x));
    if (!fits) return undefined;
    const sin = first.b.sign === -1 ? first.b.table : neg(first.b.table);
    return make('rotateHalves', [x, first.a.table, sin], {});
  },
};

function isRotaryTable({ shape }: Tensor, x: Tensor): boolean {
  const [batch, tokens, half] = [x.dim(0), x.dim(2), x.staticDim(3) / 2];
  return sameShape(shape, [tokens, half]) || sameShape(shape, [batch, 1, tokens, half]);
}

interface RotaryTerm {
  readonly sign: 1 | -1;
  readonly x: Tensor;
  readonly half: 0 | 1;
  readonly table: Tensor;
}

/** A sum or difference of one term of the first half and one of the second. */
function rotaryTerms(tensor: Tensor): { readonly a: RotaryTerm; readonly b: RotaryTerm } | undefined {
  if (!isMadeBy(tensor, 'add') && !isMadeBy(tensor, 'sub')) return undefined;
  const terms = tensor.inputs.map((input, i) =>
    rotaryTerm(input, isMadeBy(tensor, 'sub') && i === 1 ? -1 : 1),
  );
  const [a, b] = [0, 1].map((half) => terms.find((term) => term?.half === half));
  return a === undefined || b === undefined ? undefined : { a, b };
}

function rotaryTerm(tensor: Tensor, sign: 1 | -1): RotaryTerm | undefined {
  if (isMadeBy(tensor, 'neg')) return rotaryTerm(given(tensor.inputs[0]), sign === 1 ? -1 : 1);
  if (!isMadeBy(tensor, 'mul')) return undefined;
  const [data, table] = tensor.inputs as readonly [Tensor, Tensor];
  if (isMadeBy(data, 'neg')) {
    return rotaryTerm(make('mul', [given(data.inputs[0]), table], {}), sign === 1 ? -1 : 1);
  }
  if (!isMadeBy(data, 'slice')) return undefined;
  const x = given(data.inputs[0]);
  const { axis, start, size } = data.attributes;
  const n = typeof x.dim(-1) === 'number' ? x.staticDim(-1) / 2 : 0;
  if (x.rank !== 4 || axis !== 3 || size !== n || (start !== 0 && start !== n)) return undefined;
  return { sign, x, half: start === 0 ? 0 : 1, table };
}

/**
 * Attention's softmax gradient needs Σₖ (dO·Vᵀ)ₖ·Pₖ, which is Σ dO·(P·V): sums over a head's size instead of all keys
 * (Dao et al., FlashAttention, 2022, appendix B.2). P·V is there already; the runtime computes equal products once.
 */
const rowSumOfProduct: Rewrite = {
  name: 'rowSumOfProduct',
  apply: (tensor) => {
    if (!isMadeBy(tensor, 'sum') || tensor.attributes.axes.join() !== String(tensor.rank - 1))
      return undefined;
    const weighted = given(tensor.inputs[0]);
    if (!isMadeBy(weighted, 'mul')) return undefined;
    const [product, p] = weighted.inputs as readonly [Tensor, Tensor];
    if (!isMadeBy(product, 'matmul') || !isMadeBy(p, 'softmax')) return undefined;
    const { transposeA, transposeB } = product.attributes;
    const [dO, v] = product.inputs as readonly [Tensor, Tensor];
    if (transposeA || !transposeB || v.rank !== p.rank || !sameShape(product.shape, p.shape))
      return undefined;
    return sum(mul(dO, matmul(p, v)), [-1]);
  },
};

/** d·σ + (d·x)·(σ·(1 − σ)) → d·(σ + x·σ·(1 − σ)): the gradient of x·σ(x), four passes instead of six. */
const siluGradient: Rewrite = {
  name: 'siluGradient',
  apply: (tensor) => {
    if (!isMadeBy(tensor, 'add')) return undefined;
    const [first, second] = tensor.inputs as readonly [Tensor, Tensor];
    return siluTerms(first, second) ?? siluTerms(second, first);
  },
};

function siluTerms(direct: Tensor, through: Tensor): Tensor | undefined {
  if (!isMadeBy(direct, 'mul') || !isMadeBy(through, 'mul')) return undefined;
  const [d, s] = direct.inputs as readonly [Tensor, Tensor];
  const [scaled, slope] = through.inputs as readonly [Tensor, Tensor];
  if (!isMadeBy(s, 'sigmoid') || !isMadeBy(scaled, 'mul') || !isMadeBy(slope, 'mul')) return undefined;
  const x = given(s.inputs[0]);
  const rest = given(slope.inputs[1]);
  const fits =
    scaled.inputs[0] === d &&
    scaled.inputs[1] === x &&
    slope.inputs[0] === s &&
    isMadeBy(rest, 'sub') &&
    constantOf(given(rest.inputs[0])) === 1 &&
    rest.inputs[1] === s;
  return fits ? mul(d, add(s, mul(mul(x, s), rest))) : undefined;
}

export const fusions: readonly Rewrite[] = [
  subtraction,
  impliedBroadcast,
  paddedSum,
  sumOfSquares,
  rmsNorm,
  rotateHalves,
  rowSumOfProduct,
  siluGradient,
];

/**
 * Products of one tensor with several fed matrices (adapters of q, k and v, or of gate and up; experts and routers) as
 * one product with all of them. Before gradients, so that their products are merged too. Not a local rule: it needs to
 * see who else uses a tensor.
 */
export function mergeSiblingProducts(outputs: Readonly<Record<string, Tensor>>): Rewrite {
  const groups = new Map<Tensor, Tensor[]>();
  for (const tensor of topologicalOrder(Object.values(outputs))) {
    const [x, matrix] = tensor.inputs as readonly [Tensor, Tensor];
    if (!isSibling(tensor)) continue;
    const members = groups.get(x) ?? [];
    if (!members.includes(matrix)) members.push(matrix);
    groups.set(x, members);
  }
  // Matrices are fed and so never rewritten: they tell the groups apart also where x was rewritten.
  const groupOf = new Map([...groups.values()].flatMap((group) => group.map((matrix) => [matrix, group])));
  const merged = new Map<Tensor, Map<readonly Tensor[], Tensor>>();
  return {
    name: 'mergeSiblingProducts',
    apply: (tensor) => {
      const [x, matrix] = tensor.inputs as readonly [Tensor, Tensor];
      const group = isSibling(tensor) ? groupOf.get(matrix) : undefined;
      if (group === undefined || group.length < 2) return undefined;
      const known = merged.get(x) ?? new Map<readonly Tensor[], Tensor>();
      merged.set(x, known);
      const product = known.get(group) ?? matmul(x, concat(group, 0), { transposeB: true });
      known.set(group, product);
      const before = group.slice(0, group.indexOf(matrix));
      const start = before.reduce((total, other) => total + other.staticDim(0), 0);
      return slice(product, -1, start, matrix.staticDim(0));
    },
  };
}

function isSibling(tensor: Tensor): boolean {
  if (!isMadeBy(tensor, 'matmul')) return false;
  const { transposeA, transposeB } = tensor.attributes;
  const matrix = given(tensor.inputs[1]);
  // Rows of a number that changes from run to run (experts that are kept) have no fixed place side by side.
  const fixed = matrix.rank === 2 && typeof matrix.dim(0) === 'number';
  return !transposeA && transposeB && isMadeBy(matrix, 'input') && fixed;
}

function constantOf(tensor: Tensor): number | undefined {
  if (!isMadeBy(tensor, 'constant') || tensor.rank !== 0) return undefined;
  return tensor.attributes.value.data[0];
}

function given(tensor: Tensor | undefined): Tensor {
  if (tensor === undefined) throw new Error('internal: a primitive lacks an input');
  return tensor;
}

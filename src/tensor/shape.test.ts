import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { int32 } from './dtype.ts';
import { grad } from './grad.ts';
import type { Tensor } from './graph.ts';
import {
  add,
  argmax,
  broadcastTo,
  cast,
  concat,
  exp,
  gather,
  input,
  less,
  matmul,
  max,
  mean,
  randomUniform,
  reshape,
  scatterAdd,
  slice,
  softmax,
  sum,
  transpose,
  where,
} from './ops.ts';
import {
  addDims,
  broadcastShapes,
  type Dim,
  divideDims,
  factorize,
  formatShape,
  multiplyDims,
  subtractDims,
  sumTerms,
} from './shape.ts';

/** A dimension expression, and what it is for given sizes of n, m and k. */
interface Expression {
  readonly dim: Dim;
  value(sizes: Sizes): number;
}
type Sizes = Readonly<Record<'n' | 'm' | 'k', number>>;

const leaf: fc.Arbitrary<Expression> = fc
  .constantFrom<'n' | 'm' | 'k' | number>('n', 'm', 'k', 0, 1, 2, 3)
  .map((dim) => ({ dim, value: (sizes) => (typeof dim === 'number' ? dim : sizes[dim]) }));

const expression: fc.Arbitrary<Expression> = fc.letrec<{ tree: Expression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom('+', '*'), tie('tree'), tie('tree'))
      .map(
        ([operator, a, b]): Expression =>
          operator === '+'
            ? { dim: addDims(a.dim, b.dim), value: (sizes) => a.value(sizes) + b.value(sizes) }
            : { dim: multiplyDims(a.dim, b.dim), value: (sizes) => a.value(sizes) * b.value(sizes) },
      ),
  ),
})).tree;

/** Reads a spelled expression as arithmetic, by a way of its own. */
function calculate(dim: Dim, sizes: Sizes): number {
  const text = String(dim).replaceAll(/[nmk]/g, (name) => String(sizes[name as keyof Sizes]));
  const total = (sumText: string) =>
    sumText.split('+').reduce((sofar, term) => sofar + term.split('*').reduce((a, b) => a * Number(b), 1), 0);
  return total(text.replace(/^\((.*)\)$/, '$1'));
}

const property = { seed: 20261124, numRuns: 300 };

describe('dimension expressions', () => {
  it('have one spelling', () => {
    expect(addDims('n', 'm', 3, 4)).toBe('(m+n+7)');
    expect(addDims('n', 'n')).toBe(multiplyDims(2, 'n'));
    expect(addDims(multiplyDims(4, 'past'), multiplyDims('tokens', 4))).toBe(
      multiplyDims(4, addDims('tokens', 'past')),
    );
    expect(multiplyDims('b', addDims('n', 1))).toBe('(b*n+b)');
    expect(addDims('n', -1, 1)).toBe('n');
    expect(multiplyDims('n', 0)).toBe(0);
    expect(addDims()).toBe(0);
    expect(multiplyDims()).toBe(1);
  });

  it('mean what they say, whatever they were built from', () => {
    const sizes: Sizes = { n: 5, m: 7, k: 11 };
    fc.assert(
      fc.property(expression, ({ dim, value }) => calculate(dim, sizes) === value(sizes)),
      property,
    );
  });

  it('are equal strings exactly when they are equal at many sizes', () => {
    const probes: readonly Sizes[] = [
      { n: 101, m: 10_007, k: 1_000_003 },
      { n: 10_007, m: 1_000_003, k: 101 },
    ];
    fc.assert(
      fc.property(expression, expression, (a, b) => {
        const equal = probes.every((sizes) => a.value(sizes) === b.value(sizes));
        return equal === (a.dim === b.dim);
      }),
      property,
    );
  });

  it('sums and products do not depend on order or grouping', () => {
    fc.assert(
      fc.property(expression, expression, expression, ({ dim: a }, { dim: b }, { dim: c }) => {
        expect(addDims(a, addDims(b, c))).toBe(addDims(c, b, a));
        expect(multiplyDims(a, multiplyDims(b, c))).toBe(multiplyDims(c, b, a));
        expect(multiplyDims(a, addDims(b, c))).toBe(addDims(multiplyDims(a, b), multiplyDims(a, c)));
      }),
      property,
    );
  });

  it('division and subtraction undo products and sums', () => {
    fc.assert(
      fc.property(expression, expression, ({ dim: a }, { dim: b }) => {
        expect(subtractDims(addDims(a, b), b)).toBe(a);
        if (b !== 0) expect(divideDims(multiplyDims(a, b), b)).toBe(a);
      }),
      property,
    );
  });

  it('divide only where the quotient is exact', () => {
    expect(divideDims(12, 4)).toBe(3);
    expect(divideDims(12, 5)).toBeUndefined();
    expect(divideDims(12, 0)).toBeUndefined();
    expect(divideDims('n', 'm')).toBeUndefined();
    expect(divideDims('6*n', '2*n')).toBe(3);
    expect(divideDims('3*n', 2)).toBeUndefined();
    expect(divideDims('(b*m+b*n)', '(m+n)')).toBe('b');
    expect(divideDims('(b*m+n)', 'b')).toBeUndefined();
    expect(divideDims('(n+1)', 'n')).toBeUndefined();
  });

  it('show minus signs as such, and can be less than a name', () => {
    expect(formatShape(['batch', subtractDims('tokens', 1), 4])).toBe('[batch, (tokens-1), 4]');
    expect(addDims(subtractDims('tokens', 1), 1)).toBe('tokens');
    expect(sumTerms('(tokens+-1)')).toEqual(['tokens', '-1']);
    expect(factorize('-1*n')).toEqual({ coefficient: -1, names: ['n'] });
  });

  it('broadcast as NumPy does, and only with 1 where names are concerned', () => {
    expect(broadcastShapes(['n', 1, 3], ['m', 1])).toEqual(['n', 'm', 3]);
    expect(broadcastShapes([], ['n'])).toEqual(['n']);
    expect(broadcastShapes(['n'], ['m'])).toBeUndefined();
    expect(broadcastShapes(['n'], [2])).toBeUndefined();
  });
});

const x = input('x', 'float32', ['n', 3]);
const ids = input('ids', 'int32', ['n']);
const flag = input('flag', 'bool', ['n']);

function message(trace: () => unknown): string {
  try {
    trace();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  throw new Error('expected an error while tracing');
}

describe('tracing', () => {
  it('infers shapes with names', () => {
    const a = input('a', 'float32', ['batch', 'tokens', 8]);
    const shapes: Record<string, Tensor> = {
      heads: transpose(reshape(a, ['batch', 'tokens', 2, 4]), [0, 2, 1, 3]),
      flat: reshape(a, [-1, 8]),
      longer: concat([a, a, input('b', 'float32', ['batch', 'past', 8])], 1),
      scores: matmul(a, a, { transposeB: true }),
      rows: gather(input('table', 'float32', [100, 8]), input('i', 'int32', ['batch', 'tokens'])),
      added: scatterAdd(ids, x, 'rows'),
      next: slice(a, 1, 1, subtractDims('tokens', 1)),
      best: argmax(a, -1),
    };
    expect(
      Object.fromEntries(
        Object.entries(shapes).map(([name, { dtype, shape }]) => [name, `${dtype}${formatShape(shape)}`]),
      ),
    ).toMatchInlineSnapshot(`
      {
        "added": "float32[rows, 3]",
        "best": "int32[batch, tokens]",
        "flat": "float32[batch*tokens, 8]",
        "heads": "float32[batch, 2, tokens, 4]",
        "longer": "float32[batch, (past+2*tokens), 8]",
        "next": "float32[batch, (tokens-1), 8]",
        "rows": "float32[batch, tokens, 8]",
        "scores": "float32[batch, tokens, tokens]",
      }
    `);
    expect(reshape(concat([a, a], 1), ['batch', multiplyDims(2, 'tokens'), 8]).primitive).toBe('concat');
  });

  it('refuses what does not fit, naming the primitive and the shapes', () => {
    const mistakes: readonly (() => unknown)[] = [
      () => add(x, input('y', 'float32', ['m', 3])),
      () => add(x, ids),
      () => add(flag, flag),
      () => less(flag, flag),
      () => exp(ids),
      () => where(x, x, x),
      () => where(flag, x, x),
      () => matmul(x, x),
      () => matmul(x, input('y', 'float32', [3, 4]), { transposeB: true }),
      () => matmul(x, input('v', 'float32', [3])),
      () => matmul(input('p', 'float32', [2, 1, 1]), input('q', 'float32', [3, 1, 1])),
      () => sum(x, [2]),
      () => max(ids, 0),
      () => argmax(x, 2),
      () => argmax(flag, 0),
      () => softmax(input('s', 'float32', [])),
      () => reshape(x, ['n', 4]),
      () => reshape(x, [-1, 2]),
      () => transpose(x, [0, 0]),
      () => broadcastTo(x, ['n', 4]),
      () => concat([x, input('y', 'float32', ['m', 3])], 1),
      () => slice(x, 1, 2, 2),
      () => slice(x, 2, 0, 1),
      () => slice(x, 1, -1, 2),
      () => gather(x, x),
      () => scatterAdd(ids, input('u', 'float32', ['m', 3]), 4),
      () => scatterAdd(ids, ids, 4),
      () => randomUniform(ids, 0, [3]),
      () => grad(x, [x]),
      () => grad(cast(sum(x), 'int32'), [x]),
    ];
    expect(mistakes.map(message).join('\n')).toMatchInlineSnapshot(`
      "add(float32[n, 3], float32[m, 3]): shapes do not broadcast
      add(float32[n, 3], int32[n]): dtypes differ
      add(bool[n], bool[n]): must be numbers
      less(bool[n], bool[n]): must be numbers
      exp(int32[n]): must be float32
      where(float32[n, 3], float32[n, 3], float32[n, 3]): the condition must be bool
      where(bool[n], float32[n, 3], float32[n, 3]): shapes do not broadcast
      matmul(float32[n, 3], float32[n, 3]): inner sizes 3 and n differ
      matmul(float32[n, 3], float32[3, 4]): inner sizes 3 and 4 differ transposeB
      matmul(float32[n, 3], float32[3]): both need at least two axes
      matmul(float32[2, 1, 1], float32[3, 1, 1]): batch axes do not broadcast
      sum(float32[n, 3]): has no axis 2
      max(int32[n]): must be float32
      argmax(float32[n, 3]): has no axis 2
      argmax(bool[n]): must be numbers
      softmax(float32[]): needs an axis
      reshape(float32[n, 3]): does not fill [n, 4]
      reshape(float32[n, 3]): no size for -1 in [-1, 2]
      transpose(float32[n, 3]): (0, 0) is not a permutation of its axes
      broadcastTo(float32[n, 3]): does not broadcast to [n, 4]
      concat(float32[n, 3], float32[m, 3]): differ outside axis 1
      slice(float32[n, 3]): 2..4 leaves axis 1 of size 3
      slice(float32[n, 3]): has no axis 2
      slice(float32[n, 3]): cannot take 2 from -1
      gather(float32[n, 3], float32[n, 3]): indices must be int32
      scatterAdd(int32[n], float32[m, 3]): updates must begin with the indices' shape
      scatterAdd(int32[n], int32[n]): updates must be float32
      randomUniform(int32[n]): the key must be an int32 scalar
      grad: the result must hold one number, got [n, 3]
      grad: must be float32, got int32[1, 1]"
    `);
  });

  it('a mean needs an axis of known size', () => {
    expect(() => mean(x, 0)).toThrow('axis 0 of [n, 3] must be a number');
    expect(() => x.dim(2)).toThrow('no axis 2 in shape [n, 3]');
    expect(() => input('c', 'int32', []).dim(-1)).toThrow('no axis -1 in shape []');
    expect(int32([1], []).shape).toEqual([]);
  });
});

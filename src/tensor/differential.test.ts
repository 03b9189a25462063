// Every runtime against the plain interpreter: values and gradients of every primitive over the same cases, several sizes
// of the named dimensions through each compiled program.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareNumbers } from '../../test/support/compare.ts';
import {
  decoderBatch,
  decoderBlock,
  decoderParameters,
  parameterNames,
} from '../../test/support/decoder-block.ts';
import {
  type BuiltCase,
  buildCase,
  describeCase,
  feedCase,
  primitiveCases,
  type Sizes,
  sizesFeed,
  sizesInput,
} from '../../test/support/primitive-cases.ts';
import { heldOpen, runtimes } from '../../test/support/torch.ts';
import { float32 } from './dtype.ts';
import { grad } from './grad.ts';
import { type Tensor, topologicalOrder } from './graph.ts';
import { evaluate } from './interpreter.ts';
import { add, concat, input, matmul, slice, softmax } from './ops.ts';
import { Program } from './program.ts';
import { normalArray } from './random.ts';

const TOLERANCE = 1e-5;
const CASES = 16;
const sizesOfNames: readonly Sizes[] = [
  { n: 2, m: 3 },
  { n: 1, m: 1 },
  { n: 3, m: 2 },
  { n: 1, m: 4 },
];

/** What has no meaning, or none in the runtime, on an axis without elements. */
const needsElements: readonly string[] = ['matmul', 'argmax', 'gather', 'rotateHalves'];

/** Value `v` and gradients `g0`, `g1`, … of one case. */
function outputsOf({ result, loss, variables }: BuiltCase, prefix: string): Record<string, Tensor> {
  const gradients = loss === undefined ? [] : grad(loss, variables);
  return {
    [`${prefix}v`]: result,
    ...Object.fromEntries(gradients.map((gradient, i) => [`${prefix}g${i}`, gradient])),
  };
}

describe.each(runtimes)('%s agrees with the interpreter', (_, options) => {
  heldOpen(options);
  for (const [primitive, row] of Object.entries(primitiveCases)) {
    it(primitive, async () => {
      const cases = fc.sample(row.cases, { seed: 11, numRuns: CASES });
      const built = cases.map((testCase, i) => buildCase(testCase, `c${i}_`));
      const outputs = Object.assign(
        { sizesOut: sizesInput() },
        ...built.map((one, i) => outputsOf(one, `c${i}_`)),
      ) as Record<string, Tensor>;
      const reached = topologicalOrder(Object.values(outputs));
      expect(reached.some((tensor) => tensor.primitive === primitive)).toBe(true);
      const program = await Program.compile(outputs, options);
      const empty = needsElements.includes(primitive) ? [] : [{ n: 0, m: 2 }];
      for (const [run, sizes] of [...sizesOfNames, ...empty].entries()) {
        const feeds = Object.assign(
          { sizes: sizesFeed(sizes) },
          ...cases.map((testCase, i) => feedCase(testCase, sizes, run, `c${i}_`)),
        );
        const actual = await program.runOnHost(feeds);
        const expected = evaluate(outputs, feeds);
        for (const name of Object.keys(outputs)) {
          const place = Number(/^c(\d+)_/.exec(name)?.[1] ?? 0);
          const exact = primitive === 'randomUniform' || outputs[name]?.dtype !== 'float32';
          const message = `${name}: ${describeCase(built[place] as BuiltCase)} at n=${sizes.n}, m=${sizes.m}`;
          expect(actual[name]?.dtype, message).toBe(outputs[name]?.dtype);
          compareNumbers(actual[name], expected[name], { tolerance: exact ? 0 : TOLERANCE, message });
        }
      }
      await program.dispose();
    });
  }
});

describe.each(runtimes)('%s agrees with the interpreter on compositions', (_, options) => {
  it('a decoder layer, its loss and all its gradients', async () => {
    const { parameters, loss, logits } = decoderBlock();
    const variables = Object.values(parameters);
    const gradients = grad(loss, variables);
    const outputs: Record<string, Tensor> = {
      loss,
      logits,
      ...Object.fromEntries(gradients.map((gradient, i) => [`d${parameterNames[i]}`, gradient])),
    };
    const program = await Program.compile(outputs, options);
    for (const [batch, tokens] of [
      [2, 9],
      [1, 1],
      [3, 4],
    ] as const) {
      const feeds = { ...decoderParameters(), ...decoderBatch(batch, tokens) };
      const actual = await program.runOnHost(feeds);
      const expected = evaluate(outputs, feeds);
      for (const name of Object.keys(outputs)) {
        const message = `${name} at batch ${batch}, tokens ${tokens}`;
        compareNumbers(actual[name], expected[name], { tolerance: TOLERANCE, message });
      }
    }
    await program.dispose();
  });

  it('a product whose inner axis is empty, and a cache that begins empty', async () => {
    const cache = input('cache', 'float32', ['batch', 2, 'past', 4]);
    const x = input('x', 'float32', ['batch', 2, 'tokens', 4]);
    const grown = concat([cache, x], 2);
    const scores = softmax(matmul(x, grown, { transposeB: true }));
    const outputs = {
      grown,
      mixed: add(matmul(slice(scores, 3, 0, 'past'), cache), matmul(slice(scores, 3, 'past', 'tokens'), x)),
    };
    const program = await Program.compile(outputs, options);
    for (const past of [0, 1, 3]) {
      const feeds = {
        cache: float32(normalArray(16 * past, { seed: past, purpose: 'cache' }), [2, 2, past, 4]),
        x: float32(normalArray(32, { seed: past, purpose: 'x' }), [2, 2, 2, 4]),
      };
      const actual = await program.runOnHost(feeds);
      const expected = evaluate(outputs, feeds);
      for (const name of ['grown', 'mixed'] as const) {
        const message = `${name} after ${past}`;
        compareNumbers(actual[name], expected[name], { tolerance: TOLERANCE, message });
      }
    }
    await program.dispose();
  });
});

// The machine's own float32 matrix-product rate through onnxruntime: the best over a few large products, square and
// skinny, with the second operand fed and as a constant (which the runtime packs once).

import { float32 } from '../src/tensor/dtype.ts';
import { constant, input, matmul } from '../src/tensor/ops.ts';
import { Program } from '../src/tensor/program.ts';
import type { Round } from './protocol.ts';

const products = [
  { rows: 1024, inner: 1024, columns: 1024, packed: false },
  { rows: 1024, inner: 1024, columns: 1024, packed: true },
  { rows: 2048, inner: 2048, columns: 1024, packed: true },
  { rows: 1024, inner: 768, columns: 2048, packed: true },
  { rows: 512, inner: 2048, columns: 2048, packed: true },
] as const;

const MOMENTS = 3;

/** A job whose `flops / seconds` is the rate of the fastest of these products. */
export async function peakLine(): Promise<() => Promise<Round>> {
  const jobs = await Promise.all(
    products.map(async ({ rows, inner, columns, packed }) => {
      const a = float32(new Float32Array(rows * inner).fill(0.5), [rows, inner]);
      const b = float32(new Float32Array(inner * columns).fill(0.25), [inner, columns]);
      const right = packed ? constant(b) : input('b', 'float32', b.shape);
      const program = await Program.compile({ y: matmul(input('a', 'float32', a.shape), right) });
      return { program, feeds: { a, b }, flops: 2 * rows * inner * columns };
    }),
  );
  return async () => {
    let best = { seconds: 1, flops: 0 };
    for (const { program, feeds, flops } of jobs) {
      for (let moment = 0; moment < MOMENTS; moment++) {
        const started = performance.now();
        await program.run(feeds);
        const seconds = (performance.now() - started) / 1000;
        if (flops / seconds > best.flops / best.seconds) best = { seconds, flops };
      }
    }
    return { ...best, samples: 1, tokens: 0 };
  };
}

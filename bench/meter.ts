// Counts the operations of the matrix products that programs really run, whoever compiles and runs them: it wraps
// `Program`, so the classes that are measured need not know. One meter per process.
import { dimSizes, productFlops } from '../src/tensor/flops.ts';
import { Program } from '../src/tensor/program.ts';

export interface Meter {
  /** Operations since the meter was installed. */
  readonly flops: number;
}

export function installMeter(): Meter {
  const meter = { flops: 0 };
  const counters = new WeakMap<Program, (feeds: Parameters<Program['run']>[0]) => number>();
  const { compile } = Program;
  const { run } = Program.prototype;
  Program.compile = async (outputs, options) => {
    const program = await compile(outputs, options);
    const tensors = Object.values(outputs);
    const count = productFlops(tensors);
    const sizes = dimSizes(tensors);
    counters.set(program, (feeds) => count(sizes(feeds)));
    return program;
  };
  Program.prototype.run = function (this: Program, feeds) {
    meter.flops += counters.get(this)?.(feeds) ?? 0;
    return run.call(this, feeds);
  };
  return meter;
}

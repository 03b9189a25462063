// The engine as a library, `coin-bench/tensor`: functions over symbolic tensors, their gradients, and programs that run
// them on ONNX Runtime. What is exported here is documented (docs/library.md) and tested; the files behind it may change.
export { type DType, float32, type HostTensor, int32 } from './dtype.ts';
export { type GradOptions, grad } from './grad.ts';
export { Tensor } from './graph.ts';
export { evaluate } from './interpreter.ts';
export { writeOnnx } from './onnx/write.ts';
export * from './ops.ts';
export { printGraph } from './print.ts';
export { DeviceTensor, Program, type ProgramOptions, type Provider, type Value } from './program.ts';
export { RandomStream } from './random.ts';
export type { Dim, Shape } from './shape.ts';

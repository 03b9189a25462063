// A program: a graph compiled for a runtime, ONNX Runtime or PyTorch. Feeds are checked against the graph's inputs, so that
// a wrong shape is one clear error here and not a message from deep inside the runtime.
import type { HostTensor } from './dtype.ts';
import { fusions, mergeSiblingProducts } from './fusions.ts';
import { isMadeBy, type Tensor, topologicalOrder } from './graph.ts';
import type { Provider } from './onnx/emitter.ts';
import { type Rewrite, rewriteGraph } from './rewrite.ts';
import type { Session } from './session.ts';
import { type Dim, formatShape } from './shape.ts';
import type { TorchOptions } from './torch/process.ts';
import { DeviceTensor, type Value } from './value.ts';

export type { Provider } from './onnx/emitter.ts';
export { runtimeVersion } from './onnx/runtime-version.ts';
export { DeviceTensor, floats, type Value } from './value.ts';

export interface ProgramOptions {
  readonly provider?: Provider;
  /** Runs on PyTorch instead; `provider` then plays no part. */
  readonly torch?: TorchOptions;
  /** Threads inside an operator; all cores by default. */
  readonly threads?: number;
  /** Outputs that are not copied to the host (only `webgpu`, `cuda` and PyTorch have such a place). */
  readonly keepOnDevice?: readonly string[];
  /** Prefix of a trace file of kernel times; of ONNX Runtime only. */
  readonly profile?: string;
  /** Weight files that are larger than this together (bytes) are mapped by ONNX Runtime instead of copied into memory. */
  readonly mapWeightsOver?: number;
  /** Whether operators are fused (`fusions.ts`); the result is the same up to rounding. */
  readonly fuse?: boolean;
  /** Rewrites beside the fusions, such as `quantizeWeights`. */
  readonly rewrites?: readonly Rewrite[];
}

/**
 * A copy costs its bytes twice, as ONNX Runtime keeps one of its own beside the file's: 256 MB of weights take 405 MB when
 * copied and 153 MB when mapped. Of small files the copy is made once and shared by all programs.
 */
const MAPPED_OVER = 64_000_000;

export class Program {
  readonly #session: Session;
  readonly #inputs: ReadonlyMap<string, Tensor>;

  private constructor(
    session: Session,
    inputs: ReadonlyMap<string, Tensor>,
    /** How often each rewrite was applied, by its name. */
    readonly rewritten: ReadonlyMap<string, number>,
  ) {
    this.#session = session;
    this.#inputs = inputs;
  }

  /** Compiles the graph that computes the named outputs. Throws UserError where the runtime or a weight file is amiss. */
  static async compile(
    plain: Readonly<Record<string, Tensor>>,
    options: ProgramOptions = {},
  ): Promise<Program> {
    const { provider = 'cpu', torch, threads, keepOnDevice = [], profile } = options;
    const { mapWeightsOver = MAPPED_OVER, fuse = true, rewrites = [] } = options;
    const fused = fuse ? [mergeSiblingProducts(plain), ...fusions] : [];
    const { outputs, applied } = rewriteGraph(plain, [...rewrites, ...fused]);
    const inputs = inputsOf(outputs);
    // Runtimes are loaded only where a program is compiled: most commands compile none.
    if (torch === undefined) {
      const { openOnnxSession } = await import('./onnx/session.ts');
      const session = { provider, threads, keepOnDevice, profile, mapWeightsOver };
      return new Program(await openOnnxSession(outputs, session), inputs, applied);
    }
    const { openTorchSession } = await import('./torch/session.ts');
    const session = { torch: { ...torch, threads: torch.threads ?? threads }, keepOnDevice };
    return new Program(await openTorchSession(outputs, session), inputs, applied);
  }

  get inputNames(): readonly string[] {
    return [...this.#inputs.keys()];
  }

  /** Runs once. Every input must be fed; values that the program has no input for are ignored. */
  async run(feeds: Readonly<Record<string, Value>>): Promise<Record<string, Value>> {
    const sizes = new Map<string, number>();
    const checked = new Map<string, Value>();
    for (const [name, tensor] of this.#inputs) {
      const value = feeds[name];
      if (value === undefined)
        throw new TypeError(`program: input "${name}" ${formatShape(tensor.shape)} is not fed`);
      checkFeed(name, tensor, value, sizes);
      checked.set(name, value);
    }
    return this.#session.run(checked);
  }

  /** Runs once and returns outputs that are all on the host. */
  async runOnHost(feeds: Readonly<Record<string, Value>>): Promise<Record<string, HostTensor>> {
    const results = await this.run(feeds);
    for (const [name, value] of Object.entries(results)) {
      if (value instanceof DeviceTensor) throw new TypeError(`program: output "${name}" stays on the device`);
    }
    return results as Record<string, HostTensor>;
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}

/** The inputs that the outputs need, by name. Throws TypeError where a name stands for two things. */
function inputsOf(outputs: Readonly<Record<string, Tensor>>): ReadonlyMap<string, Tensor> {
  const inputs = new Map<string, Tensor>();
  for (const tensor of topologicalOrder(Object.values(outputs))) {
    if (!isMadeBy(tensor, 'input')) continue;
    const { name } = tensor.attributes;
    if (inputs.has(name)) throw new TypeError(`program: two inputs are called "${name}"`);
    if (name in outputs) throw new TypeError(`program: "${name}" is the name of an input and of an output`);
    inputs.set(name, tensor);
  }
  return inputs;
}

function checkFeed(name: string, tensor: Tensor, value: Value, sizes: Map<string, number>): void {
  const wrong = (detail: string) =>
    new TypeError(
      `program: input "${name}" must be ${tensor.dtype}${formatShape(tensor.shape)}, got ${value.dtype}[${value.shape.join(', ')}]${detail}`,
    );
  if (value.dtype !== tensor.dtype || value.shape.length !== tensor.rank) throw wrong('');
  tensor.shape.forEach((dim: Dim, axis) => {
    const size = value.shape[axis] as number;
    if (typeof dim === 'number' ? dim !== size : (sizes.get(dim) ?? size) !== size) {
      throw wrong(typeof dim === 'number' ? '' : `; "${dim}" is ${sizes.get(dim)} elsewhere`);
    }
    if (typeof dim === 'string') sizes.set(dim, size);
  });
}

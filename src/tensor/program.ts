// A program: a graph compiled to one onnxruntime session. Feeds are checked against the graph's inputs, so that a wrong
// shape is one clear error here and not a message from deep inside the runtime.
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import { env, InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { UserError } from '../base/errors.ts';
import type { DType, HostTensor } from './dtype.ts';
import { fusions, mergeSiblingProducts } from './fusions.ts';
import { isMadeBy, type Tensor, topologicalOrder } from './graph.ts';
import type { Provider } from './onnx/emitter.ts';
import { writeOnnx } from './onnx/write.ts';
import type { ByteRange } from './primitives.ts';
import { type Rewrite, rewriteGraph } from './rewrite.ts';
import { type Dim, formatShape, type Shape } from './shape.ts';

export type { Provider } from './onnx/emitter.ts';

/** The runtime that computes: another version may round differently. */
export const runtimeVersion = `onnxruntime ${env.versions.node ?? env.versions.common}`;

/** A value fed to or returned by a program: on the host, or left on the device it was computed on. */
export type Value = HostTensor | DeviceTensor;

/** A tensor that stays where the provider computed it; it can only be fed to another run. */
export class DeviceTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;

  constructor(readonly runtime: RuntimeTensor) {
    this.shape = runtime.dims;
    this.dtype = runtime.type as DType;
  }

  dispose(): void {
    this.runtime.dispose();
  }
}

export interface ProgramOptions {
  readonly provider?: Provider;
  /** Threads inside an operator; all cores by default. */
  readonly threads?: number;
  /** Outputs that are not copied to the host (only `webgpu` and `cuda` have such a place). */
  readonly keepOnDevice?: readonly string[];
  /** Prefix of a trace file of kernel times. */
  readonly profile?: string;
  /** Weight files that are larger than this together (bytes) are mapped by the runtime instead of copied into memory. */
  readonly mapWeightsOver?: number;
  /** Whether operators are fused (`fusions.ts`); the result is the same up to rounding. */
  readonly fuse?: boolean;
  /** Rewrites beside the fusions, such as `quantizeWeights`. */
  readonly rewrites?: readonly Rewrite[];
}

export class Program {
  readonly #session: InferenceSession;
  readonly #inputs: ReadonlyMap<string, Tensor>;
  readonly #outputs: readonly string[];
  readonly #profiled: boolean;

  private constructor(
    session: InferenceSession,
    inputs: ReadonlyMap<string, Tensor>,
    outputs: readonly string[],
    profiled: boolean,
    /** How often each rewrite was applied, by its name. */
    readonly rewritten: ReadonlyMap<string, number>,
  ) {
    this.#session = session;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#profiled = profiled;
  }

  /** Compiles the graph that computes the named outputs. Throws UserError where the provider or a weight file is amiss. */
  static async compile(
    plain: Readonly<Record<string, Tensor>>,
    options: ProgramOptions = {},
  ): Promise<Program> {
    const { provider = 'cpu', threads, keepOnDevice = [], profile, mapWeightsOver = 1_000_000_000 } = options;
    const { fuse = true, rewrites = [] } = options;
    const fused = fuse ? [mergeSiblingProducts(plain), ...fusions] : [];
    const { outputs, applied } = rewriteGraph(plain, [...rewrites, ...fused]);
    const inputs = new Map<string, Tensor>();
    for (const tensor of topologicalOrder(Object.values(outputs))) {
      if (!isMadeBy(tensor, 'input')) continue;
      const { name } = tensor.attributes as { name: string };
      if (inputs.has(name)) throw new TypeError(`program: two inputs are called "${name}"`);
      if (name in outputs) throw new TypeError(`program: "${name}" is the name of an input and of an output`);
      inputs.set(name, tensor);
    }
    const sessionOptions: InferenceSession.SessionOptions = {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      ...(provider !== 'cpu' && keepOnDevice.length > 0
        ? {
            preferredOutputLocation: Object.fromEntries(
              keepOnDevice.map((name) => [name, 'gpu-buffer' as const]),
            ),
          }
        : {}),
      ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
    };
    const mapped = checkWeightFiles(outputs) > mapWeightsOver;
    const { bytes, external } = mapped ? mapWeights(outputs, provider) : copyWeights(outputs, provider);
    try {
      const session = await InferenceSession.create(bytes, { ...sessionOptions, ...external });
      return new Program(session, inputs, Object.keys(outputs), profile !== undefined, applied);
    } catch (error) {
      if (provider === 'cpu' || !(error instanceof Error)) throw error;
      throw new UserError({
        message: `provider ${provider} cannot run here: ${error.message.split('\n')[0]}`,
        hint: 'use provider cpu, or see the README on GPU drivers',
      });
    }
  }

  get inputNames(): readonly string[] {
    return [...this.#inputs.keys()];
  }

  /** Runs once. Every input must be fed; values that the program has no input for are ignored. */
  async run(feeds: Readonly<Record<string, Value>>): Promise<Record<string, Value>> {
    const sizes = new Map<string, number>();
    const runtimeFeeds: Record<string, RuntimeTensor> = {};
    for (const [name, tensor] of this.#inputs) {
      const value = feeds[name];
      if (value === undefined)
        throw new TypeError(`program: input "${name}" ${formatShape(tensor.shape)} is not fed`);
      checkFeed(name, tensor, value, sizes);
      runtimeFeeds[name] =
        value instanceof DeviceTensor
          ? value.runtime
          : new RuntimeTensor(value.dtype, value.data, value.shape);
    }
    const results = await this.#session.run(runtimeFeeds, this.#outputs as string[]);
    return Object.fromEntries(
      this.#outputs.map((name) => [name, fromRuntime(results[name] as RuntimeTensor)]),
    );
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
    if (this.#profiled) this.#session.endProfiling();
    await this.#session.release();
  }
}

/** The float32 numbers of a host value. */
export function floats(value: Value | undefined): Float32Array {
  if (value === undefined || value instanceof DeviceTensor || value.dtype !== 'float32') {
    throw new TypeError('program: expected a float32 value on the host');
  }
  return value.data as Float32Array;
}

/** A model as bytes, and the session options by which the runtime finds its weights. */
interface LocatedModel {
  readonly bytes: Uint8Array;
  readonly external: InferenceSession.SessionOptions;
}

function copyWeights(outputs: Readonly<Record<string, Tensor>>, provider: Provider): LocatedModel {
  const { bytes, files } = writeOnnx(outputs, { provider });
  const externalData = [...files].map(([file, path]) => ({ path, data: weightBytes(file) }));
  return { bytes, external: externalData.length > 0 ? { externalData } : {} };
}

/**
 * The runtime opens files only below one folder, links followed: the folder that holds all weight files. Caches of
 * downloaded models are made of links, so the files' real places count.
 */
function mapWeights(outputs: Readonly<Record<string, Tensor>>, provider: Provider): LocatedModel {
  let folder: string | undefined;
  for (const { file } of storedRanges(outputs)) {
    const here = dirname(realpathSync(file));
    folder ??= here;
    while (!`${here}${sep}`.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)) {
      if (dirname(folder) === folder) throw new UserError('large weights must lie on one drive');
      folder = dirname(folder);
    }
  }
  const { bytes } = writeOnnx(outputs, {
    provider,
    locate: (file) => relative(folder ?? '', realpathSync(file)),
  });
  const session = { model_external_initializers_file_folder_path: folder };
  return { bytes, external: { extra: { session } } };
}

/** The ranges of files that a program's frozen numbers lie in. */
function storedRanges(outputs: Readonly<Record<string, Tensor>>): (ByteRange & { readonly name: string })[] {
  return topologicalOrder(Object.values(outputs)).flatMap((tensor) => {
    if (isMadeBy(tensor, 'weight')) return [{ ...tensor.attributes.source, name: tensor.attributes.name }];
    if (!isMadeBy(tensor, 'quantizedMatmul')) return [];
    const { name, numbers, scales } = tensor.attributes.matrix;
    return [numbers, ...(scales === undefined ? [] : [scales])].map((range) => ({ ...range, name }));
  });
}

/** The size of all weight files, bytes. Throws UserError for one that is missing or ends before a weight does. */
function checkWeightFiles(outputs: Readonly<Record<string, Tensor>>): number {
  const sizes = new Map<string, number>();
  for (const { file, name, offset, byteLength } of storedRanges(outputs)) {
    const size = sizes.get(file) ?? statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) throw new UserError({ file, field: name, message: 'no such weight file' });
    sizes.set(file, size);
    if (offset + byteLength > size) {
      const message = `truncated: the weight ends at byte ${offset + byteLength}, the file at byte ${size}`;
      throw new UserError({ file, field: name, message });
    }
  }
  return [...sizes.values()].reduce((total, size) => total + size, 0);
}

const cachedBytes = new Map<string, { readonly modified: number; readonly bytes: WeakRef<Uint8Array> }>();

function weightBytes(file: string): Uint8Array {
  const modified = statSync(file).mtimeMs;
  const cached = cachedBytes.get(file);
  const known = cached?.modified === modified ? cached.bytes.deref() : undefined;
  if (known !== undefined) return known;
  const bytes = readFileSync(file);
  cachedBytes.set(file, { modified, bytes: new WeakRef(bytes) });
  return bytes;
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

function fromRuntime(tensor: RuntimeTensor): Value {
  if (tensor.location !== 'cpu' && tensor.location !== 'none') return new DeviceTensor(tensor);
  return {
    dtype: tensor.type as DType,
    shape: tensor.dims as Shape as readonly number[],
    data: tensor.data as Float32Array,
  };
}

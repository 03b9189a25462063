// A program as a session of ONNX Runtime: the graph is written as ONNX, frozen weights are mapped or copied, and feeds and
// results are wrapped as the runtime wants them. What is fed has been checked by `program.ts`.
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { UserError } from '../../base/errors.ts';
import type { DType, HostTensor } from '../dtype.ts';
import { isMadeBy, type Tensor, topologicalOrder } from '../graph.ts';
import type { ByteRange } from '../primitives.ts';
import type { Session } from '../session.ts';
import type { Shape } from '../shape.ts';
import { DeviceTensor, type Value } from '../value.ts';
import type { Provider } from './emitter.ts';
import { writeOnnx } from './write.ts';

export interface OnnxSessionOptions {
  readonly provider: Provider;
  /** Threads inside an operator; all cores by default. */
  readonly threads?: number;
  /** Outputs that are not copied to the host, where the provider has another place. */
  readonly keepOnDevice: readonly string[];
  /** Prefix of a trace file of kernel times. */
  readonly profile?: string;
  /** Weight files that are larger than this together (bytes) are mapped by the runtime instead of copied into memory. */
  readonly mapWeightsOver: number;
}

/** @throws UserError where the provider or a weight file is amiss. */
export async function openOnnxSession(
  outputs: Readonly<Record<string, Tensor>>,
  options: OnnxSessionOptions,
): Promise<Session> {
  const { provider, threads, keepOnDevice, profile, mapWeightsOver } = options;
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
    return new OnnxSession(session, Object.keys(outputs), profile !== undefined);
  } catch (error) {
    if (provider === 'cpu' || !(error instanceof Error)) throw error;
    throw new UserError({
      message: `provider ${provider} cannot run here: ${error.message.split('\n')[0]}`,
      hint: 'use provider cpu, or see the README on GPU drivers',
    });
  }
}

class OnnxSession implements Session {
  constructor(
    private readonly session: InferenceSession,
    private readonly outputs: readonly string[],
    private readonly profiled: boolean,
  ) {}

  async run(feeds: ReadonlyMap<string, Value>): Promise<Record<string, Value>> {
    const runtimeFeeds = Object.fromEntries(
      [...feeds].map(([name, value]) => [name, toRuntime(name, value)]),
    );
    const results = await this.session.run(runtimeFeeds, this.outputs as string[]);
    return Object.fromEntries(
      this.outputs.map((name) => [name, fromRuntime(results[name] as RuntimeTensor)]),
    );
  }

  async dispose(): Promise<void> {
    if (this.profiled) this.session.endProfiling();
    await this.session.release();
  }
}

/** A tensor in the memory of the provider's device. */
class OnnxTensor extends DeviceTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;

  constructor(readonly runtime: RuntimeTensor) {
    super();
    this.shape = runtime.dims;
    this.dtype = runtime.type as DType;
  }

  async read(): Promise<HostTensor> {
    return { dtype: this.dtype, shape: this.shape, data: (await this.runtime.getData()) as Float32Array };
  }

  dispose(): void {
    this.runtime.dispose();
  }
}

function toRuntime(name: string, value: Value): RuntimeTensor {
  if (value instanceof OnnxTensor) return value.runtime;
  if (value instanceof DeviceTensor)
    throw new TypeError(`program: "${name}" lies on another runtime's device`);
  return new RuntimeTensor(value.dtype, value.data, value.shape);
}

function fromRuntime(tensor: RuntimeTensor): Value {
  if (tensor.location !== 'cpu' && tensor.location !== 'none') return new OnnxTensor(tensor);
  return {
    dtype: tensor.type as DType,
    shape: tensor.dims as Shape as readonly number[],
    data: tensor.data as Float32Array,
  };
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

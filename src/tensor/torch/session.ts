// A program on PyTorch: its graph is sent once, each run is one message and its answer. What a program is told to keep
// stays on the device as a `TorchTensor`.
import type { DType, HostTensor } from '../dtype.ts';
import type { Tensor } from '../graph.ts';
import type { Session } from '../session.ts';
import { DeviceTensor, type Value } from '../value.ts';
import type { Frame } from './frames.ts';
import { describeGraph } from './graph.ts';
import { type TorchOptions, TorchProcess } from './process.ts';

export interface TorchSessionOptions {
  readonly torch: TorchOptions;
  /** Outputs that stay on the device. */
  readonly keepOnDevice: readonly string[];
}

/** @throws UserError when PyTorch cannot run here, or the graph has what it does not compute. */
export async function openTorchSession(
  outputs: Readonly<Record<string, Tensor>>,
  { torch, keepOnDevice }: TorchSessionOptions,
): Promise<Session> {
  const { graph, constants } = describeGraph(outputs);
  const process = await TorchProcess.acquire(torch);
  try {
    const { header } = await process.request(
      { do: 'compile', graph, constants: constants.map(({ dtype, shape }) => ({ dtype, shape })) },
      constants.map(bytesOf),
    );
    return new TorchSession(process, header.program as number, keepOnDevice);
  } catch (error) {
    process.release();
    throw error;
  }
}

class TorchSession implements Session {
  constructor(
    private readonly process: TorchProcess,
    private readonly program: number,
    private readonly keep: readonly string[],
  ) {}

  async run(feeds: ReadonlyMap<string, Value>): Promise<Record<string, Value>> {
    const buffers: Uint8Array[] = [];
    const described = [...feeds].map(([name, value]) => {
      if (value instanceof TorchTensor) return { name, handle: value.handleFor(this.process) };
      if (value instanceof DeviceTensor)
        throw new TypeError(`program: "${name}" lies on another runtime's device`);
      buffers.push(bytesOf(value));
      return { name, dtype: value.dtype, shape: value.shape };
    });
    const answer = await this.process.request(
      { do: 'run', program: this.program, feeds: described, keep: this.keep },
      buffers,
    );
    return this.#valuesOf(answer);
  }

  async dispose(): Promise<void> {
    await this.process.request({ do: 'dispose', program: this.program });
    this.process.release();
  }

  #valuesOf({ header, buffers }: Frame): Record<string, Value> {
    const rest = buffers.values();
    const outputs = header.outputs as readonly Described[];
    return Object.fromEntries(
      outputs.map(({ name, dtype, shape, handle }): [string, Value] => [
        name,
        handle === undefined
          ? hostTensor(dtype, shape, rest.next().value as Uint8Array)
          : new TorchTensor(this.process, handle, dtype, shape),
      ]),
    );
  }
}

interface Described {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** What a kept tensor is known by. */
  readonly handle?: number;
}

class TorchTensor extends DeviceTensor {
  constructor(
    private readonly process: TorchProcess,
    private readonly handle: number,
    readonly dtype: DType,
    readonly shape: readonly number[],
  ) {
    super();
  }

  handleFor(process: TorchProcess): number {
    if (process !== this.process) throw new TypeError('program: a tensor of another PyTorch process is fed');
    return this.handle;
  }

  async read(): Promise<HostTensor> {
    const { buffers } = await this.process.request({ do: 'read', handle: this.handle });
    return hostTensor(this.dtype, this.shape, buffers[0] as Uint8Array);
  }

  dispose(): void {
    this.process.free(this.handle);
  }
}

function bytesOf({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** `bytes` is a buffer of its own. */
function hostTensor(dtype: DType, shape: readonly number[], bytes: Uint8Array): HostTensor {
  const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;
  const data = new arrays[dtype](bytes.buffer as ArrayBuffer);
  return { dtype, shape, data };
}

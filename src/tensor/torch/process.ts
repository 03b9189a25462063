// The Python process that runs programs on PyTorch: started when the first program is compiled, shared by all programs of
// one thread that want the same device and precision, ended with the last. It knows no graphs; that is `session.ts`.
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { packageFolder } from '../../base/package.ts';
import { encodeFrame, type Frame, FrameReader } from './frames.ts';

export const torchDevices = ['auto', 'cuda', 'mps', 'cpu'] as const;
export type TorchDevice = (typeof torchDevices)[number];
export const precisions = ['float32', 'bfloat16'] as const;
export type Precision = (typeof precisions)[number];

export interface TorchOptions {
  /** `auto`: a GPU where PyTorch sees one, else the processor. */
  readonly device: TorchDevice;
  readonly precision: Precision;
  /** The Python that has PyTorch; by default that of COIN_PYTHON, else `python3`. */
  readonly python?: string;
  /** Threads of one operator on the processor; by default as many as there are cores. */
  readonly threads?: number;
}

/** What the process said of itself. */
export interface TorchVersion {
  readonly torch: string;
  /** As PyTorch names it. */
  readonly device: string;
  /** The GPU's name, or `cpu`. */
  readonly name: string;
}

interface Waiting {
  resolve(frame: Frame): void;
  reject(error: Error): void;
}

/** Lines of standard error that an error quotes. */
const QUOTED_LINES = 5;
const install =
  'PyTorch 2.4 or newer and numpy are needed: pip install torch numpy; another Python is named by --python or COIN_PYTHON';

const shared = new Map<string, { users: number; readonly process: Promise<TorchProcess> }>();

export class TorchProcess {
  readonly #child: ChildProcess;
  readonly #python: string;
  readonly #waiting: Waiting[] = [];
  /** Handles of tensors that are needed no more; said with the next message. */
  #spent: number[] = [];
  readonly #reader = new FrameReader();
  #stderr = '';
  #ended: Error | undefined;
  #version: TorchVersion | undefined;

  private constructor(python: string) {
    this.#python = python;
    this.#child = spawn(python, ['-u', resolve(packageFolder, 'python')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    this.#child.stdout?.on('data', (part: Buffer) => this.#received(part));
    this.#child.stderr?.on('data', (part: Buffer) => {
      this.#stderr = `${this.#stderr}${part}`.slice(-4000);
    });
    // A pipe that breaks shows as the end of the process.
    this.#child.stdin?.on('error', () => {});
    this.#child.on('error', (error: NodeJS.ErrnoException) =>
      this.#end(
        new UserError({
          message: `Python cannot be started as "${python}": ${error.code ?? error.message}`,
          hint: install,
        }),
      ),
    );
    this.#child.on('close', (code, signal) => this.#end(this.#deathOf(code, signal)));
    this.#keepAlive(false);
  }

  /**
   * The process for these options, started if there is none in this thread. Whoever has acquired it releases it.
   * @throws UserError when Python or PyTorch is missing or too old, or there is no such device.
   */
  static acquire(options: TorchOptions): Promise<TorchProcess> {
    const key = JSON.stringify([options.python, options.device, options.precision, options.threads]);
    const known = shared.get(key) ?? { users: 0, process: TorchProcess.#start(options) };
    known.users++;
    shared.set(key, known);
    // A failed start is tried again by the next who asks.
    known.process.catch(() => shared.delete(key));
    return known.process;
  }

  static async #start({ python, ...options }: TorchOptions): Promise<TorchProcess> {
    const started = new TorchProcess(python ?? process.env.COIN_PYTHON ?? 'python3');
    const { header } = await started.request(options);
    started.#version = header as unknown as TorchVersion;
    return started;
  }

  get version(): TorchVersion {
    if (this.#version === undefined) throw new Error('internal: the process has not greeted');
    return this.#version;
  }

  /** Sends a message and returns its answer; answers come in the order of the messages. */
  request(header: Readonly<Record<string, unknown>>, buffers: readonly Uint8Array[] = []): Promise<Frame> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) this.#keepAlive(true);
      this.#waiting.push({ resolve, reject });
      const free = this.#spent;
      this.#spent = [];
      for (const part of encodeFrame({ ...header, free }, buffers)) this.#child.stdin?.write(part);
    });
  }

  /** A tensor on the device that is needed no more. */
  free(handle: number): void {
    this.#spent.push(handle);
  }

  /** One user less; the last one's release ends the process when it has answered what was asked. */
  release(): void {
    for (const [key, known] of shared) {
      void known.process.then((process) => {
        if (process !== this || --known.users > 0) return;
        shared.delete(key);
        this.#child.stdin?.end();
      });
    }
  }

  #received(part: Uint8Array): void {
    for (const frame of this.#reader.push(part)) {
      const waiting = this.#waiting.shift();
      if (this.#waiting.length === 0) this.#keepAlive(false);
      const { error, kind } = frame.header;
      if (typeof error === 'string') waiting?.reject(this.#failureOf(error, String(kind)));
      else waiting?.resolve(frame);
    }
  }

  #failureOf(message: string, kind: string): Error {
    switch (kind) {
      case 'missing':
        return new UserError({ message: `${this.#python} cannot run PyTorch: ${message}`, hint: install });
      case 'device':
        return new UserError({ message, hint: `devices: ${torchDevices.join(', ')}` });
      case 'memory':
        return new UserError({
          message: `the device's memory is full: ${message}`,
          hint: 'smaller batches (training.batchSize, evaluation.slots), or training.recompute',
        });
      default:
        return new Error(`PyTorch: ${message}`);
    }
  }

  #deathOf(code: number | null, signal: string | null): Error {
    const last = this.#stderr.trim().split('\n').slice(-QUOTED_LINES).join('\n');
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    const message = `the Python process ended ${how}${last === '' ? '' : `:\n${last}`}`;
    return new UserError({ message, hint: 'what was finished is kept; the same command goes on' });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }

  /** A process that nobody waits for does not keep Node alive; it ends when its input does. */
  #keepAlive(isNeeded: boolean): void {
    const handles = [this.#child, this.#child.stdin, this.#child.stdout, this.#child.stderr] as unknown[];
    for (const handle of handles as { ref?(): void; unref?(): void }[]) {
      if (isNeeded) handle.ref?.();
      else handle.unref?.();
    }
  }
}

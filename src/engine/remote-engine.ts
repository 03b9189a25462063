// An engine in a thread of its own, so that several work side by side: two of one thread each do more on two cores than
// one whose operators share both. The bytes are the same.
import { Worker } from 'node:worker_threads';
import type { FeatureCounts } from '../models/image-encoder.ts';
import type {
  EvaluateProgress,
  EvaluateRequest,
  RunEngine,
  TrainProgress,
  TrainRequest,
} from './contract.ts';
import { type FromThread, fromPlainError, type ThreadData, type ToThread } from './engine-messages.ts';
import type { EvaluateMeasurements, TrainMeasurements } from './measurements.ts';

export interface RemoteEngineOptions extends ThreadData {
  /** Told when the engine is closed where the features of its images came from. */
  readonly onClose?: (features: FeatureCounts) => void;
}

/** The thread opens its engine with the first request, whose promise tells what is wrong with it. */
export function openRemoteEngine({ onClose, ...data }: RemoteEngineOptions): RunEngine {
  return new RemoteEngine(data, onClose);
}

interface Pending {
  readonly resolve: (message: FromThread) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: (progress: TrainProgress & EvaluateProgress) => void;
}

class RemoteEngine implements RunEngine {
  readonly #worker: Worker;
  readonly #onClose: RemoteEngineOptions['onClose'];
  #pending: Pending | undefined;
  #dead: Error | undefined;

  constructor(data: ThreadData, onClose: RemoteEngineOptions['onClose']) {
    this.#onClose = onClose;
    this.#worker = new Worker(new URL('./engine-thread.js', import.meta.url), { workerData: data });
    this.#worker.on('message', (message: FromThread) => this.#receive(message));
    this.#worker.on('error', (error: Error) => this.#die(error));
    this.#worker.on('exit', (code) =>
      this.#die(new Error(`internal: an engine's thread ended with ${code}`)),
    );
  }

  async trainStage(request: TrainRequest): Promise<TrainMeasurements> {
    // The thread reads its samples itself.
    const { signal, onProgress, samplesOf: _, config: __, ...plain } = request;
    return (await this.#ask({ kind: 'train', request: plain }, signal, onProgress)) as TrainMeasurements;
  }

  async evaluate(request: EvaluateRequest): Promise<EvaluateMeasurements> {
    const { signal, onProgress, config: _, ...plain } = request;
    return (await this.#ask(
      { kind: 'evaluate', request: plain },
      signal,
      onProgress,
    )) as EvaluateMeasurements;
  }

  async close(): Promise<void> {
    if (this.#dead !== undefined) return;
    const closed = await this.#send({ kind: 'close' }, () => {});
    if (closed.kind === 'closed' && closed.features !== undefined) this.#onClose?.(closed.features);
    await this.#worker.terminate();
  }

  async #ask(
    message: ToThread,
    signal: AbortSignal,
    onProgress: Pending['onProgress'],
  ): Promise<TrainMeasurements | EvaluateMeasurements> {
    signal.throwIfAborted();
    const abort = () => this.#post({ kind: 'abort' });
    signal.addEventListener('abort', abort);
    try {
      const answer = await this.#send(message, onProgress);
      if (answer.kind === 'done') return answer.measured;
      throw new Error(`internal: an engine's thread said ${answer.kind}`);
    } catch (error) {
      // What was thrown because it was asked for is the signal's reason, as without a thread.
      if (signal.aborted && error instanceof Error && error.name === 'AbortError') throw signal.reason;
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #send(message: ToThread, onProgress: Pending['onProgress']): Promise<FromThread> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    if (this.#pending !== undefined) throw new Error('internal: an engine does one thing at a time');
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject, onProgress };
      this.#post(message);
    });
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromThread): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    if (message.kind === 'progress') {
      pending.onProgress(message.progress as TrainProgress & EvaluateProgress);
      return;
    }
    this.#pending = undefined;
    if (message.kind === 'failed') pending.reject(fromPlainError(message.error));
    else pending.resolve(message);
  }

  #die(error: Error): void {
    this.#dead ??= error;
    this.#pending?.reject(this.#dead);
    this.#pending = undefined;
  }
}

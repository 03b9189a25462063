// How the driver talks to a worker: a line of JSON in, a line of JSON out. Our worker and the peer's speak the same, so
// that either can be measured while the other waits, warm and idle.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UserError } from '../src/base/errors.ts';

/** Something that is measured round by round. */
export interface Line {
  readonly name: string;
  readonly kind: 'train' | 'evaluate' | 'encode' | 'peak';
  /** What the side needs to know of it: method, precision, batches, … */
  readonly options?: Readonly<Record<string, unknown>>;
}

export type Request =
  | { readonly command: 'prepare'; readonly workload: string; readonly lines: readonly Line[] }
  | { readonly command: 'round'; readonly line: string; readonly repeat: number }
  | { readonly command: 'peak-memory' }
  | { readonly command: 'quit' };

export interface Prepared {
  /** Seconds until every line could run. */
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly threads: number;
}

/** What a round did, over all its repetitions. */
export interface Round {
  readonly seconds: number;
  /** Samples trained on, questions answered or images encoded. */
  readonly samples: number;
  /** Tokens of those, without padding; answers included. */
  readonly tokens: number;
  /** Operations of matrix products; only our side counts. */
  readonly flops?: number;
  /** Of the last repetition: the mean loss of its batches. */
  readonly loss?: number;
  /** Of the last repetition: token ids per question, without the end token. */
  readonly answers?: readonly (readonly number[])[];
}

export interface PeakMemory {
  /** Largest resident set of the process so far. */
  readonly bytes: number;
}

/** A worker process. Requests are answered in order. */
export class Worker {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #command: string;
  #failure: string | undefined;

  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    this.#process = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    });
    if (this.#process.stdout === null) throw new Error('internal: no pipe');
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    this.#command = command;
    this.#process.on('error', (error) => {
      this.#failure = error.message;
    });
    // A process that is gone says so by the end of its output.
    this.#process.stdin?.on('error', () => {});
  }

  prepare(workload: string, lines: readonly Line[]): Promise<Prepared> {
    return this.#ask({ command: 'prepare', workload, lines });
  }

  round(line: string, repeat = 1): Promise<Round> {
    return this.#ask({ command: 'round', line, repeat });
  }

  async peakMemory(): Promise<number> {
    return (await this.#ask<PeakMemory>({ command: 'peak-memory' })).bytes;
  }

  async quit(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    const { exitCode, signalCode, pid } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    this.#process.stdin?.end(`${JSON.stringify({ command: 'quit' } satisfies Request)}\n`);
    await ended;
  }

  async #ask<T>(request: Request): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) {
      const { exitCode, signalCode } = this.#process;
      const reason = this.#failure ?? `ended with ${signalCode ?? exitCode ?? 'no status'}`;
      throw new UserError({
        message: `${this.#command}: ${reason}, while it was asked for: ${request.command}`,
        hint: signalCode === 'SIGKILL' ? 'out of memory? measure fewer shapes or lines' : undefined,
      });
    }
    const reply = JSON.parse(value) as T & { readonly error?: string };
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }
}

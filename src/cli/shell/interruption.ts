// Ctrl-C and SIGTERM during a long command: the first asks it to stop after the batch, the second ends the process.
import { UserError } from '../../base/errors.ts';
import { RunInterrupted } from '../../runs/interrupted.ts';

/** The same key press can arrive twice, from the terminal and through npm. */
const samePressMs = 400;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Signals do again what they do by default. */
  stop(): void;
}

/** Listens until `stop`; `onFirst` is told when the run is asked to stop. */
export function listenForInterruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      controller.abort();
      onFirst();
    } else if (now - firstAt > samePressMs) {
      process.exit(130);
    }
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    stop: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

/** What is said when a command is asked to stop, and when it has. */
export interface StoppingWords {
  readonly stopping: string;
  readonly stopped: string;
}

/**
 * Calls `body` with a signal that the first Ctrl-C aborts.
 * @throws RunInterrupted when it stopped because it was asked to.
 */
export async function interruptible<Result>(
  { stopping, stopped }: StoppingWords,
  body: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const interruption = listenForInterruption(() => say(stopping));
  try {
    return await body(interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted || error instanceof UserError) throw error;
    say(stopped);
    throw new RunInterrupted(0);
  } finally {
    interruption.stop();
  }
}

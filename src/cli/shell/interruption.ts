// Ctrl-C and SIGTERM during a run: the first asks it to stop after the batch, the second ends the process.

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

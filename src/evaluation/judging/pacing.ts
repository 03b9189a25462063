// When to ask again: back-off with jitter, what an endpoint says of its limits, and a gate at which all requests wait.
// Random numbers come from the counter-based generator, so the same failures give the same waits.
import { setTimeout as sleep } from 'node:timers/promises';
import { RandomStream } from '../../tensor/random.ts';

/** No wait is longer, whatever an endpoint asks for: a header must not stop a judging for a day. */
const longestWaitMs = 300_000;

/** `base · 2^attempt`, at most 60 times the base, of which between half and all is waited. */
export function backOffMs(baseMs: number, attempt: number, key: string): number {
  const whole = Math.min(60, 2 ** attempt) * baseMs;
  return whole * (0.5 + 0.5 * new RandomStream(0, `back-off of ${key}`, attempt).uniform());
}

/** What the headers of an answer ask to wait for, in milliseconds; 0 for nothing. */
export function askedWaitMs(headers: Headers, status: number, now = Date.now()): number {
  const waits = [status === 429 || status === 503 ? retryAfterMs(headers.get('retry-after'), now) : 0];
  for (const what of ['requests', 'tokens']) {
    const remaining = headers.get(`x-ratelimit-remaining-${what}`);
    if (remaining !== null && Number(remaining) <= 0) {
      waits.push(durationMs(headers.get(`x-ratelimit-reset-${what}`)));
    }
  }
  return Math.min(longestWaitMs, Math.max(...waits));
}

/** Seconds, or a date. */
function retryAfterMs(value: string | null, now: number): number {
  if (value === null) return 0;
  if (/^\d+(\.\d+)?$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

/** `1s`, `6m0s`, `20ms`, `1h2m3.5s`, or plain seconds. */
function durationMs(value: string | null): number {
  if (value === null) return 0;
  if (/^\d+(\.\d+)?$/.test(value.trim())) return Number(value) * 1000;
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0);
}

/** All requests to one endpoint wait here together. */
export class Gate {
  #openAt = 0;

  holdFor(ms: number): void {
    this.#openAt = Math.max(this.#openAt, Date.now() + ms);
  }

  async pass(signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.#openAt - Date.now();
      if (left <= 0) return;
      await pause(left, signal);
    }
  }
}

/** Waits; rejects with the signal's reason when it aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

// What endpoints say of their limits, and how long is waited.
import { expect, it } from 'vitest';
import { askedWaitMs, backOffMs, Gate, pause } from './pacing.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

it.each<[Record<string, string>, number, number]>([
  [{ 'retry-after': '2' }, 429, 2000],
  [{ 'retry-after': '1.5' }, 503, 1500],
  [{ 'retry-after': '2' }, 500, 0],
  [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:10 GMT' }, 429, 10_000],
  [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:10 GMT' }, 429, 0],
  [{ 'retry-after': 'soon' }, 429, 0],
  [{ 'retry-after': '86400' }, 429, 300_000],
  [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m2.5s' }, 200, 62_500],
  [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '20ms' }, 200, 20],
  [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '7' }, 200, 7000],
  [{ 'x-ratelimit-remaining-requests': '5', 'x-ratelimit-reset-requests': '1m' }, 200, 0],
  [{}, 429, 0],
])('%j with %i: %i ms', (headers, status, wait) => {
  expect(askedWaitMs(new Headers(headers), status, now)).toBe(wait);
});

it('backs off twice as long each time, with a jitter that is the same again', () => {
  for (const attempt of [0, 1, 2, 3, 10]) {
    const whole = Math.min(60, 2 ** attempt) * 1000;
    const wait = backOffMs(1000, attempt, 'key');
    expect(wait).toBeGreaterThanOrEqual(whole / 2);
    expect(wait).toBeLessThanOrEqual(whole);
    expect(backOffMs(1000, attempt, 'key')).toBe(wait);
  }
  expect(backOffMs(1000, 0, 'key')).not.toBe(backOffMs(1000, 0, 'another'));
});

it('a gate holds everybody, and lets go who is asked to stop', async () => {
  const gate = new Gate();
  const started = performance.now();
  gate.holdFor(50);
  gate.holdFor(10);
  await Promise.all([gate.pass(new AbortController().signal), gate.pass(new AbortController().signal)]);
  expect(performance.now() - started).toBeGreaterThanOrEqual(45);
  gate.holdFor(60_000);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('stop')), 5);
  await expect(gate.pass(controller.signal)).rejects.toThrow('stop');
  await expect(pause(60_000, AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
});

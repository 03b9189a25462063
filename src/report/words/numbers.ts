// How figures are written: percent, points, counts and durations. A value that is not there is a dash, never a zero.
import { formatPercent } from '../../metrics/summary.ts';

export const minus = '\u2212';
export const absent = '\u2013';

/** Percent with two decimals, as the metrics print it. */
export function formatScore(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return absent;
  return unsigned(formatPercent(value));
}

/** Percent with one decimal, for sentences and cells of a heat map. */
export function formatShort(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return absent;
  return unsigned(value.toFixed(1));
}

/** Points of change with their sign; a change that rounds to nothing has none. */
export function formatChange(value: number | undefined, decimals: 1 | 2 = 2): string {
  if (value === undefined || !Number.isFinite(value)) return absent;
  const text = decimals === 1 ? formatShort(value) : formatScore(value);
  const isZero = Number(text.replace(minus, '-')) === 0;
  return value > 0 && !isZero ? `+${text}` : text;
}

/** Every draw of the images gave the same figure, which says nothing of other images. */
export const noVariation = '[no variation]';

interface Ends {
  readonly low: number;
  readonly high: number;
}

/** `[27.40, 33.12]`; empty where there is none. */
export function formatInterval(interval: Ends | undefined): string {
  if (interval === undefined) return '';
  const { low, high } = interval;
  return low === high ? noVariation : `[${formatScore(low)}, ${formatScore(high)}]`;
}

/** `[−3.00, +1.75]`: of changes and differences. */
export function formatChangeInterval({ low, high }: Ends): string {
  return low === high ? noVariation : `[${formatChange(low)}, ${formatChange(high)}]`;
}

/** A count with thousands separators. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return absent;
  return Math.round(value).toLocaleString('en-US');
}

/** Seconds as people say them: `4.2 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return absent;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** A true minus sign, and no sign on a value that rounds to zero. */
function unsigned(text: string): string {
  if (!text.startsWith('-')) return text;
  return Number(text) === 0 ? text.slice(1) : minus + text.slice(1);
}

/** Bytes with three figures: 13.5 GB, 42.0 MB; what would round to 1000 is one of the next unit. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const;
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes * 1.0005) / 3));
  const value = bytes / 1000 ** power;
  const digits = power === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[power]}`;
}

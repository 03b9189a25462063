// How many engines work side by side on a run, and with how many threads each. Small models are trained fastest by
// engines of one thread: their products are too small to be shared among cores (docs/performance.md).
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { RunConfig } from '../config/schema.ts';

export interface Jobs {
  readonly jobs: number;
  /** Threads of one operator; undefined where one engine has the whole machine. */
  readonly threads?: number;
}

interface Machine {
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
}

/** Bytes of weights up to which a model counts as small. */
const SMALL = 256e6;
/** Bytes that one engine of a small model takes at most, measured on nano, and room for larger ones. */
const ENGINE = 4e9;

/**
 * As many jobs as were asked for; by default as many as there is use, cores and memory for where the model is small and on
 * the CPU, else one.
 */
export function jobsOf(
  config: Pick<RunConfig, 'provider' | 'methods'>,
  modelFolder: string,
  asked?: number,
  { cores, memory }: Machine = { cores: availableParallelism(), memory: totalmem() },
): Jobs {
  const small = config.provider === 'cpu' && weightBytes(modelFolder) <= SMALL;
  // A stage is evaluated while the next one trains, so even one method keeps two engines busy.
  const useful = Math.min(cores, config.methods.length + 1, Math.floor(memory / ENGINE));
  const jobs = asked ?? (small ? Math.max(1, useful) : 1);
  return jobs === 1 ? { jobs } : { jobs, threads: Math.max(1, Math.floor(cores / jobs)) };
}

function weightBytes(folder: string): number {
  const files = readdirSync(folder).filter((name) => /\.(?:safetensors|bin)$/.test(name));
  // A composed model has its weights elsewhere; nothing small is composed.
  if (files.length === 0) return Number.POSITIVE_INFINITY;
  return files.reduce((total, name) => total + statSync(join(folder, name)).size, 0);
}

// Measures one shape: both sides warm, round by round, in an order drawn anew each round. Nothing runs beside what is timed.
import { RandomStream } from '../src/tensor/random.ts';
import { type Calibration, calibrate, candidateLines, type PeerLines } from './peer-lines.ts';
import type { Line, Prepared, Round, Worker } from './protocol.ts';

export type Side = 'ours' | 'peer';

export interface ShapeMeasurements {
  readonly rounds: Readonly<Record<Side, ReadonlyMap<string, readonly Round[]>>>;
  /** The machine's rate, FLOP/s, taken right before each of our rounds, by line. */
  readonly peaks: ReadonlyMap<string, readonly number[]>;
  readonly prepared: Partial<Record<Side, Prepared>>;
  /** Of the first pass over the same batches with the same weights, in float32. */
  readonly losses: { readonly ours: number; readonly peer?: number };
  readonly peerLines?: PeerLines;
  /** Peak resident set of a process that does nothing but train one line, bytes. */
  readonly memory: Readonly<Record<string, number>>;
}

export interface MeasureOptions {
  readonly workload: string;
  readonly ourLines: readonly Line[];
  readonly rounds: number;
  /** A round repeats its work for about this long. */
  readonly seconds: number;
  readonly seed: number;
  readonly memory: boolean;
  readonly start: Readonly<Partial<Record<Side, () => Worker>>> & { readonly ours: () => Worker };
  readonly say: (text: string) => void;
}

/** The lines that every measurement of ours needs beside those of the methods. */
export const PEAK = 'peak';
export const ENCODE = 'encode images';

interface Job {
  readonly side: Side;
  readonly name: string;
  readonly repeat: number;
}

export async function measureShape(options: MeasureOptions): Promise<ShapeMeasurements> {
  const { workload, start, say, seconds } = options;
  const ourLines: readonly Line[] = [
    ...options.ourLines,
    { name: ENCODE, kind: 'encode' },
    { name: PEAK, kind: 'peak' },
  ];
  const workers: Partial<Record<Side, Worker>> & { readonly ours: Worker } = { ours: start.ours() };
  try {
    say('our side prepares');
    const prepared: Partial<Record<Side, Prepared>> = {
      ours: await workers.ours.prepare(workload, ourLines),
    };
    const jobs: Job[] = [];
    const repeatFor = (one: number) => Math.max(1, Math.round(seconds / one));
    const firstLosses: number[] = [];
    for (const { name, kind } of ourLines) {
      const first = await workers.ours.round(name);
      const warm = first.seconds < seconds ? await workers.ours.round(name) : first;
      if (kind === 'train') firstLosses.push(first.loss ?? Number.NaN);
      if (kind !== 'peak') jobs.push({ side: 'ours', name, repeat: repeatFor(warm.seconds) });
    }
    let calibration: Calibration | undefined;
    if (start.peer !== undefined) {
      workers.peer = start.peer();
      say('the peer prepares, and finds its fastest way');
      calibration = await calibrate(workers.peer, workload);
      prepared.peer = calibration.prepared;
      for (const name of new Set(Object.values(calibration.lines) as string[])) {
        jobs.push({ side: 'peer', name, repeat: repeatFor(calibration.seconds.get(name) as number) });
      }
    }
    const { rounds, peaks } = await runRounds(jobs, workers, options);
    for (const worker of Object.values(workers)) await worker.quit();
    return {
      rounds,
      peaks,
      prepared,
      losses: { ours: firstLosses[0] ?? Number.NaN, ...(calibration && { peer: calibration.loss }) },
      ...(calibration && { peerLines: calibration.lines }),
      memory: options.memory ? await measureMemory(options, calibration?.lines) : {},
    };
  } finally {
    for (const worker of Object.values(workers)) await worker.quit();
  }
}

async function runRounds(
  jobs: readonly Job[],
  workers: Readonly<Partial<Record<Side, Worker>>>,
  { rounds: count, seed, say, ourLines }: MeasureOptions,
): Promise<Pick<ShapeMeasurements, 'rounds' | 'peaks'>> {
  const rounds = { ours: new Map<string, Round[]>(), peer: new Map<string, Round[]>() };
  const peaks = new Map<string, number[]>();
  const push = <T>(map: Map<string, T[]>, name: string, value: T) =>
    map.set(name, [...(map.get(name) ?? []), value]);
  const counted = new Set(ourLines.map(({ name }) => name));
  for (const { side, name } of jobs) rounds[side].set(name, []);
  for (let round = 0; round < count; round++) {
    say(`round ${round + 1} of ${count}`);
    for (const { side, name, repeat } of new RandomStream(seed, 'order of lines', round).shuffle(jobs)) {
      const worker = workers[side] as Worker;
      if (side === 'ours' && counted.has(name)) {
        const peak = await worker.round(PEAK);
        push(peaks, name, (peak.flops ?? 0) / peak.seconds);
      }
      push(rounds[side], name, await worker.round(name, repeat));
    }
  }
  return { rounds, peaks };
}

/** A fresh process per line: a process that did other things before would show their peak. */
async function measureMemory(
  { workload, ourLines, start, say }: MeasureOptions,
  peerLines: PeerLines | undefined,
): Promise<Record<string, number>> {
  say('peak memory, a process per line');
  const memory: Record<string, number> = {};
  const measure = async (worker: Worker, label: string, line: Line) => {
    try {
      await worker.prepare(workload, [line]);
      await worker.round(line.name);
      memory[label] = await worker.peakMemory();
    } finally {
      await worker.quit();
    }
  };
  for (const line of ourLines) {
    if (line.kind === 'train' && line.options?.engines === undefined)
      await measure(start.ours(), `ours: ${line.name}`, line);
  }
  const wanted = [peerLines?.trainFloat, peerLines?.trainBfloat];
  for (const line of candidateLines()) {
    if (start.peer !== undefined && wanted.includes(line.name)) {
      await measure(start.peer(), `peer: ${line.name}`, line);
    }
  }
  return memory;
}

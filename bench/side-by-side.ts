// A line's work done by several engines of one thread each, side by side, as `coin run` does it for small models: questions
// are shared out, trainings are as many as there are engines.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Job } from './ours.ts';
import type { Line, Round } from './protocol.ts';
import type { Workload } from './workload.ts';

export interface LaneData {
  readonly line: Line;
  readonly workload: Workload;
}

export interface LaneReply {
  readonly round?: Round;
  readonly error?: string;
}

export async function sideBySide(line: Line, workload: Workload, engines: number): Promise<Job> {
  const lanes = Array.from({ length: engines }, (_, lane) => {
    const own: Workload =
      line.kind === 'evaluate'
        ? { ...workload, test: workload.test.filter((_, index) => index % engines === lane) }
        : workload;
    const data: LaneData = { line, workload: own };
    const worker = new Worker(new URL('./lane.js', import.meta.url), { workerData: data });
    // An idle lane keeps nobody waiting.
    worker.unref();
    return worker;
  });
  const ask = async (worker: Worker): Promise<Round | undefined> => {
    worker.postMessage('next');
    const [{ round, error }] = (await once(worker, 'message')) as [LaneReply];
    if (error !== undefined) throw new Error(error);
    return round;
  };
  await Promise.all(lanes.map(ask));
  return async () => {
    const started = performance.now();
    const rounds = (await Promise.all(lanes.map(ask))).flatMap((round) => round ?? []);
    const seconds = (performance.now() - started) / 1000;
    const total = (of: (round: Round) => number) => rounds.reduce((sum, round) => sum + of(round), 0);
    const losses = rounds.flatMap(({ loss }) => loss ?? []);
    return {
      seconds,
      samples: total(({ samples }) => samples),
      tokens: total(({ tokens }) => tokens),
      flops: total(({ flops = 0 }) => flops),
      ...(losses.length > 0 ? { loss: losses.reduce((a, b) => a + b, 0) / losses.length } : {}),
      ...(line.kind === 'evaluate' ? { answers: interleaved(rounds) } : {}),
    };
  };
}

/** Answers in the order of the questions: the first of each lane, then the second, … */
function interleaved(rounds: readonly Round[]): readonly (readonly number[])[] {
  const [first] = rounds;
  return (first?.answers ?? []).flatMap((_, i) =>
    rounds.flatMap(({ answers }) => answers?.slice(i, i + 1) ?? []),
  );
}

// Our worker process: reads requests as lines of JSON, answers each with a line of JSON. See protocol.ts.

import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { versionIn } from '../src/base/package.ts';
import { installMeter } from './meter.ts';
import { type Job, prepareLine } from './ours.ts';
import type { PeakMemory, Prepared, Request, Round } from './protocol.ts';
import { readWorkload } from './workload.ts';

const meter = installMeter();
const jobs = new Map<string, Job>();

for await (const text of createInterface({ input: process.stdin })) {
  const request = JSON.parse(text) as Request;
  if (request.command === 'quit') break;
  try {
    process.stdout.write(`${JSON.stringify(await answer(request))}\n`);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(`${JSON.stringify({ error: message })}\n`);
  }
}
process.exit(0);

async function answer(
  request: Exclude<Request, { command: 'quit' }>,
): Promise<Prepared | Round | PeakMemory> {
  switch (request.command) {
    case 'prepare': {
      const started = performance.now();
      const workload = readWorkload(request.workload);
      for (const line of request.lines) jobs.set(line.name, await prepareLine(line, workload));
      const runtime = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
      return {
        seconds: (performance.now() - started) / 1000,
        versions: { node: process.versions.node, onnxruntime: versionIn(runtime) },
        threads: availableParallelism(),
      };
    }
    case 'round': {
      const job = jobs.get(request.line);
      if (job === undefined) throw new Error(`no line "${request.line}" was prepared`);
      return repeat(job, request.repeat);
    }
    case 'peak-memory':
      return { bytes: process.resourceUsage().maxRSS * 1024 };
  }
}

/** A job some times over; seconds, samples, tokens and operations add up. */
async function repeat(job: Job, times: number): Promise<Round> {
  const before = meter.flops;
  let total: Round = { seconds: 0, samples: 0, tokens: 0 };
  for (let i = 0; i < times; i++) {
    const round = await job();
    total = {
      ...round,
      seconds: total.seconds + round.seconds,
      samples: total.samples + round.samples,
      tokens: total.tokens + round.tokens,
      ...(round.flops === undefined ? {} : { flops: (total.flops ?? 0) + round.flops }),
    };
  }
  // Lanes and the peak count for themselves.
  return { flops: meter.flops - before, ...total };
}

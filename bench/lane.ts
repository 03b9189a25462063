// One of several engines that share a line's work: a thread of one core, as a run has them (src/engine/jobs.ts).
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../src/base/errors.ts';
import { installMeter } from './meter.ts';
import { type Job, prepareLine } from './ours.ts';
import type { LaneData, LaneReply } from './side-by-side.ts';

const meter = installMeter();
const { line, workload } = workerData as LaneData;
const port = present(parentPort, 'the port of a lane');
const reply = (message: LaneReply) => port.postMessage(message);
let job: Job;

/** Sets up at the first message, does the work once at every other. */
async function next(): Promise<LaneReply> {
  if (job === undefined) {
    job = await prepareLine(line, workload, 1);
    return {};
  }
  const before = meter.flops;
  const round = await job();
  return { round: { ...round, flops: meter.flops - before } };
}

port.on('message', () => {
  next().then(reply, (error: unknown) => reply({ error: String(error) }));
});

// Replay: some samples of every earlier task are kept and trained on again beside the new task's (Rolnick et al., 2019;
// CoIN's own ablation keeps 100 or 500). Which are kept is drawn uniformly, once per task, by the seed of the run.
import { z } from 'zod';
import type { TrainSample } from '../../tasks/task.ts';
import { RandomStream } from '../../tensor/random.ts';
import { defineMethod, type Method } from '../define.ts';
import type { SampleContext, StreamSample } from '../method.ts';
import { carriedAdapter, loraSpec } from '../shared/carried.ts';
import { bytesOfSamples } from '../shared/sample-bytes.ts';
import { replayClaims } from './claims.ts';

const settings = z.strictObject({
  samplesPerTask: z.int().min(0).default(20).describe('samples kept of each task'),
  share: z
    .union([z.literal('all'), z.number().gt(0).lt(1)])
    .default('all')
    .describe(
      'of the stream that is replayed: all kept samples once, or a fraction, for which they are repeated or thinned',
    ),
});

export const replay: Method = defineMethod({
  name: 'replay',
  label: 'Replay',
  summary: 'samples kept of every task are trained on again with each later one',
  costs: { keeps: 'samples of each task' },
  origin: {
    source:
      'experience replay, Rolnick et al., NeurIPS 2019; CoIN’s ablation keeps 100 or 500 samples a task',
    deviations: [],
    variants: ['share: a stated share of the stream, for which samples are repeated or thinned'],
  },
  settings,
  problems: ({ own }) =>
    own.samplesPerTask > 0
      ? []
      : [
          {
            path: ['methodSettings', 'replay', 'samplesPerTask'],
            message: 'expected at least 1 sample to replay, found 0',
            hint: 'replay that keeps nothing is sequential LoRA; put lora into methods instead',
          },
        ],
  open: ({ adapter, own }) => {
    const carried = carriedAdapter(loraSpec(adapter));
    const keep = (task: string, samples: readonly TrainSample[], seed: number) =>
      keptSamples(samples, own.samplesPerTask, seed, task);
    return {
      ...carried,
      selectSamples: (context) => replayStream(context, own.share, keep),
      finishTask: ({ previous, task, examples, seed }, trained) => {
        const own = examples.filter((example) => example.task === task).map(({ sample }) => sample);
        const kept = keep(task, own, seed);
        const before = previous?.memory ?? { notes: {}, sampleBytes: 0 };
        return {
          trained,
          memory: {
            tensors: new Map(),
            notes: { ...before.notes, [task]: kept.map(({ id }) => id) },
            sampleBytes: (before.sampleBytes ?? 0) + bytesOfSamples(kept),
          },
        };
      },
    };
  },
  claims: replayClaims,
});

type Keep = (task: string, samples: readonly TrainSample[], seed: number) => readonly TrainSample[];

/** The task's samples, then those kept of earlier tasks; how they are mixed is the trainer's shuffle. */
function replayStream(
  { task, tasks, samples, samplesOf, seed }: SampleContext,
  share: 'all' | number,
  keep: Keep,
): readonly StreamSample[] {
  const own = samples.map((sample) => ({ sample, task }));
  const kept = tasks
    .slice(0, tasks.indexOf(task))
    .map((earlier) => keep(earlier, samplesOf(earlier), seed).map((sample) => ({ sample, task: earlier })));
  if (kept.length === 0) return own;
  const all = kept.reduce((total, { length }) => total + length, 0);
  const wanted = share === 'all' ? all : Math.round((own.length * share) / (1 - share));
  // Round robin over the tasks, so that a thinned memory is thinned evenly.
  const replayed: StreamSample[] = [];
  for (let round = 0; replayed.length < wanted; round++) {
    for (const memory of kept) {
      const next = memory[share === 'all' ? round : round % memory.length];
      if (next !== undefined && replayed.length < wanted) replayed.push(next);
    }
  }
  return [...own, ...replayed];
}

/** Drawn without replacement; a pure function of its arguments. */
function keptSamples(samples: readonly TrainSample[], count: number, seed: number, task: string) {
  const order = new RandomStream(seed, `samples kept of ${task}`).shuffle(samples.map((_, index) => index));
  return order.slice(0, count).map((index) => samples[index] as TrainSample);
}

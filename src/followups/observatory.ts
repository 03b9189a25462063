// Looks at how the mixtures of a run route: reads some test questions of each task, with their right answers, through
// the saved stages, and keeps the use of the experts. Trains nothing and answers nothing.

import { type TrainStep, trainedStage } from '../config/plan.ts';
import type { ObservingEngine, SampleGates } from '../engine/contract.ts';
import { lockFolder } from '../formats/files/lock.ts';
import { type TaskUse, type TokenKind, tokenKinds, UseTally } from '../metrics/routing.ts';
import { type OpenedRun, openRun } from '../runs/open.ts';
import type { TestSample } from '../tasks/task.ts';
import { RandomStream } from '../tensor/random.ts';
import {
  mixtureStages,
  OBSERVATORY_SCHEMA,
  type Observatory,
  type ObservedStage,
  originOf,
  readObservatory,
  writeObservatory,
} from './observatory-file.ts';

export interface ObserveOptions {
  readonly folder: string;
  /** Test questions of each task, at most. */
  readonly samples?: number;
  /** Which are drawn. */
  readonly seed?: number;
  /** Called only when there is something to look at. */
  readonly openEngine: (run: OpenedRun) => Promise<ObservingEngine>;
  readonly signal?: AbortSignal;
  readonly onStage?: (step: TrainStep) => void;
}

/** Digits kept of a share: they tell a millionth of the tokens. */
const DECIMALS = 6;

/**
 * Reads the gates of every trained stage of every mixture, and writes observatory.json after each stage. What is there
 * already, made from the same adapter, data and questions, stays. Returns how many stages it looked at.
 */
export async function observeRun(options: ObserveOptions): Promise<number> {
  const { folder, samples = 16, seed = 0, openEngine, onStage } = options;
  const signal = options.signal ?? new AbortController().signal;
  const release = lockFolder(folder, { otherwise: 'try again then' });
  let engine: ObservingEngine | undefined;
  try {
    const run = await openRun(folder);
    const drawn = { samples, seed };
    const stages = mixtureStages(run);
    const before = readObservatory(folder);
    const seen: Seen[] = stages.flatMap(({ step, experts }) => {
      const { layers, stages: known = [] } = before?.methods[step.method] ?? {};
      const from = originOf(run, step, drawn);
      const stage = known.find((one) => one.after === step.task && one.from === from);
      return layers === undefined || stage === undefined ? [] : [{ step, experts, layers, stage }];
    });
    let looked = 0;
    for (const { step, experts, tasks } of stages) {
      if (seen.some((one) => one.step.key === step.key)) continue;
      engine ??= await openEngine(run);
      const uses: ObservedStage['tasks'][number][] = [];
      let layers: readonly string[] = [];
      for (const task of tasks) {
        const chosen = draw(run.evaluations.samples(task), drawn, task);
        const tallies = new GateTallies();
        await engine.readGates({
          trained: trainedStage(folder, step),
          task,
          samples: chosen,
          config: run.config,
          signal,
          onGates: (gates) => tallies.add(gates),
        });
        uses.push({ task, samples: chosen.length, use: tallies.use() });
        layers = tallies.layers;
      }
      const stage = { after: step.task, from: originOf(run, step, drawn), tasks: uses };
      seen.push({ step, experts, layers, stage });
      writeObservatory(
        folder,
        observatoryOf(
          stages.flatMap(({ step: { key } }) => seen.find((one) => one.step.key === key) ?? []),
          drawn,
        ),
      );
      onStage?.(step);
      looked++;
    }
    return looked;
  } finally {
    await engine?.close();
    release();
  }
}

/** A stage that was looked at, now or before. */
interface Seen extends Omit<Observatory['methods'][string], 'stages'> {
  readonly step: TrainStep;
  readonly stage: ObservedStage;
}

/** In the order of the stages that are given. */
function observatoryOf(seen: readonly Seen[], drawn: Pick<Observatory, 'samples' | 'seed'>): Observatory {
  const methods: Record<string, Observatory['methods'][string]> = {};
  for (const { step, experts, layers, stage } of seen) {
    const before = methods[step.method]?.stages ?? [];
    methods[step.method] = { experts, layers, stages: [...before, stage] };
  }
  return { schema: OBSERVATORY_SCHEMA, ...drawn, methods };
}

function draw(
  samples: readonly TestSample[],
  { samples: count, seed }: { readonly samples: number; readonly seed: number },
  task: string,
): readonly TestSample[] {
  return new RandomStream(seed, `observed questions of ${task}`).shuffle(samples).slice(0, count);
}

/** The gates of one task's questions, added up by kind of token and layer. */
class GateTallies {
  readonly #tallies = new Map<TokenKind, Map<string, UseTally>>();
  #layers: readonly string[] = [];

  get layers(): readonly string[] {
    return this.#layers;
  }

  add({ image, answer, gates }: SampleGates): void {
    this.#layers = [...gates.keys()];
    for (const [layer, { data, shape }] of gates) {
      const [tokens, experts] = shape as readonly [number, number];
      for (let token = 0; token < tokens; token++) {
        const kind = image[token] === 1 ? 'image' : answer[token] === 1 ? 'answer' : 'question';
        const own = (data as Float32Array).subarray(token * experts, (token + 1) * experts);
        this.#tallyOf(kind, layer, experts).add(own);
      }
    }
  }

  use(): TaskUse {
    return Object.fromEntries(
      tokenKinds.flatMap((kind) => {
        const tallies = this.#tallies.get(kind);
        if (tallies === undefined) return [];
        const layers = [...tallies.values()].map((tally) => {
          const { weight, first, spread } = tally.use();
          return { weight: weight.map(rounded), first: first.map(rounded), spread: rounded(spread) };
        });
        const [one] = tallies.values();
        return [[kind, { tokens: one?.tokens ?? 0, layers }]];
      }),
    );
  }

  #tallyOf(kind: TokenKind, layer: string, experts: number): UseTally {
    const ofKind = this.#tallies.get(kind) ?? new Map<string, UseTally>();
    this.#tallies.set(kind, ofKind);
    const tally = ofKind.get(layer) ?? new UseTally(experts);
    ofKind.set(layer, tally);
    return tally;
  }
}

/** Also takes care of an entropy that rounding has put a hair above 1. */
function rounded(share: number): number {
  return Math.min(1, Number(share.toFixed(DECIMALS)));
}

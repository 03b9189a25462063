// Looks at how the mixtures of a run route: reads some test questions of each task, with their right answers, through
// the saved stages, and keeps the use of the experts. Trains nothing and answers nothing.

import { type TrainStep, trainedStage } from '../config/plan.ts';
import type { ObservingEngine, SampleGates } from '../engine/contract.ts';
import { engineOf } from '../engine/engine-of.ts';
import { type TaskUse, type TokenKind, tokenKinds, UseTally } from '../metrics/routing.ts';
import type { OpenedRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import type { TestSample } from '../tasks/task.ts';
import { RandomStream } from '../tensor/random.ts';
import { type FollowUp, type FollowUpOptions, followUp } from './followup.ts';
import {
  mixtureStages,
  OBSERVATORY_SCHEMA,
  type Observatory,
  type ObservedStage,
  originOf,
  readObservatory,
  writeObservatory,
} from './observatory-file.ts';

export interface ObserveOptions extends FollowUpOptions {
  /** Test questions of each task, at most. */
  readonly samples?: number;
  /** Which are drawn. */
  readonly seed?: number;
  /** By default the run's own engine. */
  readonly openEngine?: (run: OpenedRun) => Promise<ObservingEngine>;
  readonly onStage?: (step: TrainStep) => void;
}

/** Digits kept of a share: they tell a millionth of the tokens. */
const DECIMALS = 6;

/**
 * Reads the gates of every trained stage of every mixture, and writes observatory.json after each stage. What is there
 * already, made from the same adapter, data and questions, stays. Returns how many stages it looked at.
 */
export async function observeRun(options: ObserveOptions): Promise<number> {
  const { samples = 16, seed = 0, openEngine = engineOf, onStage } = options;
  const drawn = { samples, seed };
  return followUp({ ...options, openEngine }, async (asking) => {
    const { run, signal } = asking;
    const stages = mixtureStages(run);
    const before = readObservatory(run.folder);
    const seen = new Map(
      stages.flatMap(({ step, experts }) => {
        const { layers, stages: known = [] } = before?.methods[step.method] ?? {};
        const from = originOf(run, step, drawn);
        const stage = known.find((one) => one.after === step.task && one.from === from);
        return layers === undefined || stage === undefined ? [] : [[step, { experts, layers, stage }]];
      }),
    );
    const left = stages.filter(({ step }) => !seen.has(step));
    for (const { step, experts, tasks } of left) {
      signal.throwIfAborted();
      const { layers, uses } = await lookAt(asking, step, tasks, drawn);
      seen.set(step, {
        experts,
        layers,
        stage: { after: step.task, from: originOf(run, step, drawn), tasks: uses },
      });
      const inOrder = stages.flatMap((one) => {
        const known = seen.get(one.step);
        return known === undefined ? [] : [{ step: one.step, ...known }];
      });
      writeObservatory(run.folder, observatoryOf(inOrder, drawn));
      onStage?.(step);
    }
    return left.length;
  });
}

/** Reads some questions of each task through one stage. */
async function lookAt(
  { run, signal, engine }: FollowUp<ObservingEngine>,
  step: TrainStep,
  tasks: readonly TaskName[],
  drawn: Drawn,
) {
  const uses: ObservedStage['tasks'][number][] = [];
  let layers: readonly string[] = [];
  for (const task of tasks) {
    const samples = draw(run.evaluations.questions(task), drawn, task);
    const tallies = new GateTallies();
    await (await engine()).readGates({
      trained: trainedStage(run.folder, step),
      task,
      samples,
      config: run.config,
      signal,
      onGates: (gates) => tallies.add(gates),
    });
    uses.push({ task, samples: samples.length, use: tallies.use() });
    layers = tallies.layers;
  }
  return { layers, uses };
}

/** Which questions are read of each task: so many, at most, drawn by a seed. */
type Drawn = Pick<Observatory, 'samples' | 'seed'>;

/** A stage that was looked at, now or before. */
interface Seen extends Omit<Observatory['methods'][string], 'stages'> {
  readonly step: TrainStep;
  readonly stage: ObservedStage;
}

/** In the order of the stages that are given. */
function observatoryOf(seen: readonly Seen[], drawn: Drawn): Observatory {
  const methods: Record<string, Observatory['methods'][string]> = {};
  for (const { step, experts, layers, stage } of seen) {
    const before = methods[step.method]?.stages ?? [];
    methods[step.method] = { experts, layers, stages: [...before, stage] };
  }
  return { schema: OBSERVATORY_SCHEMA, ...drawn, methods };
}

function draw(
  samples: readonly TestSample[],
  { samples: count, seed }: Drawn,
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

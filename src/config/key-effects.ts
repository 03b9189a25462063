// What depends on each key of a configuration, in one table. A new key does not compile without a row, so that nobody has
// to remember the places that ask: whether a begun run may go on, which runs are seeds of one configuration, and which
// steps of two runs make the same bytes. What a key means is the schema's.
import type { RunConfig } from './schema.ts';

interface KeyEffect {
  /** A run that has begun with one value does not go on with another. */
  readonly binds: boolean;
  /** Runs are seeds of one configuration only where they agree in it; `apart`: what of it counts is told by the asker. */
  readonly compared: boolean | 'apart';
  /** The bytes of a trained stage may depend on it; `apart`: what of it counts is part of the step's key by itself. */
  readonly training: boolean | 'apart';
  /** So may an answer, otherwise than through the stage that gives it. */
  readonly answers: boolean | 'apart';
}

/** Where something lies, or what it is called. */
const place: KeyEffect = { binds: false, compared: false, training: false, answers: false };
const everything: KeyEffect = { binds: true, compared: true, training: true, answers: true };
const ofTraining: KeyEffect = { ...everything, answers: false };
const ofTest: KeyEffect = { ...everything, training: false };

const keyEffects: { readonly [Key in keyof Required<RunConfig>]: KeyEffect } = {
  name: { ...place, binds: true },
  output: place,
  cache: place,
  plugins: { ...place, compared: true },
  provider: { ...everything, binds: false, compared: false },
  model: everything,
  benchmark: everything,
  instructionType: everything,
  promptTemplate: everything,
  baseWeights: everything,
  seed: { ...ofTraining, compared: false },
  training: ofTraining,
  trainSamples: ofTraining,
  dataVolume: ofTraining,
  testSamples: ofTest,
  testSeed: ofTest,
  imageTransform: ofTest,
  evaluation: { ...everything, training: false, answers: 'apart' },
  zeroShotGate: { ...everything, training: false, answers: false },
  tasks: { ...everything, training: 'apart', answers: 'apart' },
  methods: { binds: true, compared: 'apart', training: 'apart', answers: 'apart' },
  adapter: { binds: true, compared: 'apart', training: 'apart', answers: 'apart' },
  methodSettings: { binds: true, compared: 'apart', training: 'apart', answers: 'apart' },
  // Which rows a run passes over is written down in it.
  onBadSample: { ...place, compared: true },
};

/** Whether a begun run may go on with another value of a key. */
export function binds(key: string): boolean {
  return effectOf(key)?.binds ?? true;
}

/** The part of a configuration on which something depends; what counts `apart` is not in it, what is unknown is. */
export function dependsOn(
  config: RunConfig,
  what: Exclude<keyof KeyEffect, 'binds'>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(config).filter(([key]) => (effectOf(key)?.[what] ?? true) === true),
  );
}

function effectOf(key: string): KeyEffect | undefined {
  return Object.hasOwn(keyEffects, key) ? keyEffects[key as keyof RunConfig] : undefined;
}

// Built-in configurations, by name. Each is what a user could write in a file; defaults come from the schema.
import type { ConfigInput } from './config-schema.ts';

export const presets: Readonly<Record<string, ConfigInput>> = {
  /** The embedded model on the embedded data: the whole benchmark in minutes on two cores. */
  nano: {
    name: 'nano',
    model: 'nano',
    benchmark: 'nano',
    trainSamples: 500,
    testSamples: 100,
    adapter: { rank: 32, alpha: 64, dropout: 0.05, experts: 8 },
    training: {
      epochs: 1,
      batchSize: 16,
      learningRate: 1e-3,
      projectorLearningRate: 1e-4,
      checkpointEverySteps: 10,
    },
    evaluation: { slots: 20, maxNewTokens: 32 },
  },
};

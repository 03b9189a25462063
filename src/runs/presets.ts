// Built-in configurations, by name. Each is what a user could write in a file; defaults come from the schema.
import type { ConfigInput } from './config-schema.ts';

export const presets: Readonly<Record<string, ConfigInput>> = {
  /** The embedded model on the embedded data: the whole benchmark in minutes on two cores. */
  nano: {
    name: 'nano',
    model: 'nano',
    benchmark: 'nano',
    methods: ['lora', 'moelora'],
    trainSamples: 400,
    testSamples: 100,
    // Without dropout: its masks would cost more than the adapters themselves at this size.
    adapter: { rank: 16, alpha: 32, dropout: 0, experts: 4 },
    training: {
      epochs: 1,
      batchSize: 8,
      learningRate: 2e-3,
      projectorLearningRate: 1e-4,
      checkpointEverySteps: 20,
    },
    evaluation: { maxNewTokens: 32 },
  },
};

// Built-in configurations, by name, and the settings that follow a model or a stream wherever they are chosen. Each is
// what a user could write in a file; other defaults come from the schema.

import { UserError } from '../base/errors.ts';
import { isObject } from '../formats/records/json.ts';
import { type Recipe, recipes } from '../streams/coin/recipes.ts';
import type { ScoredModel } from '../tasks/task.ts';
import type { ConfigInput } from './schema.ts';

/** What a configuration needs that a preset may leave to the user, and how it is given. */
export const givenByUser: Readonly<Record<string, string>> = {
  model: 'give --model FOLDER, or write `model:` with a folder or nano',
  benchmark: 'give --data FOLDER, or write `benchmark:` with a folder or nano',
};

/** The paper's protocol with the reference's hyper-parameters for a model; model and data are the user's. */
function paperProtocol(name: string, { adapter, training }: Recipe, gate: string): Partial<ConfigInput> {
  return {
    name,
    instructionType: 'Original',
    tasks: 'official',
    methods: ['lora', 'moelora'],
    // The published scores were made on images that are cropped in some evaluations, and on 4,000 samples a task.
    imageTransform: 'reference',
    testSamples: 'slim',
    // The paper gives both methods the same rank: MoELoRA's is shared among its experts, its routers come on top.
    adapter: { ...adapter, match: 'none' },
    training,
    zeroShotGate: gate,
  };
}

const modelOfPreset: Readonly<Record<string, ScoredModel>> = {
  coin: 'llava',
  'coin-qwen': 'qwen',
  'coin-minigpt': 'minigpt',
};

/** @throws UserError for the protocol of a model that is only described here. */
export function requireTrainable(preset: string): void {
  const model = Object.hasOwn(modelOfPreset, preset) ? modelOfPreset[preset] : undefined;
  if (model === undefined || recipes[model].trainsHere) return;
  throw new UserError({
    message: `${preset}: ${recipes[model].label} cannot be trained here, only LLaVA's family can`,
    hint: `\`coin config ${preset}\` shows the reference's settings; \`coin score --model ${model}\` scores its answers`,
  });
}

export const presets: Readonly<Record<string, Partial<ConfigInput>>> = {
  coin: paperProtocol('coin', recipes.llava, 'llava7b-lora-original'),
  'coin-qwen': paperProtocol('coin-qwen', recipes.qwen, 'qwen-chat-lora-run1'),
  'coin-minigpt': paperProtocol('coin-minigpt', recipes.minigpt, 'minigptv2-lora'),

  /** The embedded model on the embedded data: the whole benchmark in minutes on two cores. */
  nano: { name: 'nano', model: 'nano', benchmark: 'nano', methods: ['lora', 'moelora'] },
};

type Settings = Omit<Partial<ConfigInput>, 'base' | 'name' | 'model' | 'benchmark' | 'output'>;

/** What a model is tuned with unless something else is said. The schema's defaults are those of models of 7B. */
const modelSettings: Readonly<Record<string, Settings>> = {
  nano: {
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

/** How much of a stream is taken unless something else is said. */
const streamSettings: Readonly<Record<string, Settings>> = {
  nano: { trainSamples: 400, testSamples: 100 },
};

/** The settings that follow the model and the stream that a configuration names. */
export function settingsFor(config: unknown): Settings {
  if (!isObject(config)) return {};
  const { model, benchmark } = config;
  return { ...settingsOf(streamSettings, benchmark), ...settingsOf(modelSettings, model) };
}

function settingsOf(settings: Readonly<Record<string, Settings>>, name: unknown): Settings {
  return typeof name === 'string' && Object.hasOwn(settings, name) ? (settings[name] ?? {}) : {};
}

// The schema of a run's configuration: every key with its type, range, default and a line that says what it is.
// Reading files, and saying where an error stands, is `load.ts`; what no single key can say is `cross-check.ts`.
import { z } from 'zod';
import type { MethodName } from '../methods/index.ts';
import type { ScheduleName } from '../nn/schedule.ts';
import { slimTestCount } from '../streams/coin/facts.ts';
import type { TaskName } from '../tasks/index.ts';
import { instructionTypes } from '../tasks/layout/instruction-files.ts';
import type { Provider } from '../tensor/program.ts';
import type { Catalogue } from './catalogue.ts';

const providers = ['cpu', 'webgpu', 'cuda'] as const satisfies readonly Provider[];
export const baseWeightNames = ['float32', 'int8', 'int4'] as const;
export type BaseWeights = (typeof baseWeightNames)[number];
/** Where each runs: products of 8-bit integers are written for the CPU only. */
export const providersOf: { readonly [B in BaseWeights]: readonly Provider[] } = {
  float32: providers,
  int8: ['cpu'],
  int4: providers,
};
const schedules = ['cosine', 'linear', 'constant'] as const satisfies readonly ScheduleName[];

const atLeast = (minimum: number) => z.int().min(minimum);
const rate = () => z.number().gt(0);
const fraction = () => z.number().min(0).lt(1);
const sampleLimit = z.union([atLeast(1), z.literal('all')], {
  error: 'expected a whole number of at least 1, or all',
});

export const matchNames = ['parameters', 'none'] as const;

const adapterSchema = ({ methods }: Catalogue) =>
  z.strictObject({
    rank: atLeast(1).default(128).describe('rank r of the update; MoELoRA shares it among its experts'),
    alpha: rate().default(256).describe('the update is scaled by alpha / rank'),
    dropout: fraction().default(0.05).describe("dropout on the adapter's input"),
    experts: atLeast(1).default(8).describe('of mixtures only; must divide the rank'),
    match: z
      .enum(matchNames)
      .default('parameters')
      .describe(
        'parameters: each method gets the rank that trains as many numbers as LoRA of this rank; none: all get this rank',
      ),
    budget: atLeast(1)
      .optional()
      .describe('numbers to train in place of what LoRA of this rank does; the run fills it in'),
    methods: z
      .partialRecord(
        z.enum(methods.names),
        z.strictObject({
          rank: atLeast(1).optional(),
          alpha: rate().optional(),
          dropout: fraction().optional(),
          experts: atLeast(1).optional(),
        }),
      )
      .default({})
      .describe('settings of single methods, e.g. {moelora: {rank: 32}}; those given here are not matched'),
  });

const trainingSchema = ({ tasks }: Catalogue) =>
  z.strictObject({
    epochs: atLeast(1).default(1).describe('passes over the samples of a task'),
    batchSize: atLeast(1).default(16).describe('samples of one forward and backward pass'),
    accumulation: atLeast(1).default(1).describe('batches added up for one optimiser step'),
    learningRate: rate().default(2e-4).describe('peak learning rate of the adapter'),
    projectorLearningRate: z
      .number()
      .min(0)
      .default(2e-5)
      .describe('peak learning rate of the projector; 0 freezes it'),
    weightDecay: z.number().min(0).default(0).describe('decoupled decay of AdamW'),
    beta1: fraction().default(0.9).describe('AdamW, first moment'),
    beta2: fraction().default(0.999).describe('AdamW, second moment'),
    epsilon: rate().default(1e-8).describe('AdamW'),
    schedule: z
      .enum(schedules)
      .default('cosine')
      .describe(`${schedules.join(', ')}; starts anew with every task`),
    taskBatchSizes: z
      .partialRecord(z.enum(tasks.names), atLeast(1))
      .default({})
      .describe('batch sizes of single tasks, e.g. {GQA: 6}; the others have batchSize'),
    maxTokens: atLeast(1).default(2048).describe('a longer conversation loses its end'),
    warmupRatio: z.number().min(0).max(1).default(0.03).describe("share of a task's steps that warm up"),
    clipNorm: rate().default(1).describe('gradients are clipped to this global norm'),
    checkpointEverySteps: atLeast(0)
      .default(100)
      .describe('optimiser steps between checkpoints inside a task; 0 makes none'),
    recompute: z
      .boolean()
      .default(false)
      .describe('layers are computed again for their gradients instead of kept: less memory, more time'),
  });

const evaluation = z.strictObject({
  slots: atLeast(1)
    .default(32)
    .describe('answers in progress side by side, 32 at most; for memory and speed, answers are the same'),
  zeroShot: z.boolean().default(true).describe('evaluate every task before any training'),
  unseen: z
    .boolean()
    .default(false)
    .describe('after each stage also evaluate the tasks not learned yet: forward transfer'),
  judge: z
    .enum(['lexical', 'none'])
    .default('lexical')
    .describe('lexical compares words as a stand-in for a judge; real ones by coin judge'),
  maxNewTokens: atLeast(1).default(1024).describe("cap on an answer's tokens; a task's own bound also holds"),
});

const cache = z.strictObject({
  use: z.boolean().default(true).describe('keep image features on disk for later runs'),
  folder: z.string().min(1).optional().describe('where; by default feature-cache beside the run'),
  maxBytes: atLeast(0).default(10_000_000_000).describe('on disk; what was used longest ago goes first'),
  memoryBytes: atLeast(0)
    .default(1_000_000_000)
    .describe('of image features that an engine keeps in memory, on top of those of the batches at hand'),
});

/** A section per method that has settings of its own. */
const methodSettingsSchema = ({ methods }: Catalogue) =>
  z.strictObject(
    Object.fromEntries(
      [...methods]
        .filter(({ settings }) => Object.keys(settings.shape).length > 0)
        .map(({ name, settings }) => [name, settings.prefault({})]),
    ),
  );

/** What a user may write. `name` and `output` have defaults that depend on the file and are filled in after it. */
export const configSchema = (catalogue: Catalogue) =>
  z.strictObject({
    base: z
      .string()
      .min(1)
      .optional()
      .describe(
        'a built-in configuration or a file beside this one, whose settings hold where this one says none',
      ),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][\w.-]*$/, 'expected letters, digits, dots, dashes or underscores')
      .optional()
      .describe("of the run; by default the file's name"),
    model: z
      .string()
      .min(1)
      .describe('nano, or a model folder: of llava-hf, of liuhaotian/llava-v1.5, or with a coin-model.yaml'),
    benchmark: z.string().min(1).describe('nano, or a data folder in the layout of CoIN'),
    instructionType: z
      .enum(instructionTypes)
      .default('Original')
      .describe(`wording of the instructions: ${instructionTypes.join(', ')}`),
    tasks: z
      .union([z.string(), z.array(z.string())], {
        error: 'expected official, alphabetical, random or a list of task names',
      })
      .default('official')
      .describe('in training order: official, alphabetical, random (by seed) or a list'),
    dataVolume: z
      .number()
      .min(1)
      .max(100)
      .default(100)
      .describe(
        "percent of a task's training samples; a smaller share is part of a larger one of the same seed",
      ),
    trainSamples: sampleLimit.default('all').describe('per task; a random subset when fewer than there are'),
    testSamples: z
      .union([atLeast(1), z.enum(['all', 'slim'])], {
        error: 'expected a whole number of at least 1, all, or slim',
      })
      .default('all')
      .describe(
        `per task; a random subset when fewer than there are; slim: ${slimTestCount.value}, as in CoIN`,
      ),
    testSeed: z
      .int()
      .min(0)
      .max(0xffffffff)
      .default(0)
      .describe('of the test subset; the same for runs that are to be compared'),
    onBadSample: z
      .enum(['refuse', 'skip'])
      .default('refuse')
      .describe(
        'rows and images that cannot be used: refuse to begin, or skip them, named in the run; tested ones count as missing',
      ),
    plugins: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'modules that bring methods, tasks or families of models: paths, or packages installed beside this file',
      ),
    methods: z
      .array(z.enum(catalogue.methods.names))
      .min(1)
      .default(['lora', 'moelora'])
      .describe(`compared in this run: ${catalogue.methods.names.join(', ')}`),
    promptTemplate: z
      .enum(['auto', ...new Set([...catalogue.families].flatMap(({ templates }) => templates))])
      .default('auto')
      .describe(
        "auto: as the model's folder says; or one of LLaVA's by name; or chat, the chat template of the model's folder",
      ),
    imageTransform: z
      .enum(['same', 'reference'])
      .default('same')
      .describe(
        "same: every image is padded to a square; reference: as CoIN's code, which evaluates some tasks on the image's centre",
      ),
    seed: z.int().min(0).max(0xffffffff).default(0).describe('of initialisation, order and dropout'),
    output: z.string().min(1).optional().describe('folder of the run; by default runs/<name>'),
    provider: z
      .enum(providers)
      .default('cpu')
      .describe(`device: ${providers.join(', ')}`),
    baseWeights: z
      .enum(baseWeightNames)
      .default('float32')
      .describe("the decoder's frozen weights: as they are, or rounded to 8 or 4 bits (int8 on cpu only)"),
    zeroShotGate: z
      .string()
      .default('none')
      .describe(
        'a published row (coin metrics --published): training begins only when the zero-shot scores are near it',
      ),
    adapter: adapterSchema(catalogue).prefault({}),
    training: trainingSchema(catalogue).prefault({}),
    evaluation: evaluation.prefault({}),
    methodSettings: methodSettingsSchema(catalogue).prefault({}),
    cache: cache.prefault({}),
  });

/** A configuration as a user writes it. */
export type ConfigInput = z.input<ReturnType<typeof configSchema>>;
/** As the schema leaves it: every default filled in, tasks not yet in order, paths as written. */
export type ParsedConfig = z.output<ReturnType<typeof configSchema>>;

/** A configuration with every default filled in. Paths are as the run uses them. */
export interface RunConfig
  extends Readonly<
    Omit<
      ParsedConfig,
      | 'base'
      | 'plugins'
      | 'tasks'
      | 'methods'
      | 'adapter'
      | 'training'
      | 'evaluation'
      | 'methodSettings'
      | 'cache'
    >
  > {
  readonly name: string;
  readonly output: string;
  /** Files, absolute. */
  readonly plugins: readonly string[];
  readonly tasks: readonly TaskName[];
  readonly methods: readonly MethodName[];
  readonly adapter: Readonly<ParsedConfig['adapter']>;
  readonly training: Readonly<ParsedConfig['training']>;
  readonly evaluation: Readonly<ParsedConfig['evaluation']>;
  /** By method; those without settings of their own are not in it. */
  readonly methodSettings: Readonly<Record<string, unknown>>;
  readonly cache: Readonly<ParsedConfig['cache']>;
}

export type { MethodName } from '../methods/index.ts';

// What a model's folder holds, and what it takes to run it: facts for `coin model inspect`. Reads configurations and headers
// of weights; what cannot be read is listed, and the rest is still said. Says nothing to anybody (`terminal/model.ts` does).

import { targetPattern } from '../adapters/adapter.ts';
import { type Issue, UserError } from '../base/errors.ts';
import { type BaseWeights, baseWeightNames } from '../config/schema.ts';
import { extendGraph } from '../evaluation/generation/graphs.ts';
import { loadTokenizer, type Tokenizer } from '../formats/text/tokenizer.ts';
import { methods } from '../methods/index.ts';
import type { LlavaConfig } from '../models/llava/config.ts';
import { checkWeights } from '../models/llava/inventory.ts';
import { openLlava, type TemplateChoice } from '../models/llava/model.ts';
import { type LlavaSources, openSources } from '../models/llava/sources.ts';
import { HEAD, LANGUAGE_MODEL, LlavaWeights, PROJECTOR, VISION_TOWER } from '../models/llava/weights.ts';
import { type ImageTransform, readImageTransform } from '../models/parts/clip/processor.ts';
import { Scope } from '../nn/scope.ts';
import { peakActivationBytes } from '../tensor/memory.ts';
import { BLOCK } from '../tensor/quantization.ts';
import { gradientGraph } from '../training/learner.ts';
import { projectorNames, traceTraining } from '../training/traced.ts';

export interface ModelPart {
  readonly name: string;
  readonly parameters: number;
  /** In its files. */
  readonly bytes: number;
  /** Of its elements, as in the files: F16, BF16, F32. */
  readonly types: readonly string[];
}

export interface MemoryEstimate {
  readonly use: 'training' | 'answering';
  readonly baseWeights: BaseWeights;
  readonly batch: number;
  /** Tokens of each sequence, the image's included. */
  readonly tokens: number;
  /** Of the frozen weights. */
  readonly weightBytes: number;
  /** Trained values, their gradients and two moments; for answering, the values alone. */
  readonly trainedBytes: number;
  /** Values of the graph that are alive at once, and caches. */
  readonly activationBytes: number;
}

export interface ModelInspection {
  readonly folder: string;
  readonly layout?: LlavaSources['layout'];
  readonly config?: LlavaConfig;
  readonly parts: readonly ModelPart[];
  readonly template?: TemplateChoice;
  readonly tokenizer?: Pick<Tokenizer, 'vocabularySize' | 'bosId' | 'eosId' | 'padId'>;
  readonly transform?: ImageTransform;
  /** The decoder's linear layers that adapters change. */
  readonly targets: { readonly modules: readonly string[]; readonly layers: number };
  readonly rank: number;
  readonly memory: readonly MemoryEstimate[];
  /** What is missing or wrong; the model can be used when there is nothing. */
  readonly issues: readonly Issue[];
}

export interface InspectOptions {
  readonly rank?: number;
  readonly batches?: readonly number[];
  /** Text tokens beside the image's. */
  readonly textTokens?: number;
}

const targetNames = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'].map((name) => `${name}_proj`);
const partNames = ['vision tower', 'projector', 'embeddings', 'decoder layers', 'head'] as const;

export function inspectModel(folder: string, options: InspectOptions = {}): ModelInspection {
  const { rank = 128, batches = [1, 8], textTokens = 128 } = options;
  const issues: Issue[] = [];
  const attempt = <T>(action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      issues.push(...error.issues);
      return undefined;
    }
  };
  const sources = attempt(() => openSources(folder));
  if (sources === undefined) {
    return { folder, parts: [], targets: { modules: [], layers: 0 }, rank, memory: [], issues };
  }
  const { config, layout, checkpoint, tokenizerFolder, imageFolder } = sources;
  const weights = attempt(() => {
    const opened = new LlavaWeights(checkpoint);
    attempt(() => checkWeights(config, opened));
    return opened;
  });
  const complete = issues.length === 0;
  const tokenizer = attempt(() => loadTokenizer(tokenizerFolder));
  const transform = attempt(() => readImageTransform(imageFolder));
  const template = issues.length === 0 ? attempt(() => openLlava(folder).template) : undefined;
  return {
    folder,
    layout,
    config,
    parts: weights === undefined ? [] : partsOf(weights),
    template,
    ...(tokenizer === undefined ? {} : { tokenizer: tokenizerFacts(tokenizer) }),
    transform,
    targets: weights === undefined ? { modules: [], layers: 0 } : targetsOf(weights),
    rank,
    memory:
      weights === undefined || !complete
        ? []
        : estimateMemory({ config, weights }, { rank, batches, tokens: config.imageTokens + textTokens }),
    issues,
  };
}

function tokenizerFacts({ vocabularySize, bosId, eosId, padId }: Tokenizer): ModelInspection['tokenizer'] {
  return { vocabularySize, bosId, eosId, padId };
}

function partOf(name: string): (typeof partNames)[number] {
  if (name.startsWith(`${VISION_TOWER}.`)) return 'vision tower';
  if (name.startsWith(`${PROJECTOR}.`)) return 'projector';
  if (name.startsWith(`${HEAD}.`)) return 'head';
  return name.startsWith(`${LANGUAGE_MODEL}.embed_tokens`) ? 'embeddings' : 'decoder layers';
}

function partsOf({ tensors }: LlavaWeights): readonly ModelPart[] {
  return partNames.flatMap((name): ModelPart[] => {
    const own = [...tensors].filter(([tensor]) => partOf(tensor) === name).map(([, { entry }]) => entry);
    if (own.length === 0) return [];
    const parameters = own.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    return [
      {
        name,
        parameters: total(parameters),
        bytes: total(own.map(({ byteLength }) => byteLength)),
        types: [...new Set(own.map(({ dtype }) => dtype))].sort(),
      },
    ];
  });
}

function targetsOf({ tensors }: LlavaWeights): ModelInspection['targets'] {
  const layers = [...tensors.keys()]
    .map((name) => name.replace(/\.weight$/, ''))
    .filter((path) => targetPattern.test(path));
  const found = new Set(layers.map((path) => path.split('.').at(-1)));
  return { modules: targetNames.filter((name) => found.has(name)), layers: layers.length };
}

interface Sizes {
  readonly rank: number;
  readonly batches: readonly number[];
  readonly tokens: number;
}

/** Estimates from the graphs themselves, in the order in which they are written. */
function estimateMemory(
  model: { readonly config: LlavaConfig; readonly weights: LlavaWeights },
  { rank, batches, tokens }: Sizes,
): readonly MemoryEstimate[] {
  const { config, weights } = model;
  const open = methods.lora.open({ adapter: { rank, alpha: 2 * rank, dropout: 0, experts: 1 }, own: {} });
  const { loss, trained } = traceTraining({ config, weights, open });
  const training = gradientGraph(
    loss,
    [...trained].map(([name, tensor]) => ({ name, tensor })),
  );
  const trainingPeak = peakActivationBytes(Object.values(training));
  const adapter = open.graph({ use: 'inference', model: config });
  const scope = new Scope(weights.provider(new Set(projectorNames)), '', adapter);
  const answeringPeak = peakActivationBytes(Object.values(extendGraph(scope, config)));
  const trainedNumbers = total(
    [...trained.values()].map(({ shape }) => shape.reduce<number>((a, b) => a * Number(b), 1)),
  );
  const { layers, kvHeads, headSize } = config.text;
  const estimates = baseWeightNames.flatMap((kind) =>
    batches.flatMap((batch): MemoryEstimate[] => {
      const sizes = new Map(
        Object.entries({ batch, tokens, images: batch, past: 0, answers: batch * Math.min(tokens, 32) }),
      );
      const caches = 4 * 2 * layers * kvHeads * headSize * batch * tokens;
      return [
        {
          use: 'training',
          baseWeights: kind,
          batch,
          tokens,
          weightBytes: weightBytes(model, kind, { training: true }),
          trainedBytes: 4 * 4 * trainedNumbers,
          activationBytes: trainingPeak(sizes),
        },
        {
          use: 'answering',
          baseWeights: kind,
          batch,
          tokens,
          weightBytes: weightBytes(model, kind, { training: false }),
          trainedBytes: 4 * trainedNumbers,
          activationBytes: answeringPeak(sizes) + caches,
        },
      ];
    }),
  );
  return [...estimates].sort((a, b) => (a.use === b.use ? 0 : a.use === 'training' ? -1 : 1));
}

/** Frozen weights as the runtime holds them: in float32, the decoder's matrices in fewer bits where that is chosen. */
function weightBytes(
  { weights }: { readonly weights: LlavaWeights },
  kind: BaseWeights,
  { training }: { readonly training: boolean },
): number {
  const bytes = [...weights.tensors].map(([name, { entry }]) => {
    const { shape } = entry;
    const numbers = shape.reduce((a, b) => a * b, 1);
    const [outputs = 1, inputs = 1] = shape;
    if (kind === 'float32' || !targetPattern.test(name.replace(/\.weight$/, ''))) return 4 * numbers;
    if (kind === 'int8') return numbers + 4 * outputs;
    // Scales belong to blocks of the inner axis; the gradient's product has a rounding of its own.
    const packed = (rows: number, columns: number) => rows * Math.ceil(columns / BLOCK) * (BLOCK / 2 + 4);
    return packed(outputs, inputs) + (training ? packed(inputs, outputs) : 0);
  });
  return total(bytes);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

// What a model's folder holds, and what it takes to run it: facts for `coin model inspect`. Reads configurations and headers
// of weights; what cannot be read is listed, and the rest is still said. Says nothing to anybody (`terminal/model.ts` does).

import type { Issue } from '../base/errors.ts';
import { type BaseWeights, baseWeightNames } from '../config/schema.ts';
import { extendGraph } from '../evaluation/generation/graphs.ts';
import { cacheBytesPerToken } from '../evaluation/generation/shapes.ts';
import type { Tokenizer } from '../formats/text/tokenizer.ts';
import { methods } from '../methods/index.ts';
import type { Family, FolderInspection, ModelOutline } from '../models/family.ts';
import { Scope } from '../nn/scope.ts';
import { peakActivationBytes } from '../tensor/memory.ts';
import { BLOCK } from '../tensor/quantization.ts';
import { gradientGraph } from '../training/learner.ts';
import { traceTraining } from '../training/traced.ts';

export interface PartSize {
  /** As its family calls it. */
  readonly name: string;
  readonly parameters: number;
  /** In its files. */
  readonly bytes: number;
  /** The types of its elements, as in the files: F16, BF16, F32. */
  readonly types: readonly string[];
}

export interface MemoryEstimate {
  readonly use: 'training' | 'answering';
  readonly baseWeights: BaseWeights;
  readonly batch: number;
  /** Tokens of each sequence, the image's included. */
  readonly tokens: number;
  /** The size of the frozen weights. */
  readonly weightBytes: number;
  /** Trained values, their gradients and two moments; for answering, the values alone. */
  readonly trainedBytes: number;
  /** Values of the graph that are alive at once, and caches. */
  readonly activationBytes: number;
}

export interface ModelInspection
  extends Pick<FolderInspection, 'description' | 'layout' | 'images' | 'template' | 'facts' | 'issues'> {
  readonly folder: string;
  readonly family: string;
  readonly parts: readonly PartSize[];
  readonly tokenizer?: Pick<Tokenizer, 'vocabularySize' | 'bosId' | 'eosId' | 'padId'> | undefined;
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

/** What the folder holds, as its family reads it. */
export function inspectModel(folder: string, family: Family, options: InspectOptions = {}): ModelInspection {
  const { rank = 128, batches = [1, 8], textTokens = 128 } = options;
  const { outline, isComplete = false, imageRows = 0, tokenizer, ...said } = family.inspect(folder);
  const tokens = imageRows + textTokens;
  return {
    ...said,
    folder,
    family: family.name,
    parts: outline === undefined ? [] : partsOf(outline, family),
    tokenizer: tokenizer && tokenizerFacts(tokenizer),
    targets: outline === undefined ? { modules: [], layers: 0 } : targetsOf(outline),
    rank,
    memory:
      outline === undefined || !isComplete
        ? []
        : estimateMemory(outline, { rank, batches, tokens, imageRows }),
  };
}

function tokenizerFacts({ vocabularySize, bosId, eosId, padId }: Tokenizer): ModelInspection['tokenizer'] {
  return { vocabularySize, bosId, eosId, padId };
}

function partsOf({ weights }: ModelOutline, { parts, partOf }: Family): readonly PartSize[] {
  return parts.flatMap(({ name }): PartSize[] => {
    const own = [...weights.tensors].flatMap(([tensor, { entry }]) =>
      partOf(tensor)?.name === name ? [entry] : [],
    );
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

/**
 * What adapters change: the layers that the checkpoint has, by the last part of their path, in the order in which
 * they are computed.
 */
function targetsOf({ shape, weights }: ModelOutline): ModelInspection['targets'] {
  const layers = [...shape.adaptable.keys()].filter((path) => weights.tensors.has(`${path}.weight`));
  return {
    modules: [...new Set(layers.map((path) => path.split('.').at(-1) ?? ''))],
    layers: layers.length,
  };
}

interface Sizes {
  readonly rank: number;
  readonly batches: readonly number[];
  readonly tokens: number;
  readonly imageRows: number;
}

/** Estimates from the graphs themselves, in the order in which they are written. */
function estimateMemory(
  model: ModelOutline,
  { rank, batches, tokens, imageRows }: Sizes,
): readonly MemoryEstimate[] {
  const { shape, weights, matrices } = model;
  const shapes = new Map([...weights.tensors].map(([name, { entry }]) => [name, entry.shape]));
  const open = methods.lora.open({ adapter: { rank, alpha: 2 * rank, dropout: 0, experts: 1 }, own: {} });
  const { loss, trained } = traceTraining({ model, open });
  const training = gradientGraph(
    loss,
    [...trained].map(([name, tensor]) => ({ name, tensor })),
  );
  const trainingPeak = peakActivationBytes(Object.values(training));
  const adapter = open.graph({ use: 'inference', model: shape });
  const scope = new Scope(weights.provider(shape.alongside), '', adapter);
  const answeringPeak = peakActivationBytes(Object.values(extendGraph(scope, model)));
  const trainedNumbers = total(
    [...trained.values()].map((tensor) => tensor.shape.reduce<number>((a, b) => a * Number(b), 1)),
  );
  const estimates = baseWeightNames.flatMap((kind) =>
    batches.flatMap((batch): MemoryEstimate[] => {
      const sizes = new Map(
        Object.entries({
          batch,
          tokens,
          rows: batch * imageRows,
          past: 0,
          answers: batch * Math.min(tokens, 32),
        }),
      );
      const caches = cacheBytesPerToken(shape) * batch * tokens;
      return [
        {
          use: 'training',
          baseWeights: kind,
          batch,
          tokens,
          weightBytes: weightBytes(matrices, shapes, kind, { training: true }),
          trainedBytes: 4 * 4 * trainedNumbers,
          activationBytes: trainingPeak(sizes),
        },
        {
          use: 'answering',
          baseWeights: kind,
          batch,
          tokens,
          weightBytes: weightBytes(matrices, shapes, kind, { training: false }),
          trainedBytes: 4 * trainedNumbers,
          activationBytes: answeringPeak(sizes) + caches,
        },
      ];
    }),
  );
  return [...estimates].sort((a, b) => (a.use === b.use ? 0 : a.use === 'training' ? -1 : 1));
}

/** Frozen weights as the runtime holds them: in float32, the decoder's matrices in fewer bits where that is chosen. */
export function weightBytes(
  matrices: ModelOutline['matrices'],
  shapes: ReadonlyMap<string, readonly number[]>,
  kind: BaseWeights,
  { training }: { readonly training: boolean },
): number {
  const bytes = [...shapes].map(([name, shape]) => {
    const numbers = shape.reduce((a, b) => a * b, 1);
    const [outputs = 1, inputs = 1] = shape;
    if (kind === 'float32' || !matrices.has(name.replace(/\.weight$/, ''))) return 4 * numbers;
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

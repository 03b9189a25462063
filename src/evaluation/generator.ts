// Greedy generation in batches with a KV cache. The number of rows of every run is fixed (`slots`), so that an answer's
// bits do not depend on how many others ride along. The prompt's cache is never copied: only the generated part grows.
import type { LlavaConfig } from '../models/llava/config.ts';
import {
  decodeNext,
  decodeSequence,
  type KeyValue,
  mergedEmbeddings,
  projectFeatures,
  vocabularyLogits,
} from '../models/llava/network.ts';
import type { LinearAdapter, WeightProvider } from '../nn/scope.ts';
import { Scope } from '../nn/scope.ts';
import { float32, int32 } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { argmax, input } from '../tensor/ops.ts';
import { DeviceTensor, Program, type ProgramOptions, type Value } from '../tensor/program.ts';
import { batchOptions, promptBatch } from '../training/batches.ts';

export interface Prompt {
  /** Image placeholders already repeated once per patch. */
  readonly inputIds: Int32Array;
  /** [patches, visionHidden]; absent for text-only prompts. */
  readonly features?: Float32Array;
  /** Inputs of the adapter that differ by sample: the sample's row of an input [batch, size], by the input's name. */
  readonly rows?: Readonly<Record<string, Float32Array>>;
}

export interface GeneratorOptions {
  readonly config: LlavaConfig;
  readonly weights: WeightProvider;
  readonly adapter?: LinearAdapter;
  readonly slots: number;
  readonly program?: ProgramOptions;
}

type Values = Readonly<Record<string, Value>>;

export class Generator {
  readonly #options: GeneratorOptions;
  readonly #prefill: Program;
  readonly #decode: Program;

  private constructor(options: GeneratorOptions, prefill: Program, decode: Program) {
    this.#options = options;
    this.#prefill = prefill;
    this.#decode = decode;
  }

  static async compile(options: GeneratorOptions): Promise<Generator> {
    const root = new Scope(options.weights, '', options.adapter);
    const { config, program = {} } = options;
    const prefill = prefillGraph(root, config);
    const decode = decodeGraph(root, config);
    const kept = (graph: Record<string, Tensor>) => Object.keys(graph).filter((name) => name !== 'next');
    return new Generator(
      options,
      await Program.compile(prefill, { ...program, keepOnDevice: kept(prefill) }),
      await Program.compile(decode, { ...program, keepOnDevice: kept(decode) }),
    );
  }

  /**
   * Token ids of one answer per prompt, without the end token. At most `slots` prompts; `parameters` are the adapter's
   * and the projector's values. Rows that have ended ride along until the last one ends.
   */
  async generate(prompts: readonly Prompt[], parameters: Values, maxNewTokens: number): Promise<number[][]> {
    const { config, slots } = this.#options;
    if (prompts.length > slots)
      throw new RangeError(`generate: ${prompts.length} prompts for ${slots} slots`);
    const batch = promptBatch(prompts, batchOptions(config), slots);
    const rows = promptRows(prompts, slots);
    const feeds: Values = {
      ...rows,
      ids: batch.ids,
      imageRows: batch.imageRows,
      features: batch.features,
      lengths: batch.lengths,
      lastRows: lastRows(batch.lengths.data, batch.tokens),
    };
    const first = await this.#prefill.run({ ...feeds, ...parameters });
    const prompt = Object.fromEntries(Object.entries(first).filter(([name]) => name !== 'next'));
    let generated = emptyCache(config, slots);
    const answers: number[][] = prompts.map(() => []);
    const open = new Set(prompts.keys());
    let next = idsOf(first.next);
    for (let step = 0; ; step++) {
      for (const row of open) {
        const id = next[row] as number;
        if (id === config.endTokenId) open.delete(row);
        else {
          answers[row]?.push(id);
          if ((answers[row]?.length ?? 0) >= maxNewTokens) open.delete(row);
        }
      }
      if (open.size === 0) break;
      const positions = Int32Array.from(batch.lengths.data, (length) => length + step);
      const result = await this.#decode.run({
        ...parameters,
        ...rows,
        ...prompt,
        ...generated,
        nextIds: int32(next, [slots]),
        positions: int32(positions, [slots]),
        lengths: batch.lengths,
      });
      dispose(generated);
      generated = Object.fromEntries(
        Object.entries(result).flatMap(([name, value]) =>
          name === 'next' ? [] : [[name.replace('grown', 'generated'), value]],
        ),
      );
      next = idsOf(result.next);
    }
    dispose(prompt, generated);
    return answers;
  }

  async dispose(): Promise<void> {
    await this.#prefill.dispose();
    await this.#decode.dispose();
  }
}

/** The program that reads prompts: `next`, the first answer token, and the cache `prompt.{k,v}.<layer>`. */
export function prefillGraph(root: Scope, config: LlavaConfig): Record<string, Tensor> {
  const features = input('features', 'float32', ['images', config.imageTokens, config.vision.hiddenSize]);
  const ids = input('ids', 'int32', ['batch', 'tokens']);
  const imageRows = input('imageRows', 'int32', ['batch', 'tokens']);
  const embeddings = mergedEmbeddings(root, config, ids, projectFeatures(root, config, features), imageRows);
  const outputs: Record<string, Tensor> = {};
  const last = decodeSequence(root, config, embeddings, {
    rows: input('lastRows', 'int32', ['batch']),
    keep: (layer, { k, v }) => {
      outputs[`prompt.k.${layer}`] = k;
      outputs[`prompt.v.${layer}`] = v;
    },
  });
  return { next: argmax(vocabularyLogits(root, config, last), 1), ...outputs };
}

/** The program of one answer token more: `next`, and the grown cache `grown.{k,v}.<layer>`. */
export function decodeGraph(root: Scope, config: LlavaConfig): Record<string, Tensor> {
  const { kvHeads, headSize, layers } = config.text;
  const cache = (kind: string, layer: number, length: string): KeyValue => ({
    k: input(`${kind}.k.${layer}`, 'float32', ['batch', kvHeads, length, headSize]),
    v: input(`${kind}.v.${layer}`, 'float32', ['batch', kvHeads, length, headSize]),
  });
  const caches = Array.from({ length: layers }, (_, layer) => ({
    prompt: cache('prompt', layer, 'promptTokens'),
    generated: cache('generated', layer, 'generatedTokens'),
  }));
  const step = {
    ids: input('nextIds', 'int32', ['batch']),
    positions: input('positions', 'int32', ['batch']),
    promptLength: input('lengths', 'int32', ['batch']),
  };
  const { hidden, generated } = decodeNext(root, config, step, caches);
  const outputs: Record<string, Tensor> = { next: argmax(vocabularyLogits(root, config, hidden), 1) };
  generated.forEach(({ k, v }, layer) => {
    outputs[`grown.k.${layer}`] = k;
    outputs[`grown.v.${layer}`] = v;
  });
  return outputs;
}

/** Rows side by side; slots without a prompt get zeros. */
function promptRows(prompts: readonly Prompt[], slots: number): Values {
  const names = Object.keys(prompts[0]?.rows ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const size = prompts[0]?.rows?.[name]?.length ?? 0;
      const data = new Float32Array(slots * size);
      for (const [i, { rows }] of prompts.entries()) data.set(rows?.[name] ?? [], i * size);
      return [name, float32(data, [slots, size])];
    }),
  );
}

function lastRows(lengths: ArrayLike<number>, tokens: number): Value {
  return int32(
    Int32Array.from(lengths, (length, row) => row * tokens + length - 1),
    [lengths.length],
  );
}

function emptyCache(config: LlavaConfig, slots: number): Record<string, Value> {
  const { kvHeads, headSize, layers } = config.text;
  const entries = Array.from({ length: layers }, (_, layer) =>
    ['k', 'v'].map(
      (part) =>
        [`generated.${part}.${layer}`, float32(new Float32Array(0), [slots, kvHeads, 0, headSize])] as const,
    ),
  );
  return Object.fromEntries(entries.flat());
}

function idsOf(value: Value | undefined): Int32Array {
  if (value === undefined || value instanceof DeviceTensor || value.dtype !== 'int32')
    throw new Error('internal: no token ids');
  return value.data as Int32Array;
}

function dispose(...parts: readonly Values[]): void {
  for (const values of parts)
    for (const value of Object.values(values)) if (value instanceof DeviceTensor) value.dispose();
}

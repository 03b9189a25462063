// Reads whole sequences, a question with its answer, with a mixture's model and gives the gates at every token. Nothing
// is generated; which samples are read, and what is made of their gates, is the caller's matter.
import type { MethodGraph, Values } from '../../methods/method.ts';
import type { LlavaConfig } from '../../models/llava/config.ts';
import { decodeSequence, mergedEmbeddings, projectFeatures } from '../../models/llava/network.ts';
import { Scope, type WeightProvider } from '../../nn/scope.ts';
import { float32 } from '../../tensor/dtype.ts';
import { input } from '../../tensor/ops.ts';
import { Program, type ProgramOptions } from '../../tensor/program.ts';
import { batchOptions, promptBatch } from '../../training/batches.ts';

export interface GateReaderOptions {
  readonly config: LlavaConfig;
  readonly weights: WeightProvider;
  /** A method's graph for inference, which has gates. */
  readonly graph: MethodGraph;
  readonly program?: ProgramOptions;
}

/** A sequence as tokens, with its image's features and its row of the graph's inputs that differ by sample. */
export interface ReadSequence {
  readonly inputIds: Int32Array;
  /** [patches, visionHidden] */
  readonly features?: Float32Array;
  readonly rows?: Readonly<Record<string, Float32Array>>;
}

const OUTPUT = 'gates:';

export class GateReader {
  readonly #config: LlavaConfig;
  readonly #program: Program;

  private constructor(config: LlavaConfig, program: Program) {
    this.#config = config;
    this.#program = program;
  }

  static async compile({ config, weights, graph, program }: GateReaderOptions): Promise<GateReader> {
    const root = new Scope(weights, '', graph);
    const embeddings = mergedEmbeddings(
      root,
      config,
      input('ids', 'int32', ['batch', 'tokens']),
      projectFeatures(
        root,
        config,
        input('features', 'float32', ['images', config.imageTokens, config.vision.hiddenSize]),
      ),
      input('imageRows', 'int32', ['batch', 'tokens']),
    );
    // Every state of every layer: also tokens that answer nothing are routed.
    decodeSequence(root, config, embeddings);
    const gates = [...(graph.gates ?? [])];
    if (gates.length === 0) throw new Error('internal: the graph has no gates to read');
    const outputs = Object.fromEntries(gates.map(([layer, tensor]) => [OUTPUT + layer, tensor]));
    return new GateReader(config, await Program.compile(outputs, program));
  }

  /** The gates by layer: [tokens, experts]. One sequence at a time, so that nothing depends on its neighbours. */
  async read({ inputIds, features, rows = {} }: ReadSequence, parameters: Values): Promise<Values> {
    const sequence = { inputIds, features };
    const { ids, imageRows, features: images } = promptBatch([sequence], batchOptions(this.#config));
    const own = Object.entries(rows).map(([name, row]) => [name, float32(row, [1, row.length])] as const);
    const gates = await this.#program.runOnHost({
      ...Object.fromEntries(parameters),
      ...Object.fromEntries(own),
      ids,
      imageRows,
      features: images,
    });
    return new Map(
      Object.entries(gates).map(([name, { data, shape }]) => [
        name.slice(OUTPUT.length),
        float32(data as Float32Array, [inputIds.length, shape.at(-1) as number]),
      ]),
    );
  }

  async dispose(): Promise<void> {
    await this.#program.dispose();
  }
}

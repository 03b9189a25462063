// Reads whole sequences, a question with its answer, with a mixture's model and gives the gates at every token. Nothing
// is generated; which samples are read, and what is made of their gates, is the caller's matter.
import type { MethodGraph, Values } from '../../methods/method.ts';
import type { TokenSequence } from '../../models/sequence.ts';
import { Scope } from '../../nn/scope.ts';
import { float32 } from '../../tensor/dtype.ts';
import { Program, type ProgramOptions } from '../../tensor/program.ts';
import { batchOptions, promptBatch } from '../../training/batches.ts';
import { sequenceInputs } from '../../training/loss.ts';
import type { TrainedModel } from '../../training/probes.ts';

export interface GateReaderOptions {
  readonly model: TrainedModel;
  /** A method's graph for inference, which has gates. */
  readonly graph: MethodGraph;
  readonly program?: ProgramOptions;
}

/** A sequence as tokens, with its image's features and its row of the graph's inputs that differ by sample. */
export interface ReadSequence extends Pick<TokenSequence, 'inputIds' | 'imageRows' | 'positions'> {
  /** [rows, featureSize] */
  readonly features?: Float32Array | undefined;
  readonly rows?: Readonly<Record<string, Float32Array>> | undefined;
}

const OUTPUT = 'gates:';

export class GateReader {
  readonly #model: TrainedModel;
  readonly #program: Program;

  private constructor(model: TrainedModel, program: Program) {
    this.#model = model;
    this.#program = program;
  }

  static async compile({ model, graph, program }: GateReaderOptions): Promise<GateReader> {
    const root = new Scope(model.weights.provider(model.shape.alongside), '', graph);
    const { embeddings, positions } = sequenceInputs(root, model);
    // Every state of every layer: also tokens that answer nothing are routed.
    model.network.decode(root, embeddings, { positions });
    const gates = [...(graph.gates ?? [])];
    if (gates.length === 0) throw new Error('internal: the graph has no gates to read');
    const outputs = Object.fromEntries(gates.map(([layer, tensor]) => [OUTPUT + layer, tensor]));
    return new GateReader(model, await Program.compile(outputs, program));
  }

  /** The gates by layer: [tokens, experts]. One sequence at a time, so that nothing depends on its neighbours. */
  async read(sequence: ReadSequence, parameters: Values): Promise<Values> {
    const { rows = {} } = sequence;
    const { tokens, ...batch } = promptBatch([sequence], batchOptions(this.#model));
    const own = Object.entries(rows).map(([name, row]) => [name, float32(row, [1, row.length])] as const);
    const gates = await this.#program.runOnHost({
      ...Object.fromEntries(parameters),
      ...Object.fromEntries(own),
      ...batch,
    });
    return new Map(
      Object.entries(gates).map(([name, { data, shape }]) => [
        name.slice(OUTPUT.length),
        float32(data as Float32Array, [tokens, shape.at(-1) as number]),
      ]),
    );
  }

  async dispose(): Promise<void> {
    await this.#program.dispose();
  }
}

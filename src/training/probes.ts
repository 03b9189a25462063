// Looking at a model while it trains: gradients and logits of batches without dropout and without a step. Programs are
// compiled when they are first asked for.
import type { BatchExample, Values } from '../methods/method.ts';
import type { ModelOutline, OpenModel } from '../models/family.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { grad } from '../tensor/grad.ts';
import type { Tensor } from '../tensor/graph.ts';
import { flatten, matmul } from '../tensor/ops.ts';
import { Program, type ProgramOptions } from '../tensor/program.ts';
import { batchOptions, trainingBatch } from './batches.ts';
import { type TraceOptions, traceTraining } from './traced.ts';

/** What training needs of a model. */
export type TrainedModel = ModelOutline & Pick<OpenModel, 'padTokenId'>;

export type ProbeOptions = Pick<TraceOptions, 'open'> & {
  readonly model: TrainedModel;
  readonly program?: ProgramOptions;
};

export class Probes {
  readonly #options: ProbeOptions;
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  /** Gradients of Σ −log p over the batch's answer tokens, for what trains. */
  async gradients(batch: readonly BatchExample[], ...feeds: readonly Values[]): Promise<Values> {
    const program = this.#program('gradients', () => {
      const { crossEntropy, trained } = this.#trace();
      return gradientsOf(crossEntropy, trained);
    });
    return this.#run(await program, batch, feeds);
  }

  /** Gradients of Σ −log p for the weights of the adapted layers, by layer: [outputs, inputs]. */
  async weightGradients(batch: readonly BatchExample[], ...feeds: readonly Values[]): Promise<Values> {
    const program = this.#program('weights', () => {
      const layers: { readonly name: string; readonly x: Tensor; readonly y: Tensor }[] = [];
      const { crossEntropy } = this.#trace((name, x, y) => {
        if (this.#options.model.shape.adaptable.has(name)) layers.push({ name, x, y });
      });
      const flows = grad(
        crossEntropy,
        layers.map(({ y }) => y),
      );
      // y = x·W₀ᵀ, so dW₀ = dyᵀ·x.
      return Object.fromEntries(
        layers.map(({ name, x }, i) => {
          const dy = flows[i] as Tensor;
          const rows = (tensor: Tensor) => flatten(tensor, tensor.rank - 1);
          return [name, matmul(rows(dy), rows(x), { transposeA: true })];
        }),
      );
    });
    return this.#run(await program, batch, feeds);
  }

  /** Logits at the answer positions: [answers, vocabulary]. */
  async logits(batch: readonly BatchExample[], ...feeds: readonly Values[]): Promise<HostTensor> {
    const program = this.#program('logits', () => ({ logits: this.#trace().logits }));
    return (await this.#run(await program, batch, feeds)).get('logits') as HostTensor;
  }

  /** The gates of the method's graph, by layer: [..., experts]. */
  async gates(batch: readonly BatchExample[], ...feeds: readonly Values[]): Promise<Values> {
    const program = this.#program('gates', () => Object.fromEntries(this.#trace().graph.gates ?? []));
    return this.#run(await program, batch, feeds);
  }

  /** The loss of a batch in its parts, weighted as a step of its own, with the gradients of what the method adds. */
  async losses(
    batch: readonly BatchExample[],
    totalAnswers: number,
    ...feeds: readonly Values[]
  ): Promise<Values> {
    const program = this.#program('losses', () => {
      const { crossEntropy, extra, trained } = this.#trace();
      return { crossEntropy, ...(extra === undefined ? {} : { extra, ...gradientsOf(extra, trained) }) };
    });
    return this.#run(await program, batch, feeds, totalAnswers);
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }

  #trace(observe?: TraceOptions['observe']) {
    return traceTraining({
      ...this.#options,
      dropout: false,
      ...(observe === undefined ? {} : { observe }),
    });
  }

  #program(name: string, outputs: () => Record<string, Tensor>): Promise<Program> {
    const known = this.#programs.get(name);
    if (known !== undefined) return known;
    const made = Program.compile(
      Object.fromEntries(Object.entries(outputs()).map(([output, tensor]) => [`probe:${output}`, tensor])),
      this.#options.program,
    );
    this.#programs.set(name, made);
    return made;
  }

  async #run(
    program: Program,
    batch: readonly BatchExample[],
    feeds: readonly Values[],
    totalAnswers = 1,
  ): Promise<Values> {
    const inputs = trainingBatch(batch, { ...batchOptions(this.#options.model), totalAnswers });
    const result = await program.runOnHost({
      ...inputs,
      ...Object.fromEntries(feeds.flatMap((values) => [...values])),
    });
    return new Map(
      Object.entries(result).map(([name, { data, shape }]) => [
        name.slice('probe:'.length),
        float32(Float32Array.from(data), shape),
      ]),
    );
  }
}

function gradientsOf(loss: Tensor, trained: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
  const gradients = grad(loss, [...trained.values()]);
  return Object.fromEntries([...trained.keys()].map((name, i) => [name, gradients[i] as Tensor]));
}

// A model with its method, traced for training: the loss in its parts and the tensors that train. Compiles nothing.
import type { MethodGraph, OpenMethod, TracedLoss } from '../methods/method.ts';
import type { ModelOutline } from '../models/family.ts';
import { crossEntropy } from '../nn/loss.ts';
import { type LinearAdapter, Scope, type WeightProvider } from '../nn/scope.ts';
import type { Tensor } from '../tensor/graph.ts';
import { add, input, reshape, stopGradient, sum } from '../tensor/ops.ts';
import { answerLogits } from './loss.ts';

export interface TracedTraining {
  /** Cross-entropy and what the method adds, [1, 1]. */
  readonly loss: Tensor;
  readonly crossEntropy: Tensor;
  readonly extra: Tensor | undefined;
  readonly logits: Tensor;
  readonly graph: MethodGraph;
  /** What may train alongside, by name. */
  readonly projector: ReadonlyMap<string, Tensor>;
  /** What trains, by name: the method's parameters, and the projector where it trains along. */
  readonly trained: ReadonlyMap<string, Tensor>;
}

export interface TraceOptions {
  readonly model: ModelOutline;
  readonly open: OpenMethod;
  /** Off for looking at a model that is not being trained. */
  readonly dropout?: boolean;
  /** Sees every linear layer before the method does. */
  readonly observe?: (name: string, x: Tensor, y: Tensor) => void;
}

export function traceTraining({ model, open, dropout = true, observe }: TraceOptions): TracedTraining {
  const { shape, weights } = model;
  const dropoutKey = dropout ? { dropoutKey: input('dropoutKey', 'int32', []) } : {};
  const graph = open.graph({ use: 'training', model: shape, ...dropoutKey });
  const adapter: LinearAdapter = {
    adapt: (name, x, y) => {
      observe?.(name, x, y);
      return graph.adapt(name, x, y);
    },
    embed: (ids, lookup) => graph.embed?.(ids, lookup) ?? lookup(ids),
  };
  const projector = new Map<string, Tensor>();
  const given = weights.provider(shape.alongside);
  const provider: WeightProvider = (name, dims) => {
    const tensor = given(name, dims);
    if (shape.alongside.has(name)) projector.set(name, tensor);
    return tensor;
  };
  const answers = answerLogits(new Scope(provider, '', adapter), model);
  const entropy = crossEntropy(answers.logits, answers.labels, answers.weights);
  const share = reshape(stopGradient(sum(answers.weights)), [1, 1]);
  const traced: TracedLoss = { ...answers, share, projector, model: shape };
  const extra = graph.extraLoss?.(traced);
  return {
    loss: extra === undefined ? entropy : add(entropy, reshape(extra, [1, 1])),
    crossEntropy: entropy,
    extra,
    logits: answers.logits,
    graph,
    projector,
    trained: new Map([
      ...[...graph.parameters].map(([name, { tensor }]) => [name, tensor] as const),
      ...(graph.trainsProjector ? projector : []),
    ]),
  };
}

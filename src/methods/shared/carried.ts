// One adapter and the projector that go on training from task to task, with a fresh optimiser each: what every method
// without experts of its own has in common, and changes in part.
import { type Adapter, type AdapterSpec, createAdapter, type MoeLoraAdapter } from '../../adapters/index.ts';
import type { Tensor } from '../../tensor/graph.ts';
import type {
  AdapterSettings,
  GraphOptions,
  MethodGraph,
  OpenMethod,
  StageState,
  TaskContext,
  TracedLoss,
  Values,
} from '../method.ts';

export const noMemory: StageState['memory'] = { tensors: new Map(), notes: {} };

export function loraSpec({ rank, alpha, dropout }: AdapterSettings): AdapterSpec {
  return { kind: 'lora', rank, alpha, dropout };
}

/** The graph of an adapter whose projector trains along, with a loss to add where there is one. */
export function adapterGraph(
  spec: AdapterSpec,
  { model, dropoutKey }: GraphOptions,
  extraLoss?: (adapter: Adapter, traced: TracedLoss) => Tensor,
): MethodGraph {
  const adapter = createAdapter(spec, model.adaptable, dropoutKey);
  return {
    parameters: adapter.parameters,
    trainsProjector: true,
    adapt: (name, x, y) => adapter.adapt(name, x, y),
    ...(extraLoss === undefined ? {} : { extraLoss: (traced) => extraLoss(adapter, traced) }),
  };
}

/** As `adapterGraph`, for a mixture, whose gates can be looked at. */
export function mixtureGraph(mixture: MoeLoraAdapter): MethodGraph {
  return {
    parameters: mixture.parameters,
    trainsProjector: true,
    gates: mixture.gates,
    adapt: (name, x, y) => mixture.adapt(name, x, y),
  };
}

/** Where the stage before ended, or a fresh start. */
export function carriedOn({ previous, tools }: TaskContext): Values {
  return previous?.trained ?? tools.fresh();
}

export function carriedAdapter(spec: AdapterSpec): OpenMethod {
  return {
    adapter: spec,
    graph: (options) => adapterGraph(spec, options),
    beginTask: (context) => ({ initial: carriedOn(context) }),
    finishTask: (_, trained) => ({ trained, memory: noMemory }),
    inference: ({ trained }) => ({ parameters: trained }),
  };
}

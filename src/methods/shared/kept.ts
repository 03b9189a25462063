// A new adapter for every task, kept when the task is over: what merging, isolating and routing methods have in common.
// They differ in what a new adapter is trained on top of, and in how the kept ones are put together at inference.
import { type Adapter, createAdapter } from '../../adapters/index.ts';
import type { StoredAdapter } from '../../adapters/peft.ts';
import type { Tensor } from '../../tensor/graph.ts';
import type {
  AdapterSettings,
  GraphOptions,
  OpenMethod,
  StageState,
  TaskContext,
  TracedLoss,
  Values,
} from '../method.ts';
import { loraSpec, noMemory } from './carried.ts';
import {
  expertTasks,
  factorsOf,
  KeptExperts,
  keptFeeds,
  layerSizes,
  withExpertOf,
  withoutFactors,
} from './experts.ts';

export interface KeptMethodOptions {
  readonly adapter: AdapterSettings;
  /** Whether a new adapter is trained on top of the sum of the kept ones; else on the base model. */
  readonly onTop: boolean;
  /** A shared projector goes on training, and with it what earlier tasks see changes. */
  readonly trainsProjector: boolean;
  /** Layers whose experts are weighted per sample at inference, by `mixture`; the others are summed. */
  readonly weighted?: (layer: string, options: GraphOptions) => boolean;
  /** A loss over the new adapter and the kept ones, added to every step. */
  readonly extraLoss?: (own: Adapter, kept: KeptExperts | undefined, traced: TracedLoss) => Tensor;
}

export function keptMethod(options: KeptMethodOptions): OpenMethod {
  const { adapter, onTop, trainsProjector, weighted = () => false, extraLoss } = options;
  const scale = adapter.alpha / adapter.rank;
  return {
    graph: (graphOptions) => {
      const { model } = graphOptions;
      if (graphOptions.use === 'inference') {
        const kept = new KeptExperts(model.adaptable, (layer) => weighted(layer, graphOptions));
        return {
          parameters: new Map(),
          trainsProjector,
          adapt: (name, x, y) => kept.adapt(name, x, y),
        };
      }
      const own = createAdapter(loraSpec(adapter), model.adaptable, graphOptions.dropoutKey);
      const kept = onTop ? new KeptExperts(model.adaptable) : undefined;
      return {
        parameters: own.parameters,
        trainsProjector,
        adapt: (name, x, y) => own.adapt(name, x, kept?.adapt(name, x, y) ?? y),
        ...(extraLoss === undefined ? {} : { extraLoss: (traced) => extraLoss(own, kept, traced) }),
      };
    },
    beginTask: (context) => {
      const initial = newAdapter(context);
      if (!onTop) return { initial };
      const memory = context.previous?.memory ?? noMemory;
      const tasks = expertTasks(memory);
      return { initial, feeds: keptFeeds(memory.tensors, { scale, layers: layerSizes(initial), tasks }) };
    },
    finishTask: (context, trained) => withExpert(context, trained),
    inference: (state) => ({ parameters: keptParameters(state, scale) }),
    ...(onTop ? { merged: (state) => mergedAdapter(keptParameters(state, scale)) } : {}),
  };
}

/** A fresh adapter, another for every stage, beside the projector as the stage before left it. */
export function newAdapter({ previous, tools, stage }: TaskContext): Values {
  return new Map([...tools.fresh(stage - 1), ...(previous?.trained ?? [])]);
}

/** The state with the task's adapter kept beside those of the tasks before. */
export function withExpert({ previous, task }: TaskContext, trained: Values): StageState {
  return {
    trained: withoutFactors(trained),
    memory: withExpertOf(task, trained, previous?.memory ?? noMemory),
  };
}

/** The kept adapters as one LoRA, scaled by 1. */
function mergedAdapter(parameters: Values): StoredAdapter {
  const values = new Map(
    [...parameters].flatMap(([name, value]) =>
      name.includes('.kept_') ? [[name.replace(/kept_([AB])$/, 'lora_$1.weight'), value] as const] : [],
    ),
  );
  const rank = [...values.values()][0]?.shape[0] as number;
  return { spec: { kind: 'lora', rank, alpha: rank, dropout: 0 }, values };
}

/** What the inference graph of a kept method is fed: the experts, by default all as they were trained, and the projector. */
export function keptParameters(
  { trained, memory }: StageState,
  scale: number,
  tasks: readonly string[] = expertTasks(memory),
): Values {
  const { tensors } = memory;
  const first = factorsOf(tensors, tasks[0] ?? '');
  const layers = new Map(
    [...first].map(([layer, { a, b }]) => [layer, [a.shape[1] as number, b.shape[0] as number]] as const),
  );
  return new Map([...trained, ...keptFeeds(tensors, { scale, layers, tasks })]);
}

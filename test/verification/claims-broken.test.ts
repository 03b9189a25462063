// A claim is worth something only if it fails when its mechanism is off. Here mechanisms are broken one by one, the way
// released code tends to break: a term without effect, a merge that matches nothing, a memory that is empty.
import { describe, expect, it } from 'vitest';
import type { Laboratory } from '../../src/methods/claim.ts';
import { type BuiltInMethod, type Method, methods } from '../../src/methods/index.ts';
import type { OpenMethod, StageState, Values } from '../../src/methods/method.ts';
import { expertTasks } from '../../src/methods/shared/experts.ts';
import { float32 } from '../../src/tensor/dtype.ts';
import { normalArray } from '../../src/tensor/random.ts';
import { ToyLaboratory } from '../../src/verification/laboratory.ts';

type Sabotage = (open: OpenMethod) => Partial<OpenMethod>;

const withoutLoss: Sabotage = (open) => ({
  graph: (options) => {
    const { extraLoss: _, ...graph } = open.graph(options);
    return graph;
  },
});

const changedState =
  (change: (state: StageState) => StageState): Sabotage =>
  (open) => ({
    finishTask: async (context, trained, plan) => change(await open.finishTask(context, trained, plan)),
  });

/** The memory's tensors whose names fit, changed. */
const changedMemory = (
  pattern: RegExp,
  change: (values: Float32Array, name: string) => Float32Array,
): Sabotage =>
  changedState(({ trained, memory }) => ({
    trained,
    memory: {
      ...memory,
      tensors: new Map(
        [...memory.tensors].map(([name, { data, shape }]) => [
          name,
          float32(pattern.test(name) ? change(data as Float32Array, name) : (data as Float32Array), shape),
        ]),
      ),
    },
  }));

const zeros = (values: Float32Array) => new Float32Array(values.length);

const cases: readonly {
  readonly method: BuiltInMethod;
  readonly broken: string;
  readonly sabotage: Sabotage;
  readonly claim: RegExp;
}[] = [
  {
    method: 'replay',
    broken: 'nothing is replayed',
    sabotage: () => ({ selectSamples: ({ samples, task }) => samples.map((sample) => ({ sample, task })) }),
    claim: /every kept sample/,
  },
  {
    method: 'ewc',
    broken: 'the Fisher is empty',
    sabotage: changedMemory(/^fisher/, zeros),
    claim: /penalty is nothing at the anchor/,
  },
  {
    method: 'ewc',
    broken: 'the anchor is not where the task ended',
    sabotage: changedMemory(/^anchor/, (values) => values.map((value) => value + 0.1)),
    claim: /penalty is nothing at the anchor/,
  },
  {
    method: 'ewc',
    broken: 'the projector is free',
    sabotage: changedMemory(/^fisher\/.*projector/, zeros),
    claim: /over three tasks/,
  },
  {
    method: 'ewc',
    broken: 'only the last task is held',
    sabotage: (open) => ({
      finishTask: (context, trained, plan) =>
        open.finishTask({ ...context, previous: undefined }, trained, plan),
    }),
    claim: /over three tasks/,
  },
  {
    method: 'lora',
    broken: 'the projector is not carried on',
    sabotage: (open) => ({
      beginTask: async (context) => {
        const plan = await open.beginTask(context);
        const fresh = [...context.tools.fresh()].filter(([name]) => name.includes('projector'));
        return { ...plan, initial: new Map([...plan.initial, ...fresh]) };
      },
    }),
    claim: /the one before left/,
  },
  {
    method: 'lwf',
    broken: 'the teacher is not the stage before',
    sabotage: (open) => ({
      beginTask: (context) =>
        open.beginTask(
          context.previous === undefined
            ? context
            : { ...context, previous: { ...context.previous, trained: context.tools.fresh() } },
        ),
    }),
    claim: /teacher is the model/,
  },
  {
    method: 'olora',
    broken: 'the weight of the orthogonality is zero',
    sabotage: (open) => ({
      beginTask: async (context) => {
        const plan = await open.beginTask(context);
        const feeds: Values = new Map([...(plan.feeds ?? []), ['olora.weight', float32([0], [1, 1])]]);
        return { ...plan, feeds };
      },
    }),
    claim: /orthogonal to the old ones/,
  },
  {
    method: 'olora',
    broken: 'the penalty is a mean over the old tasks',
    sabotage: (open) => ({
      beginTask: async (context) => {
        const plan = await open.beginTask(context);
        const weight = (plan.feeds?.get('olora.weight')?.data[0] ?? 0) / Math.max(1, context.stage - 1);
        return {
          ...plan,
          feeds: new Map([...(plan.feeds ?? []), ['olora.weight', float32([weight], [1, 1])]]),
        };
      },
    }),
    claim: /by hand/,
  },
  {
    method: 'merge-then-new',
    broken: 'the merge matches no name',
    sabotage: (open) => ({
      finishTask: async (context, trained, plan) => {
        const state = await open.finishTask(context, trained, plan);
        return context.previous === undefined ? state : { ...state, memory: context.previous.memory };
      },
    }),
    claim: /change by exactly/,
  },
  {
    method: 'isolated',
    broken: 'a later task writes into earlier experts',
    sabotage: changedMemory(/^Gamma\/.*lora_B/, (values) => values.map((value) => value * 1.5)),
    claim: /same bytes/,
  },
  {
    method: 'reglora',
    broken: 'other entries are marked',
    sabotage: changedMemory(/^marked/, (values) => values.map((_, i) => i)),
    claim: /2 %/,
  },
  {
    method: 'reglora',
    broken: 'the places of the last task only are marked',
    sabotage: (open) => ({
      finishTask: async (context, trained, plan) => {
        const state = await open.finishTask(context, trained, plan);
        const alone = await open.finishTask({ ...context, previous: undefined }, trained, plan);
        const marks = [...alone.memory.tensors].filter(([name]) => name.startsWith('marked/'));
        return {
          ...state,
          memory: { ...state.memory, tensors: new Map([...state.memory.tensors, ...marks]) },
        };
      },
    }),
    claim: /all earlier tasks/,
  },
  {
    method: 'mrlora',
    broken: 'the router’s letter is read in the order of names',
    sabotage: changedState(({ trained, memory }) => ({
      trained,
      memory: { ...memory, notes: { ...memory.notes, experts: [...expertTasks(memory)].sort() } },
    })),
    claim: /routed to their own task/,
  },
  {
    method: 'hide',
    broken: 'all tasks have one anchor',
    sabotage: changedMemory(/^anchor/, (values) => values.map(() => 1)),
    claim: /routed to their own task/,
  },
  {
    method: 'clmoe',
    broken: 'nothing is merged',
    sabotage: () => ({
      finishTask: (context, trained, plan) => {
        const { previous: _, ...alone } = context;
        return methodOf('clmoe').finishTask(alone, trained, plan);
      },
    }),
    claim: /experts are merged/,
  },
  {
    method: 'keeplora',
    broken: 'A does not avoid what is kept',
    sabotage: (open) => ({
      beginTask: async (context) => {
        const plan = await open.beginTask(context);
        const feeds = [...(plan.feeds ?? [])].map(([name, value]) => {
          if (!name.endsWith('frozen_A')) return [name, value] as const;
          return [
            name,
            float32(normalArray(value.data.length, { seed: 1, purpose: name }), value.shape),
          ] as const;
        });
        return { ...plan, feeds: new Map(feeds) };
      },
    }),
    claim: /orthogonal to the kept subspace/,
  },
  {
    method: 'smolora',
    broken: 'the gates go on learning',
    sabotage: (open) => ({
      beginTask: async (context) => {
        const { afterStep: _, ...plan } = await open.beginTask(context);
        return plan;
      },
    }),
    claim: /same bytes after the second/,
  },
  {
    method: 'modalprompt',
    broken: 'the prototype has no loss',
    sabotage: withoutLoss,
    claim: /prototype moves/,
  },
];

function methodOf(name: BuiltInMethod): OpenMethod {
  return methods[name].open({ adapter: { rank: 4, alpha: 8, dropout: 0, experts: 2 }, own: { top: 1 } });
}

/** Runs methods with something in them replaced. */
function sabotaged(laboratory: Laboratory, sabotage: Sabotage): Laboratory {
  return {
    run: (method, options) =>
      laboratory.run(
        {
          ...method,
          open: (settings) => {
            const open = method.open(settings);
            return { ...open, ...sabotage(open) };
          },
        },
        options,
      ),
  };
}

describe('a claim fails when', () => {
  it.each(cases)('$method: $broken', async ({ method, sabotage, claim: wanted }) => {
    const claim = (methods[method] as Method).claims().find(({ statement }) => wanted.test(statement));
    expect(claim, `a claim like ${wanted}`).toBeDefined();
    const laboratory = new ToyLaboratory();
    try {
      const finding = await claim?.check(sabotaged(laboratory, sabotage));
      expect(finding?.holds, finding?.found).toBe(false);
    } finally {
      await laboratory.dispose();
    }
  });
});

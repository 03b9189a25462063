// CL-MoE (Huai et al., CVPR 2025) on MoELoRA. Dual routing: at inference a layer's gates are β·G_instance(x) + (1−β)·G_task,
// G_task the mean gates of the task whose anchors the question is nearest to. Momentum: after a task, each expert's new
// weights φ_t are pulled back to those before it, θ_t = λ·θ_{t−1} + (1−λ)·φ_t, with λ by the expert's role: what earlier
// tasks use keeps γ of the old, what only the new task uses keeps 1 − γ.
// Released code names roles the other way about (experts of earlier tasks only take γ of the new, all others keep γ of
// the old), and its merge matches no parameter's name, so that nothing is merged: `roles: code` gives what it says.
import { z } from 'zod';
import { type AdapterSpec, MoeLoraAdapter } from '../../adapters/index.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import { add, mul } from '../../tensor/ops.ts';
import { RandomStream } from '../../tensor/random.ts';
import { defineMethod, type Method } from '../define.ts';
import type { MethodGraph, TaskContext, Values } from '../method.ts';
import { anchorsOf, argmaxOf, nearness } from '../shared/anchors.ts';
import { carriedOn, mixtureGraph } from '../shared/carried.ts';
import { SampleRows } from '../shared/experts.ts';
import { expertProblems } from '../shared/problems.ts';
import { clmoeClaims } from './claims.ts';

const settings = z.strictObject({
  beta: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('share of the instance’s own gates; the rest is the task’s'),
  gamma: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('how much of an expert in use is kept when a task ends'),
  top: z.int().min(1).default(2).describe('experts that count as used by a task, in each layer'),
  samples: z.int().min(1).default(50).describe('of a task, that its mean gates are taken over'),
  roles: z.enum(['paper', 'code']).default('paper').describe('which experts keep more; see docs/methods.md'),
});

type Settings = z.output<typeof settings>;

const GATES = 'gates/';

export const clmoe: Method = defineMethod({
  name: 'clmoe',
  label: 'CL-MoE',
  summary: 'MoELoRA with gates of the nearest task mixed in, and experts merged by their roles',
  mixture: true,
  costs: { keeps: 'mean gates and two vectors per task' },
  origin: {
    source: 'CL-MoE, Huai et al., CVPR 2025',
    deviations: [
      'the roles of experts in the merge are our reading of the paper',
      'text vectors are mean word embeddings of the model, as its checkpoints lack CLIP’s text half: they know words, not their order',
    ],
    variants: ['roles: code: the roles as released code names them'],
  },
  settings,
  problems: ({ adapter, own }) => [
    ...expertProblems('CL-MoE', adapter, 'clmoe'),
    ...(own.top <= adapter.experts
      ? []
      : [
          {
            path: ['methodSettings', 'clmoe', 'top'],
            message: `expected at most the number of experts (${adapter.experts}), found ${own.top}`,
            hint: 'top is how many experts count as used by a task',
          },
        ]),
  ],
  open: ({ adapter, own }) => {
    const { rank, alpha, dropout, experts } = adapter;
    const spec: AdapterSpec = { kind: 'moelora', rank, alpha, dropout, experts };
    return {
      adapter: spec,
      mixedExperts: experts,
      graph: ({ use, model, dropoutKey }): MethodGraph => {
        if (use === 'training') return mixtureGraph(new MoeLoraAdapter(spec, model.adaptable, dropoutKey));
        const rows = new SampleRows();
        return mixtureGraph(
          new MoeLoraAdapter(spec, model.adaptable, dropoutKey, (layer, x, gates) =>
            add(mul(gates, own.beta), mul(rows.of(GATES + layer, experts, x), 1 - own.beta)),
          ),
        );
      },
      beginTask: (context) => ({ initial: carriedOn(context) }),
      finishTask: async (context, trained) => {
        const memory = context.previous?.memory.tensors ?? new Map<string, HostTensor>();
        const used = await meanGates(context, trained, own);
        const merged =
          context.previous === undefined
            ? trained
            : momentum(context.previous.trained, trained, keptShares(memory, used, own), experts);
        const gates = await meanGates(context, merged, own);
        const named = [...gates].map(([layer, mean]) => [`${context.task}/${GATES}${layer}`, mean] as const);
        return {
          trained: merged,
          memory: { tensors: new Map([...memory, ...(await anchorsOf(context)), ...named]), notes: {} },
        };
      },
      inference: ({ trained, memory: { tensors } }) => {
        const tasks = tasksOf(tensors);
        return {
          parameters: trained,
          route: async (queries, { embeddings }) =>
            queries.map((query) => {
              const { image, text } = nearness(tensors, tasks, query, embeddings);
              const choice = tasks[argmaxOf(image.map((value, i) => value + (text[i] as number)))] as string;
              return { choice, rows: gatesOf(tensors, choice) };
            }),
        };
      },
    };
  },
  claims: clmoeClaims,
});

const tasksOf = (tensors: Values): readonly string[] => [
  ...new Set(
    [...tensors.keys()].flatMap((name) => (name.includes(`/${GATES}`) ? [name.split('/')[0] as string] : [])),
  ),
];

/** The mean gates of a task by the inputs' names. */
function gatesOf(tensors: Values, task: string): Record<string, Float32Array> {
  const prefix = `${task}/`;
  return Object.fromEntries(
    [...tensors].flatMap(([name, { data }]) =>
      name.startsWith(prefix + GATES) ? [[name.slice(prefix.length), data as Float32Array]] : [],
    ),
  );
}

/** The mean over the tokens of some of the task's samples, by layer: [experts]. One sample at a time: no padding. */
async function meanGates(
  { examples, tools, seed, task }: TaskContext,
  values: Values,
  { samples }: Settings,
) {
  const chosen = new RandomStream(seed, `gates of ${task}`).shuffle(examples).slice(0, samples);
  const sums = new Map<string, { readonly sum: Float64Array; count: number }>();
  for await (const one of tools.batches(chosen, 1)) {
    for (const [layer, { data, shape }] of await tools.gates(one, values)) {
      const experts = shape.at(-1) as number;
      const total = sums.get(layer) ?? { sum: new Float64Array(experts), count: 0 };
      data.forEach((gate, i) => {
        total.sum[i % experts] = (total.sum[i % experts] as number) + gate;
      });
      total.count += data.length / experts;
      sums.set(layer, total);
    }
  }
  return new Map(
    [...sums].map(([layer, { sum, count }]) => [
      layer,
      float32(
        Float32Array.from(sum, (value) => value / count),
        [sum.length],
      ),
    ]),
  );
}

/** How much of each expert's old weights is kept, by layer. */
export function keptShares(
  memory: Values,
  used: Values,
  { top, gamma, roles }: Settings,
): ReadonlyMap<string, readonly number[]> {
  const topOf = (gates: ArrayLike<number>) =>
    Array.from(gates, (gate, expert) => ({ gate, expert }))
      .sort((a, b) => b.gate - a.gate || a.expert - b.expert)
      .slice(0, top)
      .map(({ expert }) => expert);
  return new Map(
    [...used].map(([layer, gates]) => {
      const now = new Set(topOf(gates.data));
      const before = new Set(
        tasksOf(memory).flatMap((task) => topOf(memory.get(`${task}/${GATES}${layer}`)?.data ?? [])),
      );
      const shares = Array.from(gates.data, (_, expert) => {
        const [old, fresh] = [before.has(expert), now.has(expert)];
        if (roles === 'code') return old && !fresh ? 1 - gamma : gamma;
        return fresh && !old ? 1 - gamma : gamma;
      });
      return [layer, shares] as const;
    }),
  );
}

/** θ = share·old + (1 − share)·new per expert: rows of A and of the router, columns of B. What is no expert's is new. */
export function momentum(
  before: Values,
  after: Values,
  shares: ReadonlyMap<string, readonly number[]>,
  experts: number,
): Values {
  return new Map(
    [...after].map(([name, value]) => {
      const [, layer = '', part] = /^(.*)\.lora_(A|B|router)\.weight$/.exec(name) ?? [];
      const [own, old] = [shares.get(layer), before.get(name)?.data];
      if (own === undefined || old === undefined) return [name, value];
      const [rows, columns] = value.shape as [number, number];
      const expertAt = (i: number) =>
        part === 'B'
          ? Math.floor((i % columns) / (columns / experts))
          : Math.floor(Math.floor(i / columns) / (rows / experts));
      const data = (value.data as Float32Array).map((now, i) => {
        const share = own[expertAt(i)] as number;
        return share * (old[i] as number) + (1 - share) * now;
      });
      return [name, float32(data, value.shape)];
    }),
  );
}

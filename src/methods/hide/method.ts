// HiDe-LLaVA (Guo et al., ACL 2025): an expert per task, trained alone. At inference all layers but the last use the
// experts fused, Σ_i B_i·A_i, as what they learn there is common; the last layer, where tasks part, weights them by how
// near the question is to each task: w = softmax(½(cos_image + cos_text)/0.1) against the tasks' mean images and texts.
// Released code multiplies ΣB by ΣA, which adds the products of one task's B with another's A: `fusion: code`.
import { z } from 'zod';
import type { ModelShape } from '../../models/family.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import { defineMethod, type Method } from '../define.ts';
import type { Memory } from '../method.ts';
import { anchorsOf, argmaxOf, nearness, softmaxOf } from '../shared/anchors.ts';
import { expertTasks, factorsOf, mixtureRow, stacked } from '../shared/experts.ts';
import { keptMethod, keptParameters, withExpert } from '../shared/kept.ts';
import { hideClaims } from './claims.ts';

const settings = z.strictObject({
  temperature: z.number().gt(0).default(0.1).describe('of the weights of the last layer'),
  fusion: z
    .enum(['sum', 'mean', 'code'])
    .default('sum')
    .describe('of the other layers: Σ B·A, its mean, or ΣB · ΣA as released'),
  mergeWeight: z.number().gt(0).default(1).describe('of what the other layers add; 1 in released code'),
});

type Settings = z.output<typeof settings>;

export const hide: Method = defineMethod({
  name: 'hide',
  label: 'HiDe',
  summary: 'experts per task, fused in all layers but the last, which weighs them by likeness to the task',
  costs: { keeps: 'an adapter per task and two vectors each', answering: 'the adapters of all tasks' },
  origin: {
    source: 'HiDe-LLaVA, Guo et al., ACL 2025',
    deviations: [
      'text vectors are mean word embeddings of the model, as its checkpoints lack CLIP’s text half: they know words, not their order',
    ],
    variants: [
      'fusion: code: ΣB · ΣA, as released',
      'fusion: mean: the experts’ mean in place of their sum',
      'mergeWeight: the fused update is scaled by it',
    ],
  },
  settings,
  open: ({ adapter, own }) => {
    const scale = adapter.alpha / adapter.rank;
    const kept = keptMethod({
      adapter,
      onTop: false,
      trainsProjector: true,
      weighted: (layer, { model }) => isLast(layer, model),
    });
    return {
      ...kept,
      finishTask: async (context, trained) => {
        const { memory, ...state } = withExpert(context, trained);
        return {
          ...state,
          memory: { ...memory, tensors: new Map([...memory.tensors, ...(await anchorsOf(context))]) },
        };
      },
      inference: (state, { model }) => {
        const { tensors } = state.memory;
        const tasks = expertTasks(state.memory);
        const parameters = new Map(keptParameters(state, scale));
        for (const layer of factorsOf(tensors, tasks[0] ?? '').keys()) {
          if (isLast(layer, model)) continue;
          for (const [name, value] of fused(state.memory, layer, own, scale)) parameters.set(name, value);
        }
        return {
          parameters,
          route: async (queries, { embeddings }) =>
            queries.map((query) => {
              const { image, text } = nearness(tensors, tasks, query, embeddings);
              const likeness = image.map((value, i) => (value + (text[i] as number)) / 2);
              const weights = softmaxOf(likeness, own.temperature);
              return {
                choice: tasks[argmaxOf(weights)] as string,
                rows: { mixture: mixtureRow(weights, adapter) },
              };
            }),
        };
      },
    };
  },
  claims: hideClaims,
});

/** Whether a linear layer is one of the decoder's last layer. */
function isLast(layer: string, { adaptable, layers }: ModelShape): boolean {
  return adaptable.get(layer)?.layer === layers - 1;
}

/** What a fused layer is fed. */
function fused(
  memory: Memory,
  layer: string,
  { fusion, mergeWeight }: Settings,
  scale: number,
): [string, HostTensor][] {
  const pairs = expertTasks(memory).flatMap((task) => factorsOf(memory.tensors, task).get(layer) ?? []);
  const names = [`${layer}.kept_A`, `${layer}.kept_B`] as const;
  const summed = (tensorsOf: readonly HostTensor[], factor: number) =>
    float32(
      Float32Array.from(tensorsOf[0]?.data ?? [], (_, i) =>
        tensorsOf.reduce((sum, { data }) => sum + (data[i] as number) * factor, 0),
      ),
      tensorsOf[0]?.shape ?? [],
    );
  if (fusion === 'code') {
    return [
      [
        names[0],
        summed(
          pairs.map(({ a }) => a),
          1,
        ),
      ],
      [
        names[1],
        summed(
          pairs.map(({ b }) => b),
          scale * mergeWeight,
        ),
      ],
    ];
  }
  const share = fusion === 'mean' ? 1 / pairs.length : 1;
  const { a, b } = stacked(pairs, scale * mergeWeight * share);
  return [
    [names[0], a],
    [names[1], b],
  ];
}

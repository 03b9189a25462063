// Made-up routing of a mixture and of a method that chooses a task's expert, for tests of the report.

import type { ChoiceCell, RoutingResults } from '../../src/followups/observatory-file.ts';
import type { LayerUse } from '../../src/metrics/routing.ts';

const modules = ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.down_proj'];
const layers = [0, 1].flatMap((layer) =>
  modules.map((module) => `model.language_model.layers.${layer}.${module}`),
);

/** Four experts, of which the last of the first layer does nothing; what a task prefers moves with every stage. */
function layerUse(task: number, stage: number, layer: number): LayerUse {
  const raw = [0, 1, 2, 3].map((expert) => {
    if (layer === 0 && expert === 3) return 0;
    return 1 + (expert === (task + layer) % 3 ? 2 : 0) + (expert === 0 ? 0.3 * (stage - task) : 0);
  });
  const total = raw.reduce((sum, value) => sum + value, 0);
  const weight = raw.map((value) => value / total);
  return { weight, first: weight, spread: 0.8 };
}

/** The first task has no images. */
export function fakeRouting(tasks: readonly string[], stages = tasks.length): RoutingResults {
  const use = (task: number, stage: number) => ({
    tokens: 40,
    layers: layers.map((_, layer) => layerUse(task, stage, layer)),
  });
  const observed = tasks.slice(0, stages).map((after, stage) => ({
    after,
    tasks: tasks.slice(0, stage + 1).map((task, index) => {
      const own = use(index, stage);
      const image = index === 0 ? {} : { image: own };
      return { task, samples: 16, use: { ...image, question: own, answer: own } };
    }),
  }));
  const choices = observed.flatMap(({ after, tasks: seen }) =>
    seen.map(({ task }, index): ChoiceCell => {
      const other = seen[(index + 1) % seen.length]?.task ?? task;
      const to = other === task ? { [task]: 100 } : { [task]: 90, [other]: 10 };
      return { method: 'lora', after, task, routed: 100, right: to[task] ?? 0, to };
    }),
  );
  return {
    mixtures: [{ method: 'moelora', experts: 4, layers, samples: 16, stages: observed }],
    unread: tasks.slice(stages).map((after) => ({ method: 'moelora', after, stale: false })),
    choices,
  };
}

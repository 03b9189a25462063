// DISCO (Guo et al., ICCV 2025; federated, used centrally here): an expert per task, trained alone, and in every layer the
// experts side by side, each scaled by how near the question's text is to its task: w = softmax(cos_text/0.05).
// Released code appears to add the size of a batch to the running mean of a task; the mean is meant and computed here.
import { z } from 'zod';
import { defineMethod, type Method } from '../define.ts';
import { anchorsOf, argmaxOf, nearness, softmaxOf } from '../shared/anchors.ts';
import { expertTasks, mixtureRow } from '../shared/experts.ts';
import { keptMethod, keptParameters, withExpert } from '../shared/kept.ts';
import { discoClaims } from './claims.ts';

const settings = z.strictObject({
  temperature: z.number().gt(0).default(0.05).describe('of the weights of the experts'),
});

export const disco: Method = defineMethod({
  name: 'disco',
  label: 'DISCO',
  summary: 'experts per task in every layer, weighted by the question’s likeness to the task’s texts',
  costs: { keeps: 'an adapter per task and a vector each', answering: 'the adapters of all tasks' },
  origin: {
    source: 'DISCO, Guo et al., ICCV 2025',
    deviations: [
      'centrally; the paper’s setting is federated',
      'text vectors are mean word embeddings of the model, as its checkpoints lack CLIP’s text half: they know words, not their order',
    ],
  },
  settings,
  open: ({ adapter, own }) => {
    const kept = keptMethod({ adapter, onTop: false, trainsProjector: true, weighted: () => true });
    return {
      ...kept,
      finishTask: async (context, trained) => {
        const { memory, ...state } = withExpert(context, trained);
        const anchors = (await anchorsOf(context)).filter(([name]) => name.startsWith('anchor-text/'));
        return { ...state, memory: { ...memory, tensors: new Map([...memory.tensors, ...anchors]) } };
      },
      inference: (state) => {
        const { tensors } = state.memory;
        const tasks = expertTasks(state.memory);
        return {
          parameters: keptParameters(state, adapter.alpha / adapter.rank),
          route: async (queries, { embeddings }) =>
            queries.map((query) => {
              const weights = softmaxOf(nearness(tensors, tasks, query, embeddings).text, own.temperature);
              return {
                choice: tasks[argmaxOf(weights)] as string,
                rows: { mixture: mixtureRow(weights, adapter) },
              };
            }),
        };
      },
    };
  },
  claims: discoClaims,
});

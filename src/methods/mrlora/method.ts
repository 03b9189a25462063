// MR-LoRA (Zhao et al., 2025): an adapter per task, each trained alone on the base model, and a router that is the model
// itself: with a small adapter of its own, trained on a few samples of every seen task, it is asked which expert should
// answer and says its letter. Then the expert answers. Two passes per question; how often the router is right is measured.
// paper: the question lists the pool of experts, a description by letter, and an answer that is no letter goes to a random
// expert / here: the question alone, as tasks have no descriptions, and the last expert.
import { z } from 'zod';
import { RandomStream } from '../../tensor/random.ts';
import { defineMethod, type Method } from '../define.ts';
import { isolatedExperts } from '../isolated/method.ts';
import type { AdapterSettings, Inference, StageState, StreamSample, TaskContext, Values } from '../method.ts';
import { expertOf, expertTasks, factorsOf, mixtureRow, withoutFactors } from '../shared/experts.ts';
import { keptParameters, withExpert } from '../shared/kept.ts';
import { bytesOfSamples } from '../shared/sample-bytes.ts';
import { mrloraClaims } from './claims.ts';

const settings = z.strictObject({
  samplesPerTask: z.int().min(1).default(20).describe('kept of each task to train the router on'),
  routerEpochs: z.int().min(1).default(10).describe('passes over those samples after every task'),
  routerLearningRate: z.number().gt(0).optional().describe('by default that of the run'),
});

type Settings = z.output<typeof settings>;

/** The router's adapter is kept beside the experts under a name that no task has. */
const ROUTER = ' router';

const QUESTION = 'Which expert should answer? Answer with its letter.';

export const mrlora: Method = defineMethod({
  name: 'mrlora',
  label: 'MR-LoRA',
  summary: 'an adapter per task; the model itself says which one should answer',
  costs: {
    keeps: 'an adapter per task, the router’s and its samples',
    answering: 'two passes; the adapters of all tasks and the router’s',
  },
  origin: {
    source: 'MR-LoRA, Zhao et al., 2025',
    deviations: [
      'the router’s question does not list the pool of experts with a description each, as the paper’s does',
      'an answer that is no expert’s letter goes to the last expert; the paper’s to a random one',
      'the router trains 10 epochs at the run’s rate; the paper’s 40 at 5e-6',
      'experts train as long as every other method’s adapters; the paper’s three epochs',
    ],
  },
  settings,
  open: ({ adapter, own }) => {
    const scale = adapter.alpha / adapter.rank;
    return {
      ...isolatedExperts(adapter),
      finishTask: async (context, trained) => {
        const state = withExpert(context, trained);
        const seen = context.tasks.slice(0, context.stage);
        const router = seen.length < 2 ? [] : await trainRouter(context, seen, trained, own);
        return {
          ...state,
          memory: {
            tensors: new Map([
              ...[...state.memory.tensors].filter(([name]) => !name.startsWith(ROUTER)),
              ...router,
            ]),
            notes: {
              ...state.memory.notes,
              routerSamples: Object.fromEntries(seen.map((task) => [task, keptIds(context, task, own)])),
            },
            sampleBytes: bytesOfSamples(seen.flatMap((task) => kept(context, task, own))),
          },
        };
      },
      inference: (state) => routed(state, adapter, scale),
    };
  },
  claims: mrloraClaims,
});

function letterOf(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function asked(text: string): string {
  return `${text}\n${QUESTION}`;
}

function kept(context: TaskContext, task: string, { samplesPerTask }: Settings) {
  return new RandomStream(context.seed, `router samples of ${task}`)
    .shuffle(context.tools.samplesOf(task))
    .slice(0, samplesPerTask);
}

function keptIds(context: TaskContext, task: string, own: Settings): readonly string[] {
  return kept(context, task, own).map(({ id }) => id);
}

/** A fresh adapter on the base model that learns to name the expert, on the samples kept of every seen task. */
async function trainRouter(context: TaskContext, seen: readonly string[], trained: Values, own: Settings) {
  const { tools, stage } = context;
  const stream = seen.flatMap((task, index) =>
    kept(context, task, own).map(
      (sample): StreamSample => ({
        task,
        sample: {
          ...sample,
          turns: [{ question: asked(sample.turns[0]?.question ?? ''), answer: letterOf(index) }],
        },
      }),
    ),
  );
  const router = await tools.train({
    purpose: 'router',
    examples: await tools.tokenize(stream),
    initial: new Map([...tools.fresh(1000 + stage), ...withoutFactors(trained)]),
    epochs: own.routerEpochs,
    ...(own.routerLearningRate === undefined ? {} : { learningRate: own.routerLearningRate }),
  });
  return expertOf(ROUTER, router);
}

function routed(state: StageState, adapter: AdapterSettings, scale: number): Inference {
  const tasks = expertTasks(state.memory);
  const parameters = keptParameters(state, scale);
  const hasRouter = factorsOf(state.memory.tensors, ROUTER).size > 0;
  return {
    parameters,
    passes: hasRouter ? 2 : 1,
    route: async (queries, { generate }) => {
      const answers = hasRouter
        ? await generate(
            queries.map(({ text, features, layout }) => ({
              text: asked(text),
              rows: { mixture: mixtureRow([1], adapter) },
              features,
              layout,
            })),
            keptParameters(state, scale, [ROUTER]),
            1,
          )
        : queries.map(() => letterOf(0));
      return answers.map((answer) => {
        const index = tasks.findIndex((_, i) => letterOf(i) === answer.trim());
        // What is no expert's letter goes to the last expert.
        const chosen = index === -1 ? tasks.length - 1 : index;
        return {
          choice: tasks[chosen] as string,
          rows: {
            mixture: mixtureRow(
              tasks.map((_, i) => (i === chosen ? 1 : 0)),
              adapter,
            ),
          },
        };
      });
    },
  };
}

// ModalPrompt (Zeng et al., EMNLP 2025): the model stays as it is; every task has a few prompt tokens of its own, put in
// after the beginning of the sequence, and a small network that maps their mean to a prototype beside images and texts,
//   CE + (1 − cos(image, prototype)) + (1 − cos(text, prototype)).
// A question is given the tokens of the `top` tasks whose prototypes it is nearest to, ½cos(image) + ½cos(text).
// paper: one space, CLIP's / here: a prototype has a part for images and one for texts (embeddings.ts).
// paper: in training the nearest earlier tasks' tokens stand before the task's own, and three tasks' at inference / here:
// the task's own alone, and `top` (1) at inference.
import { z } from 'zod';
import { kaimingUniform, ParameterTable, zeroValues } from '../../adapters/index.ts';
import type { ModelShape } from '../../models/family.ts';
import { elementCount, float32, type HostTensor } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import {
  add,
  div,
  gather,
  input,
  less,
  matmul,
  mul,
  reshape,
  silu,
  slice,
  sqrt,
  square,
  sub,
  sum,
  where,
} from '../../tensor/ops.ts';
import { normalArray } from '../../tensor/random.ts';
import { defineMethod, type Method } from '../define.ts';
import type { BatchExample, Embeddings, MethodGraph, Values } from '../method.ts';
import { cosine, meanOf, unit } from '../shared/embeddings.ts';
import { withInserted } from '../shared/insertion.ts';
import { modalpromptClaims } from './claims.ts';

const settings = z.strictObject({
  tokens: z.int().min(1).default(10).describe('prompt tokens of each task'),
  top: z.int().min(1).max(3).default(1).describe('tasks whose tokens a question is given'),
  rate: z
    .number()
    .gt(0)
    .default(10)
    .describe('times the learning rate of the run at which prompt tokens train; adapters need less'),
});

type Settings = z.output<typeof settings>;

const PROMPT = 'modal.prompt';

const mlp = ['modal.linear_1', 'modal.linear_2'] as const;

export const modalprompt: Method = defineMethod({
  name: 'modalprompt',
  label: 'ModalPrompt',
  summary: 'prompt tokens per task, chosen by likeness; the model itself is never changed',
  costs: {
    fixedSize:
      'its size is its prompt tokens, of which each takes a place in every sequence: those that a budget of adapters stands for would fill the context many times over',
    keeps: 'prompt tokens and a prototype per task',
    answering: 'the prompt tokens of the nearest tasks',
  },
  origin: {
    source: 'ModalPrompt, Zeng et al., EMNLP 2025',
    deviations: [
      'a task trains with its own tokens alone; the paper puts those of the two nearest earlier tasks before them',
      'a question is given the tokens of one task by default, not of three',
      'it trains as long as every other method; the authors train ten epochs, on a model that is instruction-tuned already',
      'a prototype has a part for images and one for texts; the paper’s stands in CLIP’s one space',
      'text vectors are mean word embeddings of the model, as its checkpoints lack CLIP’s text half: they know words, not their order',
      'prompt tokens train at ten times the run’s rate, which is ours',
    ],
    variants: ['rate: 1: at the run’s rate', 'top: up to three tasks’ tokens per question'],
  },
  settings,
  open: ({ own }) => ({
    graph: ({ use, model }): MethodGraph =>
      use === 'training' ? trainingGraph(model, own) : inferenceGraph(model),
    beginTask: ({ previous, tools, examples, stage, model }) => ({
      initial: new Map([...tools.fresh(stage - 1), ...(previous?.trained ?? [])]),
      examples: examples.map((example) => withInserted(example, promptIds(model, own, [0]))),
      batchFeeds: (batch) => batchMeans(batch, tools.embeddings),
    }),
    finishTask: ({ previous, task }, trained) => {
      const { data, shape } = trained.get(PROMPT) as HostTensor;
      const prompt = float32(
        Float32Array.from(data, (value) => value * own.rate),
        shape,
      );
      const prototype = prototypeOf(trained, prompt);
      return {
        // The tokens and the network of the task are done with; the next task begins new ones.
        trained: new Map([...trained].filter(([name]) => !name.startsWith('modal.'))),
        memory: {
          tensors: new Map([
            ...(previous?.memory.tensors ?? []),
            [`${task}/prompt`, prompt],
            [`${task}/prototype`, float32(prototype, [prototype.length])],
          ]),
          notes: {},
        },
      };
    },
    inference: ({ trained, memory: { tensors } }, { model }) => {
      const tasks = [...tensors.keys()].flatMap((name) =>
        name.endsWith('/prompt') ? [name.split('/')[0] as string] : [],
      );
      const prompts = tasks.map((task) => tensors.get(`${task}/prompt`) as HostTensor);
      const table = prompts.flatMap(({ data }) => [...data]);
      return {
        parameters: new Map([
          ...trained,
          [PROMPT, float32(table, [tasks.length * own.tokens, model.hiddenSize])],
        ]),
        addedTokens: Math.min(own.top, tasks.length) * own.tokens,
        route: async (queries, { embeddings }) =>
          queries.map((query) => {
            const [image, text] = [embeddings.image(query.features), embeddings.text(query.text)];
            const nearest = tasks
              .map((task, index) => {
                const prototype = tensors.get(`${task}/prototype`)?.data as Float32Array;
                const [forImage, forText] = halves(prototype, image.length);
                return { index, likeness: cosine(image, forImage) + cosine(text, forText) };
              })
              .sort((a, b) => b.likeness - a.likeness || a.index - b.index)
              .slice(0, own.top)
              .map(({ index }) => index);
            return { choice: tasks[nearest[0] as number] as string, insert: promptIds(model, own, nearest) };
          }),
      };
    },
  }),
  claims: modalpromptClaims,
});

/** Ids beyond the vocabulary: the tokens of the tasks with these numbers. */
function promptIds(model: ModelShape, { tokens }: Settings, tasks: readonly number[]): readonly number[] {
  return tasks.flatMap((task) =>
    Array.from({ length: tokens }, (_, i) => model.vocabularySize + task * tokens + i),
  );
}

/** Word embeddings, with rows of `prompts` for ids beyond the vocabulary. */
function embedded(model: ModelShape, prompts: Tensor, ids: Tensor, lookup: (ids: Tensor) => Tensor): Tensor {
  const isWord = less(ids, model.vocabularySize);
  const words = lookup(where(isWord, ids, 0));
  const own = gather(prompts, where(isWord, 0, sub(ids, model.vocabularySize)));
  return where(reshape(isWord, [...ids.shape, 1]), words, own);
}

function inferenceGraph(model: ModelShape): MethodGraph {
  const prompts = input(PROMPT, 'float32', ['prompts', model.hiddenSize]);
  return {
    parameters: new Map(),
    trainsProjector: false,
    adapt: (_, __, y) => y,
    embed: (ids, lookup) => embedded(model, prompts, ids, lookup),
  };
}

function trainingGraph(model: ModelShape, { tokens, rate }: Settings): MethodGraph {
  const table = new ParameterTable();
  const { hiddenSize } = model;
  const space = model.featureSize + hiddenSize;
  const shape = [tokens, hiddenSize];
  // Adam's steps do not depend on the size of a gradient: numbers that count `rate` times move a token `rate` times as far.
  const own = table.add(PROMPT, shape, (seed) =>
    normalArray(elementCount(shape), { seed, purpose: PROMPT, standardDeviation: 0.02 / rate }),
  );
  const prompts = mul(own, rate); // [tokens, hidden]
  const layer = (name: string, outputs: number) => ({
    weight: table.add(`${name}.weight`, [outputs, hiddenSize], kaimingUniform(name, [outputs, hiddenSize])),
    bias: table.add(`${name}.bias`, [outputs], zeroValues([outputs])),
  });
  const [first, second] = [layer(mlp[0], hiddenSize), layer(mlp[1], space)];
  return {
    parameters: table.all,
    trainsProjector: false,
    adapt: (_, __, y) => y,
    embed: (ids, lookup) => embedded(model, prompts, ids, lookup),
    extraLoss: ({ share }) => {
      const mean = mul(sum(prompts, [0]), 1 / tokens); // [1, hidden]
      const inner = silu(add(matmul(mean, first.weight, { transposeB: true }), first.bias));
      const prototype = add(matmul(inner, second.weight, { transposeB: true }), second.bias); // [1, space]
      const away = (kind: 'image' | 'text', start: number, size: number) => {
        const part = slice(prototype, 1, start, size);
        const length = sqrt(add(sum(square(part)), 1e-12));
        const along = sum(mul(part, input(`modal.${kind}`, 'float32', [1, size])));
        return sub(1, div(along, length));
      };
      return mul(
        add(away('image', 0, model.featureSize), away('text', model.featureSize, hiddenSize)),
        share,
      );
    },
  };
}

/** A mean of cosines with one vector is the cosine-like product with the mean of unit vectors. */
function batchMeans(batch: readonly BatchExample[], embeddings: Embeddings): Values {
  const size = embeddings.image(undefined).length;
  const images = batch.map(({ features }) => embeddings.image(features));
  const texts = batch.map(({ sample }) => embeddings.text(sample.turns[0]?.question ?? ''));
  const row = (vectors: readonly Float32Array[], length: number) =>
    float32(meanOf(vectors, length), [1, length]);
  return new Map([
    ['modal.image', row(images, size)],
    ['modal.text', row(texts, texts[0]?.length ?? 0)],
  ]);
}

/** The network's value for a task's tokens, as its graph computes it. */
function prototypeOf(values: Values, { data, shape }: HostTensor): Float32Array {
  const [tokens, hidden] = shape as [number, number];
  let state = Array.from({ length: hidden }, (_, i) => {
    let total = 0;
    for (let token = 0; token < tokens; token++) total += data[token * hidden + i] as number;
    return total / tokens;
  });
  for (const [index, name] of mlp.entries()) {
    const [weight, bias] = [values.get(`${name}.weight`)?.data ?? [], values.get(`${name}.bias`)?.data ?? []];
    const inputs = state;
    state = Array.from(bias, (start, row) =>
      inputs.reduce((total, value, i) => total + value * (weight[row * inputs.length + i] as number), start),
    );
    if (index === 0) state = state.map((value) => value / (1 + Math.exp(-value)));
  }
  return Float32Array.from(state);
}

/** The prototype's directions for images and for texts. */
function halves(prototype: Float32Array, imageSize: number): readonly [Float32Array, Float32Array] {
  return [unit(prototype.subarray(0, imageSize)), unit(prototype.subarray(imageSize))];
}

// SMoLoRA (Wang et al., ICCV 2025): experts in two halves. One expert of the visual half is chosen by the image, one of
// the instruction half by the text of the instruction; a layer blends the two per token by a softmax of two scores,
//   y = W₀x + (α/r)·( s_v·B_v·A_v·x + s_i·B_i·A_i·x ),  v = argmax(G_v·image), i = argmax(G_i·instruction).
// The gates learn in the first task and are frozen after it. Released code chooses with a bare one-hot, through which no
// gradient reaches the gates: `gradient: none`; here the choice is straight-through.
// paper: v from the mean of the layer's input tokens, i from a sentence encoder / here: from the mean patch feature and
// the mean word embedding of the question (embeddings.ts), which are there also when a single token is decoded.
// paper: the two are blended by scores of the experts' outputs / here: by scores of the layer's input.
import { z } from 'zod';
import { kaimingUniform, ParameterTable, zeroValues } from '../../adapters/index.ts';
import { DropoutSites } from '../../nn/dropout.ts';
import { elementCount, float32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import {
  add,
  argmax,
  cast,
  concat,
  equal,
  iota,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  stopGradient,
  sub,
} from '../../tensor/ops.ts';
import { normalArray } from '../../tensor/random.ts';
import { defineMethod, type Method } from '../define.ts';
import type { AdapterSettings, Embeddings, GraphOptions, MethodGraph, Question } from '../method.ts';
import { carriedOn, noMemory } from '../shared/carried.ts';
import { SampleRows } from '../shared/experts.ts';
import { expertProblems } from '../shared/problems.ts';
import { smoloraClaims } from './claims.ts';

const settings = z.strictObject({
  gradient: z
    .enum(['straight-through', 'none'])
    .default('straight-through')
    .describe('how the gates learn from a choice of one expert; none is what released code does'),
});

type Settings = z.output<typeof settings>;

const GATE = /\.gate_(visual|instruction)\.weight$/;

const halves = ['visual', 'instruction'] as const;

const rowName = (half: (typeof halves)[number]) => `smolora.${half}`;

export const smolora: Method = defineMethod({
  name: 'smolora',
  label: 'SMoLoRA',
  summary: 'one expert chosen by the image and one by the instruction, blended per token',
  mixture: true,
  origin: {
    source: 'SMoLoRA, Wang et al., ICCV 2025',
    deviations: [
      'the visual expert is chosen by the mean patch feature, the instruction’s by mean word embeddings; the paper takes the mean of a layer’s tokens and a sentence encoder',
      'the blend is a softmax of scores of a layer’s input; the paper’s is of scores of the two experts’ outputs',
      'the choice passes gradient straight through, which is our reading',
      'the metric of instruction following is left out',
    ],
    variants: ['gradient: none: a bare one-hot, as released code has it'],
  },
  settings,
  problems: ({ adapter }) => [
    ...expertProblems('SMoLoRA', adapter, 'smolora'),
    ...(adapter.experts % 2 === 0
      ? []
      : [
          {
            path: ['adapter', 'experts'],
            message: `expected an even number of experts, found ${adapter.experts}`,
            hint: 'SMoLoRA has as many experts for images as for instructions; or leave smolora out of methods',
          },
        ]),
  ],
  open: ({ adapter, own }) => ({
    mixedExperts: adapter.experts,
    graph: (options) => dualGraph(options, adapter, own),
    beginTask: (context) => {
      const initial = carriedOn(context);
      const gates = new Map([...initial].filter(([name]) => GATE.test(name)));
      return {
        initial,
        batchFeeds: (batch) => {
          const rows = batch.map(({ features, sample }) =>
            rowsOf(
              { text: sample.turns[0]?.question ?? '', ...(features === undefined ? {} : { features }) },
              context.tools.embeddings,
            ),
          );
          return new Map(
            halves.map((half) => {
              const parts = rows.map((row) => row[rowName(half)] as Float32Array);
              const size = parts[0]?.length ?? 0;
              return [
                rowName(half),
                float32(
                  parts.flatMap((part) => [...part]),
                  [parts.length, size],
                ),
              ];
            }),
          );
        },
        ...(context.stage === 1 ? {} : { afterStep: () => gates }),
      };
    },
    finishTask: (_, trained) => ({ trained, memory: noMemory }),
    inference: ({ trained }) => ({
      parameters: trained,
      route: async (queries, { embeddings }) => queries.map((query) => ({ rows: rowsOf(query, embeddings) })),
    }),
  }),
  claims: smoloraClaims,
});

function dualGraph(
  { dropoutKey, use, model }: GraphOptions,
  { rank, alpha, dropout, experts }: AdapterSettings,
  { gradient }: Settings,
): MethodGraph {
  const table = new ParameterTable();
  const sites = new DropoutSites(dropout, dropoutKey);
  const rows = new SampleRows();
  const half = experts / 2;
  const sizes = { visual: model.featureSize, instruction: model.hiddenSize };
  const learns = use === 'training' && gradient === 'straight-through';
  /** One-hot over a half's experts, per sample: [batch, 1, experts/2] or a row per row of x. */
  const choice = (name: string, kind: (typeof halves)[number], x: Tensor): Tensor => {
    const shape = [half, sizes[kind]];
    const gate = table.add(
      `${name}.gate_${kind}.weight`,
      shape,
      kaimingUniform(`${name}.gate_${kind}`, shape),
    );
    const likely = softmax(matmul(rows.of(rowName(kind), sizes[kind], x), gate, { transposeB: true }));
    const best = argmax(likely, likely.rank - 1);
    const hard = cast(equal(reshape(best, [...best.shape, 1]), iota(half)), 'float32');
    return learns ? add(hard, sub(likely, stopGradient(likely))) : hard;
  };
  const used = new Map<string, Tensor>();
  return {
    parameters: table.all,
    trainsProjector: true,
    gates: used,
    adapt: (name, x, y) => {
      if (!model.adaptable.has(name)) return y;
      const inputs = x.staticDim(-1);
      const [shapeA, shapeB, shapeScores] = [
        [rank, inputs],
        [y.staticDim(-1), rank],
        [2, inputs],
      ];
      const a = table.add(`${name}.lora_A.weight`, shapeA, (seed) =>
        normalArray(elementCount(shapeA), { seed, purpose: `${name}.lora_A`, standardDeviation: 0.01 }),
      );
      const b = table.add(`${name}.lora_B.weight`, shapeB, zeroValues(shapeB));
      const scores = table.add(`${name}.scores.weight`, shapeScores, zeroValues(shapeScores));
      const blend = softmax(matmul(x, scores, { transposeB: true })); // [..., 2]
      const gates = concat(
        halves.map((kind, i) => mul(choice(name, kind, x), slice(blend, -1, i, 1))),
        -1,
      ); // [..., experts]
      used.set(name, gates);
      const leading = x.shape.slice(0, -1);
      const inner = matmul(sites.apply(x), a, { transposeB: true }); // [..., rank]
      const blocks = reshape(inner, [...leading, experts, rank / experts]);
      const gated = mul(blocks, reshape(mul(gates, alpha / rank), [...leading, experts, 1]));
      return add(y, matmul(reshape(gated, [...leading, rank]), b, { transposeB: true }));
    },
  };
}

function rowsOf(question: Question, embeddings: Embeddings): Record<string, Float32Array> {
  return {
    [rowName('visual')]: embeddings.image(question.features),
    [rowName('instruction')]: embeddings.text(instructionOf(question.text)),
  };
}

/** The last line, where there are several. */
function instructionOf(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1);
}

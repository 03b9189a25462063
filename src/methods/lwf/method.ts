// Learning without forgetting (Li & Hoiem, 2016): on the new task's inputs the model stays near its own answers before,
//   CE + β·T²·mean_answers KL( softmax(z_old/T) ‖ softmax(z_new/T) ).
// The teacher is the model as the stage before left it, run on each batch beside the student, without gradient. With
// `topK` only the k largest probabilities and the mass of the rest are compared, which is what a cache would hold.
// TRACE's code has the arguments of KL reversed and lets gradient into the teacher; CoIN's has the term on 100 samples.
// paper: no factor T², which is Hinton's et al. (2015) for distillation, and a warm-up of the new task's head / here: T²
// keeps the gradient's size as T grows, and there is no new head.
import { z } from 'zod';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, exp, input, log, logSoftmax, mul, reshape, sub, sum } from '../../tensor/ops.ts';
import { defineMethod, type Method } from '../define.ts';
import type { BatchExample, TaskContext, TracedLoss, Values } from '../method.ts';
import { adapterGraph, carriedAdapter, carriedOn, loraSpec } from '../shared/carried.ts';
import { lwfClaims } from './claims.ts';

const settings = z.strictObject({
  beta: z.number().gt(0).default(1).describe('weight of staying near the answers before'),
  temperature: z.number().gt(0).default(2).describe('both distributions are softened by it'),
  topK: z
    .union([z.literal('all'), z.int().min(1)])
    .default('all')
    .describe('probabilities of the teacher that are kept; the rest count as one'),
});

type Settings = z.output<typeof settings>;

export const lwf: Method = defineMethod({
  name: 'lwf',
  label: 'LwF',
  summary: 'the model before the task is the teacher on the new task’s inputs',
  origin: {
    source: 'Li and Hoiem, Learning without Forgetting, ECCV 2016',
    deviations: ['the term has the factor T² of Hinton et al. (2015), which the paper’s has not'],
    variants: ['topK: the k largest probabilities and the mass of the rest'],
  },
  settings,
  open: ({ adapter, own }) => {
    const spec = loraSpec(adapter);
    return {
      ...carriedAdapter(spec),
      graph: (options) => adapterGraph(spec, options, (_, traced) => distillation(traced, own)),
      beginTask: (context) => ({
        initial: carriedOn(context),
        batchFeeds: (batch) => teacherFeeds(context, batch, own),
      }),
    };
  },
  claims: lwfClaims,
});

/** β·T²·Σ weight·KL, with the teacher's own entropy fed, so that the number is the divergence. */
function distillation({ logits, weights }: TracedLoss, { beta, temperature, topK }: Settings): Tensor {
  const answers = logits.dim(0);
  const vocabulary = logits.staticDim(1);
  const student = logSoftmax(mul(logits, 1 / temperature)); // [answers, vocabulary]
  const teacher = input('lwf.teacher', 'float32', ['answers', vocabulary]);
  const negentropy = input('lwf.negentropy', 'float32', ['answers', 1]);
  let agreement = sum(mul(teacher, student), [1]); // Σ p·log q
  if (topK !== 'all') {
    const outside = input('lwf.outside', 'float32', ['answers', vocabulary]);
    const rest = sum(mul(exp(student), outside), [1]);
    const restOfTeacher = input('lwf.rest', 'float32', ['answers', 1]);
    agreement = add(agreement, mul(restOfTeacher, log(add(rest, 1e-20))));
  }
  const divergence = mul(sub(negentropy, agreement), reshape(weights, [answers, 1]));
  return mul(sum(divergence), beta * temperature ** 2);
}

async function teacherFeeds(
  { previous, tools, model }: TaskContext,
  batch: readonly BatchExample[],
  own: Settings,
): Promise<Values> {
  const vocabulary = model.vocabularySize;
  if (previous === undefined) {
    const answers = batch.reduce((n, { trained }) => n + trained.subarray(1).reduce((a, b) => a + b, 0), 0);
    const of = (size: number) => float32(new Float32Array(answers * size), [answers, size]);
    return named(of(vocabulary), of(1), of(vocabulary), of(1));
  }
  return softened(await tools.logits(batch, previous.trained), own);
}

/** The teacher's distribution per answer: p inside its k largest, Σ p·log p, where it is not kept, and the mass there. */
export function softened({ data, shape }: HostTensor, { temperature, topK }: Settings): Values {
  const [answers, vocabulary] = shape as [number, number];
  const inside = new Float32Array(answers * vocabulary);
  const outside = new Float32Array(answers * vocabulary);
  const [negentropy, rest] = [new Float32Array(answers), new Float32Array(answers)];
  for (let row = 0; row < answers; row++) {
    const scores = Array.from(
      data.subarray(row * vocabulary, (row + 1) * vocabulary),
      (z) => z / temperature,
    );
    const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = scores.map((score) => Math.exp(score - largest));
    const whole = powers.reduce((a, b) => a + b, 0);
    const p = powers.map((power) => power / whole);
    const kept =
      topK === 'all'
        ? undefined
        : new Set([...p.keys()].sort((a, b) => (p[b] as number) - (p[a] as number)).slice(0, topK));
    let mass = 0;
    p.forEach((value, i) => {
      if (kept === undefined || kept.has(i)) {
        inside[row * vocabulary + i] = value;
        negentropy[row] = (negentropy[row] as number) + (value > 0 ? value * Math.log(value) : 0);
      } else {
        outside[row * vocabulary + i] = 1;
        mass += value;
      }
    });
    rest[row] = mass;
    if (mass > 0) negentropy[row] = (negentropy[row] as number) + mass * Math.log(mass);
  }
  return named(
    float32(inside, shape),
    float32(negentropy, [answers, 1]),
    float32(outside, shape),
    float32(rest, [answers, 1]),
  );
}

function named(teacher: HostTensor, negentropy: HostTensor, outside: HostTensor, rest: HostTensor): Values {
  return new Map([
    ['lwf.teacher', teacher],
    ['lwf.negentropy', negentropy],
    ['lwf.outside', outside],
    ['lwf.rest', rest],
  ]);
}

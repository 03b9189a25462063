// The methods' formulas against plain loops in float64: graphs by the interpreter, host code by itself.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradientError } from '../../test/support/central-differences.ts';
import { normal } from '../../test/support/plain.ts';
import type { ModelShape } from '../models/family.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { evaluate, type Feed } from '../tensor/interpreter.ts';
import { input } from '../tensor/ops.ts';
import { keptShares, momentum } from './clmoe/method.ts';
import type { Method } from './define.ts';
import { accumulated } from './ewc/method.ts';
import { lwf, softened } from './lwf/method.ts';
import type { TracedLoss, Values } from './method.ts';
import { modalprompt } from './modalprompt/method.ts';
import { olora } from './olora/method.ts';
import { largestEntries, reglora } from './reglora/method.ts';
import { diversified } from './shared/asd.ts';
import { cosine, createEmbeddings } from './shared/embeddings.ts';
import { KeptExperts, keptFeeds, mixtureRow } from './shared/experts.ts';
import { product } from './shared/matrices.ts';
import {
  matrixOf,
  multiply,
  principalDirections,
  symmetricEigen,
  transposed,
  withoutDirections,
} from './shared/subspace.ts';

const LAYER = 'model.language_model.layers.0.self_attn.q_proj';
const model: ModelShape = {
  layers: 1,
  hiddenSize: 6,
  vocabularySize: 5,
  featureSize: 4,
  positionAxes: 1,
  cache: { heads: 1, headSize: 6 },
  adaptable: new Map([[LAYER, { layer: 0, inputs: 6, outputs: 3 }]]),
  targetModules: '.*',
  savedModules: [],
  alongside: new Map(),
};
const adapter = { rank: 2, alpha: 4, dropout: 0, experts: 2 };
const [INPUTS, OUTPUTS] = [6, 3];

/** A method's added loss over one adapted layer, with the inputs it is traced from. */
function addedLoss(method: Method, own: Record<string, unknown> = {}) {
  const graph = method.open({ adapter, own }).graph({ use: 'training', model });
  graph.adapt(LAYER, input('x', 'float32', [1, 2, INPUTS]), input('y', 'float32', [1, 2, OUTPUTS]));
  const traced: TracedLoss = {
    logits: input('logits', 'float32', ['answers', 5]),
    labels: input('labels', 'int32', ['answers']),
    weights: input('weights', 'float32', ['answers']),
    share: input('share', 'float32', [1, 1]),
    projector: new Map(),
    model,
  };
  const loss = graph.extraLoss?.(traced);
  if (loss === undefined) throw new Error('no added loss');
  return {
    loss,
    logits: traced.logits,
    parameters: [...graph.parameters.values()].map(({ tensor }) => tensor),
  };
}

const lossValue = (loss: Tensor, feeds: Readonly<Record<string, Feed>>) =>
  evaluate({ loss }, feeds).loss.data[0] as number;
const share = float32([0.5], [1, 1]);
const a = normal('a', [2, INPUTS]);
const b = normal('b', [OUTPUTS, 2]);
const factors = { [`${LAYER}.lora_A.weight`]: a, [`${LAYER}.lora_B.weight`]: b };

describe('LwF', () => {
  const [old, fresh, weights] = [
    normal('old', [3, 5]),
    normal('new', [3, 5]),
    float32([0.5, 0.25, 0.25], [3]),
  ];
  const soft = (scores: ArrayLike<number>) => {
    const powers = Array.from(scores, (score) => Math.exp(score / 2));
    return powers.map((power) => power / powers.reduce((x, y) => x + y));
  };
  const rows = ({ data }: HostTensor) => [0, 1, 2].map((row) => soft(data.subarray(row * 5, row * 5 + 5)));

  it.each(['all', 2] as const)('is β·T²·KL(old ‖ new), with top k %s', (topK) => {
    const { loss, logits } = addedLoss(lwf, { beta: 3, temperature: 2, topK });
    const feeds = {
      logits: fresh,
      weights,
      ...Object.fromEntries(softened(old, { beta: 3, temperature: 2, topK })),
    };
    let expected = 0;
    rows(old).forEach((p, row) => {
      const q = rows(fresh)[row] as number[];
      const order = [...p.keys()].sort((i, j) => (p[j] as number) - (p[i] as number));
      const alone = topK === 'all' ? order : order.slice(0, topK);
      const terms = alone.map((i) => [p[i] as number, q[i] as number]);
      const rest = order.filter((i) => !alone.includes(i));
      if (rest.length > 0)
        terms.push([p, q].map((of) => rest.reduce((sum, i) => sum + (of[i] as number), 0)));
      const divergence = terms.reduce((sum, [x = 0, y = 0]) => sum + x * Math.log(x / y), 0);
      expected += (weights.data[row] as number) * 3 * 4 * divergence;
    });
    expect(lossValue(loss, feeds)).toBeCloseTo(expected, 6);
    expect(gradientError(loss, [logits], feeds)).toBeLessThan(1e-6);
  });
});

describe('EWC', () => {
  it('keeps a sum of quadratics as one, up to a constant', () => {
    const task = (name: string) => ({
      fisher: new Map([
        [
          'w',
          float32(
            normal(`F ${name}`, [4]).data.map((value) => value ** 2),
            [4],
          ),
        ],
      ]),
      anchor: new Map([['w', normal(`anchor ${name}`, [4])]]),
    });
    const tasks = ['one', 'two', 'three'].map(task);
    const own = {
      lambda: 1,
      samples: 1,
      online: false,
      gamma: 1,
      space: 'factors',
      estimator: 'sample',
    } as const;
    let memory: Values = new Map();
    for (const { fisher, anchor } of tasks) {
      memory = accumulated(
        { trained: new Map(), memory: { tensors: memory, notes: {} } },
        fisher,
        anchor,
        own,
      );
    }
    const at = (values: Values, name: string, i: number) => values.get(name)?.data[i] as number;
    const differences = [normal('θ', [4]), normal('θ′', [4])].map(({ data: theta }) => {
      let [one, many] = [0, 0];
      theta.forEach((value, i) => {
        one += at(memory, 'fisher/w', i) * (value - at(memory, 'anchor/w', i)) ** 2;
        for (const { fisher, anchor } of tasks)
          many += at(fisher, 'w', i) * (value - at(anchor, 'w', i)) ** 2;
      });
      return many - one;
    });
    expect(differences[0]).toBeGreaterThan(0);
    expect(differences[0]).toBeCloseTo(differences[1] as number, 4);
  });
});

describe('O-LoRA and RegLoRA', () => {
  it('add the absolute products with old factors, weighted by the share of the step', () => {
    const { loss, parameters } = addedLoss(olora);
    const old = normal('old a', [3, INPUTS]);
    const feeds = { ...factors, share, 'olora.weight': float32([0.1], [1, 1]), [`${LAYER}.kept_A`]: old };
    let expected = 0;
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) {
        let along = 0;
        for (let k = 0; k < INPUTS; k++)
          along += (a.data[i * INPUTS + k] as number) * (old.data[j * INPUTS + k] as number);
        expected += Math.abs(along) * 0.1 * 0.5;
      }
    }
    expect(lossValue(loss, feeds)).toBeCloseTo(expected, 6);
    const [onlyA] = parameters.filter((tensor) => JSON.stringify(tensor.attributes).includes('lora_A'));
    expect(gradientError(loss, [onlyA as Tensor], feeds)).toBeLessThan(1e-6);
  });

  it('add the marked entries of the update', () => {
    const { loss, parameters } = addedLoss(reglora);
    const mask = float32(
      Float32Array.from({ length: OUTPUTS * INPUTS }, (_, i) => (i % 5 === 0 ? 2 : 0)),
      [OUTPUTS, INPUTS],
    );
    const feeds = { ...factors, share, [`marked/${LAYER}`]: mask };
    const update = product(b, a, 1);
    const expected = update.reduce(
      (sum, value, i) => sum + Math.abs(value) * (mask.data[i] as number) * 0.5,
      0,
    );
    expect(lossValue(loss, feeds)).toBeCloseTo(expected, 6);
    expect(gradientError(loss, parameters, feeds)).toBeLessThan(1e-6);
  });

  it('mark the largest entries, ties from the front', () => {
    expect(largestEntries([1, -5, 3, 5, 0], 0.4)).toEqual([1, 3]);
    expect(largestEntries([1, 1, 1], 0.01)).toEqual([0]);
  });
});

describe('kept experts', () => {
  const memory: Values = new Map(
    ['A', 'B'].flatMap((task) => [
      [`${task}/${LAYER}.lora_A.weight`, normal(`${task} a`, [2, INPUTS])] as const,
      [`${task}/${LAYER}.lora_B.weight`, normal(`${task} b`, [OUTPUTS, 2])] as const,
    ]),
  );
  const feeds = keptFeeds(memory, {
    scale: 2,
    layers: new Map([[LAYER, [INPUTS, OUTPUTS]]]),
    tasks: ['A', 'B'],
  });
  const x = normal('x', [1, 2, INPUTS]);
  const y = normal('y', [1, 2, OUTPUTS]);
  const expected = (weights: readonly number[]) =>
    Float64Array.from(y.data as Float32Array, (value, at) => {
      const [token, row] = [Math.floor(at / OUTPUTS), at % OUTPUTS];
      return ['A', 'B'].reduce((sum, task, i) => {
        const of = (part: string) => memory.get(`${task}/${LAYER}.lora_${part}.weight`) as HostTensor;
        const update = product(of('B'), of('A'), 2);
        for (let k = 0; k < INPUTS; k++) {
          sum +=
            (weights[i] as number) *
            (update[row * INPUTS + k] as number) *
            (x.data[token * INPUTS + k] as number);
        }
        return sum;
      }, value);
    });

  it.each([false, true])('add Σ c·(α/r)·B·A·x, weighted per sample: %s', (weighted) => {
    const kept = new KeptExperts(model.adaptable, () => weighted);
    const xs = input('x', 'float32', ['batch', 'tokens', INPUTS]);
    const result = kept.adapt(LAYER, xs, input('y', 'float32', ['batch', 'tokens', OUTPUTS]));
    const weights = weighted ? [0.25, 0.75] : [1, 1];
    const row = mixtureRow(weights, adapter);
    const fed = { ...Object.fromEntries(feeds), x, y, mixture: float32(row, [1, row.length]) };
    const found = evaluate({ result }, fed).result.data;
    for (const [i, value] of expected(weights).entries()) expect(found[i]).toBeCloseTo(value, 5);
  });
});

describe('ModalPrompt', () => {
  it('adds 1 − cos to images and to texts, with the right gradient', () => {
    const { loss, parameters } = addedLoss(modalprompt, { tokens: 3 });
    const unitRow = (name: string, size: number) => {
      const row = normal(name, [1, size]);
      const length = Math.sqrt(cosine(row.data, row.data));
      return float32(
        (row.data as Float32Array).map((value) => value / length),
        [1, size],
      );
    };
    const feeds = {
      ...Object.fromEntries(
        parameters.map(({ attributes, shape }) => {
          const { name } = attributes as { readonly name: string };
          return [name, normal(name, shape as number[])];
        }),
      ),
      share,
      'modal.image': unitRow('image', 4),
      'modal.text': unitRow('text', 6),
    };
    const value = lossValue(loss, feeds);
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThan(0.5 * 4);
    expect(gradientError(loss, parameters, feeds)).toBeLessThan(1e-5);
  });
});

describe('CL-MoE', () => {
  it('keeps much of what earlier tasks use and little of what is new', () => {
    const used = new Map([[LAYER, float32([0.1, 0.6, 0.3], [3])]]);
    const before = new Map([[`A/gates/${LAYER}`, float32([0.7, 0.2, 0.1], [3])]]);
    const own = { beta: 0.5, gamma: 0.7, top: 1, samples: 1 };
    const shares = (roles: 'paper' | 'code') =>
      (keptShares(before, used, { ...own, roles }).get(LAYER) ?? []).map(
        (value) => Math.round(10 * value) / 10,
      );
    expect(shares('paper')).toEqual([0.7, 0.3, 0.7]);
    expect(shares('code')).toEqual([0.3, 0.7, 0.7]);
  });

  it('moves rows of A and of the router, and columns of B', () => {
    const names = ['A', 'B', 'router'].map((part) => `${LAYER}.lora_${part}.weight`);
    const shapes = [
      [4, 2],
      [2, 4],
      [2, 2],
    ];
    const filled = (value: number): Values =>
      new Map(
        names.map((name, i) => [
          name,
          float32(
            new Float32Array((shapes[i]?.[0] ?? 0) * (shapes[i]?.[1] ?? 0)).fill(value),
            shapes[i] ?? [],
          ),
        ]),
      );
    const merged = momentum(filled(1), filled(0), new Map([[LAYER, [0.7, 0.3]]]), 2);
    const found = names.map((name) =>
      Array.from(merged.get(name)?.data ?? [], (value) => Math.round(10 * value) / 10),
    );
    expect(found).toEqual([
      [0.7, 0.7, 0.7, 0.7, 0.3, 0.3, 0.3, 0.3],
      [0.7, 0.7, 0.3, 0.3, 0.7, 0.7, 0.3, 0.3],
      [0.7, 0.7, 0.3, 0.3],
    ]);
  });
});

describe('subspaces', () => {
  it('give eigenvalues that rebuild the matrix', () => {
    const m = matrixOf([5, 5], normal('m', [5, 5]).data);
    const symmetric = multiply(m, transposed(m));
    const { values, vectors } = symmetricEigen(symmetric);
    expect([...values].sort((x, y) => y - x)).toEqual(values);
    const scaled = {
      ...vectors,
      data: vectors.data.map((value, i) => value * (values[Math.floor(i / 5)] as number)),
    };
    const rebuilt = multiply(transposed(vectors), scaled).data;
    for (const [i, value] of rebuilt.entries()) expect(value).toBeCloseTo(symmetric.data[i] as number, 9);
  });

  it('find the directions that a matrix was made of, by number and by energy', () => {
    // Rows along the axes 2, 0 and 4 with falling length.
    const m = matrixOf(
      [4, 6],
      Float64Array.from({ length: 24 }, (_, i) => ({ 2: 9, 6: 3, 16: 1 })[i] ?? 0),
    );
    const axes = ({ data, rows }: ReturnType<typeof matrixOf>) =>
      Array.from({ length: rows }, (_, row) => {
        const part = Array.from(data.subarray(row * 6, row * 6 + 6), Math.abs);
        return part.indexOf(Math.max(...part));
      });
    expect(axes(principalDirections(m, { most: 2 }))).toEqual([2, 0]);
    expect(axes(principalDirections(m, { most: 6, energy: 0.85 }))).toEqual([2]);
    expect(axes(principalDirections(m, { most: 6, energy: 0.98 }))).toEqual([2, 0]);
    const rest = withoutDirections(m, principalDirections(m, { most: 2 }));
    expect(axes(principalDirections(rest, { most: 1 }))).toEqual([4]);
    expect(principalDirections(rest, { most: 0 }).rows).toBe(0);
  });
});

describe('answer styles', () => {
  const samples = Array.from({ length: 20 }, (_, i) => ({
    id: `${i}`,
    turns: [{ question: `Which is it, ${i}?\nAnswer in a word.`, answer: `thing ${i % 7}` }],
  }));

  it('rewrite the stated share, say the truth, and depend on the seed only', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 99 }), (count, seed) => {
        const options = { share: count / 20, seed, task: 'A' };
        const rewritten = diversified(samples, options);
        expect(rewritten).toEqual(diversified(samples, options));
        const changed = rewritten.filter((sample, i) => sample !== samples[i]);
        expect(changed).toHaveLength(count);
        for (const { id, turns } of changed) {
          const [{ question = '', answer = '' } = {}] = turns;
          const truth = samples[Number(id)]?.turns[0]?.answer ?? '';
          const asked = /Is the answer (.*)\? Answer yes or no\.$/.exec(question)?.[1];
          const listed = new RegExp(`^${answer}\\. (.*)$`, 'm').exec(question)?.[1];
          if (asked !== undefined) expect(answer).toBe(asked === truth ? 'Yes' : 'No');
          else if (/^[A-D]$/.test(answer)) expect(listed).toBe(truth);
          else expect(answer).toContain(truth);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('embeddings', () => {
  it('are unit vectors that texts of like words share', () => {
    const embeddings = createEmbeddings({
      table: normal('table', [10, 8]).data as Float32Array,
      hiddenSize: 8,
      featureSize: 4,
      tokenize: (text) => Array.from(text, Number),
    });
    const [one, like, other] = ['123', '124', '789'].map((text) => embeddings.text(text)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    expect(cosine(one, one)).toBeCloseTo(1, 6);
    expect(cosine(one, like)).toBeGreaterThan(cosine(one, other));
    const image = embeddings.image(Float32Array.from({ length: 12 }, (_, i) => i % 4));
    expect(cosine(image, image)).toBeCloseTo(1, 6);
    expect([...embeddings.image(undefined)]).toEqual([0, 0, 0, 0]);
  });
});

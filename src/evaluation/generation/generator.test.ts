// Generation against a plain twin that knows no cache, and against itself: any number of slots, any order, shared or not,
// the answers are the same ids.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sequenceOf } from '../../../test/support/models/sequences.ts';
import { normal } from '../../../test/support/plain.ts';
import { writeToyModel } from '../../../test/support/toy-model.ts';
import { createAdapter } from '../../adapters/index.ts';
import { type LlavaModel, openLlava } from '../../models/llava/model.ts';
import { throughImage } from '../../models/sequence.ts';
import { Scope } from '../../nn/scope.ts';
import { type HostTensor, int32 } from '../../tensor/dtype.ts';
import { argmax, input } from '../../tensor/ops.ts';
import { floats, Program } from '../../tensor/program.ts';
import { RandomStream } from '../../tensor/random.ts';
import { batchOptions, promptBatch } from '../../training/batches.ts';
import { sequenceInputs } from '../../training/loss.ts';
import { type GenerateOptions, Generator, type Prompt } from './generator.ts';
import { capacityFor } from './shapes.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-generator-'));
const spec = { kind: 'moelora', rank: 4, alpha: 8, dropout: 0, experts: 2 } as const;
const limit = 48;
let model: LlavaModel;
/** The end token is one that the model likes to say, so that answers end at many places. */
let answering: LlavaModel;
let prompts: readonly Prompt[];
let parameters: Readonly<Record<string, HostTensor>>;
let expected: readonly (readonly number[])[];

beforeAll(async () => {
  await writeToyModel(folder, { seed: 3 });
  model = openLlava(folder);
  const adapter = createAdapter(spec, model.shape.adaptable);
  await Program.compile({ y: traceTwin(adapter) }).then((program) => program.dispose());
  parameters = Object.fromEntries(
    [...adapter.parameters.values()].map(({ name, shape }) => [name, normal(name, shape, 0.3)]),
  );
  prompts = makePrompts();
  // Without an end, to find a token to end with.
  answering = { ...model, endTokenIds: [] };
  const endless = await twin();
  const counts = new Map<number, number>();
  for (const ids of endless)
    for (const id of new Set(ids.slice(1))) counts.set(id, (counts.get(id) ?? 0) + 1);
  const often = [...counts].filter(([, count]) => count < prompts.length / 2).sort((a, b) => b[1] - a[1]);
  const end = often[0]?.[0] as number;
  answering = { ...model, endTokenIds: [end] };
  expected = endless.map((ids) => (ids.includes(end) ? ids.slice(0, ids.indexOf(end)) : ids));
});
afterAll(async () => {
  for (const generator of generators.values()) await (await generator).dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Questions about four images, several about most of them, and questions without one, of many lengths. */
function makePrompts(): Prompt[] {
  const words = ['red', 'box', 'left of', 'the', 'two', 'small', 'Which', 'is', 'cup?', 'dog'];
  const random = new RandomStream(5, 'prompts');
  return Array.from({ length: 16 }, (_, i) => {
    const text = Array.from(
      { length: 1 + random.integer(24) },
      () => words[random.integer(words.length)],
    ).join(' ');
    const image = i % 5 === 0 ? undefined : `image ${random.integer(4)}`;
    const layout = image === undefined ? undefined : { rows: model.config.imageTokens };
    return { ...model.prompts.ask(text, { image: layout }), image };
  });
}

function featuresOf(image: string): Float32Array {
  return floats(normal(image, [model.config.imageTokens, model.config.vision.hiddenSize]));
}

function traceTwin(adapter = createAdapter(spec, model.shape.adaptable)) {
  const root = new Scope(model.weights.provider(), '', adapter);
  const { embeddings, positions } = sequenceInputs(root, model);
  const rows = input('last', 'int32', [1]);
  return argmax(model.network.logits(root, model.network.decode(root, embeddings, { positions, rows })), 1);
}

/** One prompt at a time, the whole sequence read again for every token. */
async function twin(): Promise<number[][]> {
  const program = await Program.compile({ next: traceTwin() });
  const answers: number[][] = [];
  for (const { inputIds, imageRows, image } of prompts) {
    const features = image === undefined ? undefined : featuresOf(image);
    const answer: number[] = [];
    while (answer.length < limit) {
      const whole = sequenceOf([...inputIds, ...answer]);
      // In an answer the placeholder is a word.
      const rows = Int32Array.from(whole.inputIds, (_, i) => imageRows[i] ?? -1);
      const { tokens, ...batch } = promptBatch(
        [{ ...whole, imageRows: rows, features }],
        batchOptions(model),
      );
      const { next } = await program.run({ ...parameters, ...batch, last: int32([tokens - 1], [1]) });
      answer.push((next as HostTensor).data[0] as number);
    }
    answers.push(answer);
  }
  await program.dispose();
  return answers;
}

const generators = new Map<number, Promise<Generator>>();

function generatorOf(slots: number): Promise<Generator> {
  const known =
    generators.get(slots) ??
    Generator.compile({
      model: answering,
      weights: model.weights.provider(),
      adapter: createAdapter(spec, model.shape.adaptable),
      slots,
    });
  generators.set(slots, known);
  return known;
}

async function generate(
  order: readonly number[],
  { slots = 32, ...options }: GenerateOptions & { readonly slots?: number } = {},
) {
  const generator = await generatorOf(slots);
  const loaded: string[] = [];
  const answers = await generator.generate(
    order.map((index) => prompts[index] as Prompt),
    // Another object each time, so that nothing is kept from the call before.
    { ...parameters },
    limit,
    {
      loadFeatures: async (images) => {
        loaded.push(...images);
        return images.map(featuresOf);
      },
      ...options,
    },
  );
  const { statistics } = generator;
  if (statistics === undefined) throw new Error('no statistics');
  return { answers, statistics, loaded };
}

const inOrder = () => prompts.map((_, index) => index);
const wantedFor = (order: readonly number[]) => order.map((index) => expected[index]);

describe('the prompts of these tests', () => {
  it('have answers of many lengths, and some that outgrow their first cache', () => {
    const lengths = new Set(expected.map(({ length }) => length));
    expect(lengths.size).toBeGreaterThan(4);
    expect(lengths).toContain(limit);
    const outgrown = prompts.filter(
      ({ inputIds }, i) => inputIds.length + (expected[i]?.length ?? 0) > capacityFor(inputIds.length),
    );
    expect(outgrown.length).toBeGreaterThan(2);
  });
});

describe('answers', () => {
  it.each([1, 2, 7, 32])(
    'in %s slots are those of the plain twin, in the given and in shuffled orders',
    async (slots) => {
      const orders = [inOrder(), new RandomStream(slots, 'order').shuffle(inOrder())];
      for (const order of orders)
        expect((await generate(order, { slots })).answers).toEqual(wantedFor(order));
    },
  );

  it('are the same alone, with nothing shared', async () => {
    for (const index of [1, 2]) {
      const { answers, statistics } = await generate([index], { slots: 1, share: false });
      expect(answers).toEqual(wantedFor([index]));
      expect(statistics.sharedTokens).toBe(0);
    }
  });

  it('are the same whether beginnings are shared or not, and sharing spares their tokens', async () => {
    const shared = await generate(inOrder());
    const unshared = await generate(inOrder(), { share: false });
    expect(shared.answers).toEqual(unshared.answers);
    expect(unshared.statistics.sharedTokens).toBe(0);
    const images = new Set(prompts.flatMap(({ image }) => image ?? []));
    const withImage = prompts.filter(({ image }) => image !== undefined).length;
    const beginning = throughImage(model.prompts.ask('', { image: { rows: model.config.imageTokens } }));
    expect(shared.statistics.sharedTokens).toBe((withImage - images.size) * beginning);
    expect(unshared.statistics.usefulTokens - shared.statistics.usefulTokens).toBe(
      shared.statistics.sharedTokens,
    );
    expect([...shared.loaded].sort()).toEqual([...images].sort());
  });

  it('share a text that the prompts begin with', async () => {
    const textPrefix = (prompts[0] as Prompt).inputIds;
    const longer = [
      [...textPrefix, 7, 8],
      [...textPrefix, 9],
    ].map((ids) => sequenceOf(ids));
    expect(textPrefix.length).toBeGreaterThanOrEqual(16);
    const generator = await generatorOf(2);
    const together = await generator.generate(longer, parameters, limit, { textPrefix });
    expect(generator.statistics?.sharedTokens).toBe(textPrefix.length);
    const apart = await generator.generate(longer, parameters, limit, { textPrefix, share: false });
    expect(generator.statistics?.sharedTokens).toBe(0);
    const again = await generator.generate(longer, parameters, limit, { textPrefix });
    expect(generator.statistics?.sharedTokens).toBe(2 * textPrefix.length);
    expect(together).toEqual(apart);
    expect(again).toEqual(apart);
  });

  it('are not disturbed by reading what is as large as the caches they decode in', async () => {
    // Beginnings of 128 tokens with rests of up to 8 are read in 32 rows of 128 tokens, as short prompts are decoded.
    const textPrefix = Int32Array.from({ length: 128 }, (_, i) => 10 + (i % 50));
    const long = [1, 2, 3].map((i) => sequenceOf([...textPrefix, 7, i]));
    const generator = await generatorOf(3);
    const mixed = [...prompts, ...long];
    const answer = (some: readonly Prompt[]) =>
      generator.generate(some, { ...parameters }, limit, {
        textPrefix,
        loadFeatures: async (images) => images.map(featuresOf),
      });
    const together = await answer(mixed);
    expect(together.slice(0, prompts.length)).toEqual(expected);
    for (const [i, prompt] of long.entries()) {
      expect(await answer([prompt])).toEqual([together[prompts.length + i]]);
    }
  });

  it('come one by one as they end', async () => {
    const told = new Map<number, readonly number[]>();
    const { answers } = await generate(inOrder(), {
      slots: 2,
      onAnswer: (index, ids) => void told.set(index, ids),
    });
    expect([...told.keys()].sort((a, b) => a - b)).toEqual(inOrder());
    expect(inOrder().map((index) => told.get(index))).toEqual(answers);
    expect([...told.keys()]).not.toEqual(inOrder());
  });
});

describe('decoding', () => {
  /** Runs that an answer takes part in: its first token comes with its prompt, its end is a token too. */
  const runsOf = ({ length }: readonly number[]) => (length === limit ? limit - 1 : length);

  it('in one slot costs a run per token and none after an answer’s end', async () => {
    const { statistics } = await generate(inOrder(), { slots: 1 });
    expect(statistics.decodingRuns).toBe(expected.reduce((total, ids) => total + runsOf(ids), 0));
  });

  it('replaces a row that has ended at once', async () => {
    const order = inOrder().filter(
      (index) => capacityFor((prompts[index] as Prompt).inputIds.length) === 128,
    );
    const slots = 3;
    const { statistics } = await generate(order, { slots });
    const runs = order.map((index) => runsOf(expected[index] as number[]));
    const total = runs.reduce((a, b) => a + b);
    // Waiting for the slowest of three would cost this much.
    let waited = 0;
    for (let i = 0; i < runs.length; i += slots) waited += Math.max(...runs.slice(i, i + slots));
    expect(statistics.decodingRuns).toBeGreaterThanOrEqual(total / slots);
    expect(statistics.decodingRuns).toBeLessThan(Math.min(waited, total / slots + 2 * limit));
  });

  it('stops where it is told to', async () => {
    const stop = new AbortController();
    let told = 0;
    const run = generate(inOrder(), {
      slots: 2,
      signal: stop.signal,
      onAnswer: () => ++told === 3 && stop.abort(new Error('enough')),
    });
    await expect(run).rejects.toThrow('enough');
    expect(told).toBeLessThan(prompts.length);
  });

  it('names what does not fit: places without their image, or without all of it', async () => {
    const generator = await Generator.compile({
      model: answering,
      weights: model.weights.provider(),
      slots: 1,
    });
    const { image: _, ...prompt } = prompts[1] as Prompt;
    await expect(generator.generate([prompt], {}, limit)).rejects.toThrow(
      'places for an image, but no image',
    );
    const short = new Float32Array(63 * model.shape.featureSize);
    await expect(generator.generate([{ ...prompt, features: short }], {}, limit)).rejects.toThrow(
      'places for 64 rows of an image, but an image of 63',
    );
    await generator.dispose();
  });
});

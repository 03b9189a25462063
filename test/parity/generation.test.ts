// Greedy generation with a cache, through the LoRA adapter, against transformers' `generate`.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/adapters/index.ts';
import { readAdapter } from '../../src/adapters/peft.ts';
import { Generator, type Prompt } from '../../src/evaluation/generation/generator.ts';
import { floats } from '../../src/tensor/program.ts';
import { config, fixture, model, shape, weights } from '../support/llava-tiny.ts';
import { sequenceOf } from '../support/models/sequences.ts';
import { fixturePath, readFixtureJson } from '../support/parity.ts';

interface Generation {
  readonly prompt: readonly number[];
  readonly generated: readonly number[];
}
const { generation } = readFixtureJson('llava-tiny', 'meta.json') as {
  readonly generation: {
    readonly with_image: Generation & { readonly pixel_values_row: number };
    readonly without_image: Generation;
  };
};
const { with_image: withImage, without_image: withoutImage } = generation;

const features = floats(fixture.expected.get('vision_features'));
const size = features.length / 2;
const imagePrompt: Prompt = {
  ...sequenceOf(withImage.prompt, config.imageTokenId),
  features: features.slice(withImage.pixel_values_row * size, (withImage.pixel_values_row + 1) * size),
};
const textPrompt: Prompt = sequenceOf(withoutImage.prompt);
const { spec, values } = readAdapter(fixturePath('llava-tiny', 'adapter'), { targets: shape });
const length = withImage.generated.length;

describe('greedy generation', () => {
  let generator: Generator;
  beforeAll(async () => {
    generator = await Generator.compile({
      model,
      weights: weights.provider(),
      adapter: createAdapter(spec, shape.adaptable),
      slots: 3,
    });
  });
  afterAll(() => generator.dispose());

  const generate = (prompts: readonly Prompt[], tokens = length) =>
    generator.generate(prompts, Object.fromEntries(values), tokens);

  it.each([
    ['with an image', imagePrompt, withImage.generated],
    ['without an image', textPrompt, withoutImage.generated],
  ])('%s', async (_, prompt, expected) => {
    expect(expected).toHaveLength(12);
    expect(await generate([prompt])).toEqual([expected]);
  });

  it('says the same in one batch, in any order', async () => {
    expect(await generate([textPrompt, imagePrompt, textPrompt])).toEqual([
      withoutImage.generated,
      withImage.generated,
      withoutImage.generated,
    ]);
  });

  it('says the same in fewer tokens, cut short', async () => {
    expect(await generate([imagePrompt], 5)).toEqual([withImage.generated.slice(0, 5)]);
  });

  it('stops before the end token', async () => {
    const end = withoutImage.generated[2] as number;
    const first = withoutImage.generated.indexOf(end);
    const stopping = await Generator.compile({
      model: { ...model, endTokenIds: [end] },
      weights: weights.provider(),
      adapter: createAdapter(spec, shape.adaptable),
      slots: 2,
    });
    const [answer] = await stopping.generate([textPrompt, textPrompt], Object.fromEntries(values), length);
    await stopping.dispose();
    expect(answer).toEqual(withoutImage.generated.slice(0, first));
  });
});

// Rotary positions as a decoder's configuration asks for them: the plain ones, and those stretched to longer texts by
// linear scaling, LLaMA 3's or YaRN. Gives frequencies; turning queries and keys by them is nn/attention.ts.
// Source: transformers 5.24, modeling_rope_utils.py (formulas; checked by fixtures).
import { z } from 'zod';
import { rotaryFrequencies } from '../../../nn/attention.ts';

const positive = z.number().positive();
const theta = { rope_theta: positive.nullish() };
/** Where rotation is only for a part of a head, or for several axes, the arithmetic is another one. */
const whole = { partial_rotary_factor: z.literal(1).nullish() };
const originalLength = { original_max_position_embeddings: z.int().positive().nullish() };

const scalings = z.discriminatedUnion('rope_type', [
  z.strictObject({ rope_type: z.literal('default'), ...theta, ...whole }),
  z.strictObject({ rope_type: z.literal('linear'), factor: positive, ...theta, ...whole }),
  z.strictObject({
    rope_type: z.literal('llama3'),
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
    ...originalLength,
    ...theta,
    ...whole,
  }),
  z.strictObject({
    rope_type: z.literal('yarn'),
    factor: positive,
    attention_factor: positive.nullish(),
    beta_fast: positive.nullish(),
    beta_slow: positive.nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().nullish(),
    ...originalLength,
    ...theta,
    ...whole,
  }),
]);

type Scaling = z.output<typeof scalings>;

const unsupported: Readonly<Record<string, string>> = {
  dynamic: 'dynamic depends on the longest text of a batch, so an answer would depend on its neighbours',
};

/** `rope_parameters`, or `rope_scaling` as it was called before; also its older spelling with `type`. */
export const ropeSchema = z
  .preprocess(
    (value) => {
      if (typeof value !== 'object' || value === null) return value;
      const { type, ...rest } = value as Record<string, unknown>;
      return { ...rest, rope_type: rest.rope_type ?? type ?? 'default' };
    },
    z.looseObject({ rope_type: z.string() }),
  )
  .superRefine(({ rope_type: name }, context) => {
    if (scalings.options.some(({ shape }) => shape.rope_type.value === name)) return;
    const known = scalings.options.map(({ shape }) => shape.rope_type.value).join(', ');
    const message = unsupported[name] ?? `rotary positions of type ${name} are not known; known are ${known}`;
    context.addIssue({ code: 'custom', path: ['rope_type'], message });
  })
  .pipe(scalings);

export interface RotaryPositions {
  readonly theta: number;
  readonly scaling: Scaling;
  /** Positions that the model was first trained on; by default all it has. */
  readonly originalLength: number;
}

export const plainRotary = (ropeTheta: number): RotaryPositions => ({
  theta: ropeTheta,
  scaling: { rope_type: 'default' },
  originalLength: 1,
});

export function rotaryPositions(
  scaling: Scaling | null | undefined,
  defaults: { readonly theta: number; readonly maxPositions: number },
): RotaryPositions {
  const original = scaling != null && 'original_max_position_embeddings' in scaling;
  return {
    theta: scaling?.rope_theta ?? defaults.theta,
    scaling: scaling ?? { rope_type: 'default' },
    originalLength: (original ? scaling.original_max_position_embeddings : null) ?? defaults.maxPositions,
  };
}

export interface RotaryFrequencies {
  /** Radians per position, [size / 2]. */
  readonly frequencies: Float32Array;
  /** Both cosine and sine are multiplied by it. */
  readonly magnitude: number;
}

/** Frequencies for heads of `size` numbers. */
export function frequenciesOf(rotary: RotaryPositions, size: number): RotaryFrequencies {
  const plain = rotaryFrequencies({ size, theta: rotary.theta });
  const { scaling } = rotary;
  switch (scaling.rope_type) {
    case 'default':
      return { frequencies: plain, magnitude: 1 };
    case 'linear':
      return { frequencies: plain.map((frequency) => frequency / scaling.factor), magnitude: 1 };
    case 'llama3':
      return { frequencies: plain.map((frequency) => llama3(frequency, scaling, rotary)), magnitude: 1 };
    case 'yarn':
      return yarn(plain, scaling, rotary, size);
  }
}

type Llama3 = Extract<Scaling, { rope_type: 'llama3' }>;
type Yarn = Extract<Scaling, { rope_type: 'yarn' }>;

/** Waves longer than a part of the original length are stretched, short ones are not, those between in proportion. */
function llama3(frequency: number, scaling: Llama3, { originalLength }: RotaryPositions): number {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling;
  const turns = (originalLength * frequency) / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** As llama3, by the index of the frequency instead of its wave; cosine and sine grow with the factor. */
function yarn(
  plain: Float32Array,
  scaling: Yarn,
  { theta: base, originalLength }: RotaryPositions,
  size: number,
): RotaryFrequencies {
  const { factor, truncate } = scaling;
  const indexOf = (turns: number) =>
    (size * Math.log(originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [first, last] = [indexOf(scaling.beta_fast ?? 32), indexOf(scaling.beta_slow ?? 1)];
  const low = Math.max(truncate === false ? first : Math.floor(first), 0);
  const high = Math.min(truncate === false ? last : Math.ceil(last), size - 1);
  const width = low === high ? 0.001 : high - low;
  const frequencies = plain.map((frequency, i) => {
    const stretched = Math.min(1, Math.max(0, (i - low) / width));
    return (frequency / factor) * stretched + frequency * (1 - stretched);
  });
  const growth = (mscale: number) => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);
  const { mscale, mscale_all_dim: mscaleAll } = scaling;
  const inferred = mscale && mscaleAll ? growth(mscale) / growth(mscaleAll) : growth(1);
  return { frequencies, magnitude: scaling.attention_factor ?? inferred };
}

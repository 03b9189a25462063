// How a run's programs are compiled: on which provider, and with the frozen weights in how many bits.
import { dirname, join } from 'node:path';
import type { BaseWeights, RunConfig } from '../config/schema.ts';
import type { ModelOutline } from '../models/index.ts';
import { openQuantizedWeights } from '../models/quantized-weights.ts';
import { exactBytes } from '../tensor/exact-products.ts';
import type { ProgramOptions } from '../tensor/program.ts';
import { quantizeWeights } from '../tensor/quantization.ts';
import type { Rewrite } from '../tensor/rewrite.ts';

const bitsOf = { float32: undefined, int8: 8, int4: 4 } as const;

/**
 * The rewrites that put rounded weights in place; they are rounded here where that was not done before.
 * @throws UserError for int8 on a processor that does not multiply such integers exactly.
 */
export async function baseWeightRewrites(
  { weights, matrices }: Pick<ModelOutline, 'weights' | 'matrices'>,
  baseWeights: BaseWeights,
  folder: string,
): Promise<readonly Rewrite[]> {
  const bits = bitsOf[baseWeights];
  if (bits === undefined) return [];
  const provide = weights.provider();
  const frozen = [...matrices].map(([path, { inputs, outputs }]) =>
    provide(`${path}.weight`, [outputs, inputs]),
  );
  const bytes = bits === 8 ? await exactBytes() : undefined;
  return [quantizeWeights(openQuantizedWeights(frozen, { bits, bytes, folder }))];
}

/** The options of a run's training and generation. Rounded weights are kept beside the runs. */
export async function programOptions(
  { provider, baseWeights, output }: Pick<RunConfig, 'provider' | 'baseWeights' | 'output'>,
  model: ModelOutline,
): Promise<ProgramOptions> {
  const folder = join(dirname(output), 'weight-cache');
  return { provider, rewrites: await baseWeightRewrites(model, baseWeights, folder) };
}

/** How a run's products with rounded weights are computed on this machine, in words; undefined for those in float32. */
export async function describeProducts(baseWeights: BaseWeights): Promise<string | undefined> {
  if (baseWeights !== 'int8') return undefined;
  return `exact, 8-bit activations by ${await exactBytes()} 8-bit weights`;
}

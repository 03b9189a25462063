// Reasons to refuse a configuration that several methods share.
import type { AdapterSettings, SettingProblem } from '../method.ts';

/** The experts of a mixture must divide the rank. */
export function expertProblems(
  label: string,
  { rank, experts }: AdapterSettings,
  name = label.toLowerCase(),
): readonly SettingProblem[] {
  if (rank % experts === 0) return [];
  const below = rank - (rank % experts);
  const near = below === 0 ? `${experts}` : `${below} or ${below + experts}`;
  return [
    {
      path: ['adapter', 'rank'],
      message: `expected a multiple of the number of experts (${experts}), found ${rank}`,
      hint: `${label} gives each expert rank / experts; use a rank of ${near} or other experts, or leave ${name} out of methods`,
    },
  ];
}

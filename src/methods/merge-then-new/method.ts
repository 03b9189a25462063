// Merge, then new: after each task the adapter is folded into the base weights and a fresh one begins. The function the
// model computes goes on as in sequential LoRA; the update of each task has a rank of its own. Folding is exact and
// keeps the frozen file: the merged factors are added beside it (experts.ts), at rank · tasks.
import { z } from 'zod';
import type { HostTensor } from '../../tensor/dtype.ts';
import type { ExperimentStage } from '../claim.ts';
import { defineMethod, type Method } from '../define.ts';
import { keptMethod } from '../shared/kept.ts';
import { product } from '../shared/matrices.ts';
import { mergeThenNewClaims } from './claims.ts';

export const mergeThenNew: Method = defineMethod({
  name: 'merge-then-new',
  label: 'Merge, then new',
  summary: 'each task has an adapter of its own, folded into the model when it is over',
  costs: { keeps: 'an adapter per task', answering: 'the adapters of all tasks' },
  origin: { source: 'sequential LoRA with a fresh adapter per task; no paper', deviations: [] },
  settings: z.strictObject({}),
  open: ({ adapter }) => keptMethod({ adapter, onTop: true, trainsProjector: true }),
  claims: mergeThenNewClaims,
});

/** What the kept factors add to a layer's weight. */
function _merged({ inference }: ExperimentStage, layer: string): Float64Array {
  const [b, a] = ['kept_B', 'kept_A'].map((part) => inference.parameters.get(`${layer}.${part}`));
  return product(b as HostTensor, a as HostTensor);
}

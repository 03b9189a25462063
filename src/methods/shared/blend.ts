// Models between trained stages. What is averaged is the update ΔW = scale·B·A of each layer, not its factors: the mean of
// two A times the mean of two B is another matrix. A weighted sum of updates is one LoRA of their joined ranks, exactly:
//   Σ w_i·s_i·B_i·A_i = [w_1·s_1·B_1 … w_n·s_n·B_n] · [A_1; …; A_n].
import { sizeOfAdapted } from '../../adapters/adapter.ts';
import type { StoredAdapter, TensorValues } from '../../adapters/peft.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import type { OpenMethod, StageState, Values } from '../method.ts';
import { type FactorPair, factorsOf, stacked } from './experts.ts';

export interface WeightedStage {
  readonly weight: number;
  /** Absent for the base model, which adds nothing. */
  readonly lora?: StoredAdapter;
  readonly projector: TensorValues;
}

export interface BlendedModel {
  readonly adapter: StoredAdapter;
  readonly projector: TensorValues;
}

/** The model of a stage as the base model with one LoRA; undefined where its method declares no such form. */
export function stageLora(open: OpenMethod, state: StageState): StoredAdapter | undefined {
  if (open.adapter === undefined) return open.merged?.(state);
  if (open.adapter.kind !== 'lora') return undefined;
  const values = [...state.trained].filter(([name]) => LORA.test(name));
  return { spec: open.adapter, values: new Map(values) };
}

/** Whether `stageLora` gives one, as far as is known before there is a stage. */
export function hasStageLora(open: OpenMethod): boolean {
  return open.adapter === undefined ? open.merged !== undefined : open.adapter.kind === 'lora';
}

/** The weighted sum of updates as one LoRA scaled by 1, and of projectors. Throws where no stage has a LoRA. */
export function blend(stages: readonly WeightedStage[]): BlendedModel {
  const parts = stages.flatMap(({ lora, weight }) => (lora === undefined ? [] : [{ lora, weight }]));
  const factors = parts.map(({ lora }) => factorsOf(named(lora.values), STAGE));
  const [first] = factors;
  if (first === undefined) throw new Error('blend: no stage has an adapter');
  const values = new Map<string, HostTensor>();
  let rank = 0;
  for (const layer of first.keys()) {
    const pairs = factors.map((layers): FactorPair => {
      const pair = layers.get(layer);
      if (pair === undefined) throw new Error(`blend: a stage does not adapt ${layer}`);
      return pair;
    });
    const scales = parts.map(({ lora, weight }) => weight * sizeOfAdapted(lora.spec, layer).scale);
    const { a, b } = stacked(pairs, scales);
    values.set(`${layer}.lora_A.weight`, a);
    values.set(`${layer}.lora_B.weight`, b);
    rank = a.shape[0] as number;
  }
  return {
    adapter: { spec: { kind: 'lora', rank, alpha: rank, dropout: 0 }, values },
    projector: weightedSum(stages.map(({ projector, weight }) => ({ values: projector, weight }))),
  };
}

const LORA = /\.lora_[AB]\.weight$/;
const STAGE = 'stage';

function named(values: Values): Values {
  return new Map([...values].map(([name, value]) => [`${STAGE}/${name}`, value]));
}

function weightedSum(parts: readonly { readonly values: Values; readonly weight: number }[]): Values {
  return new Map(
    [...(parts[0]?.values ?? [])].map(([name, { data, shape }]) => [
      name,
      float32(
        Float32Array.from(data, (_, i) =>
          parts.reduce((sum, { values, weight }) => sum + weight * (values.get(name)?.data[i] as number), 0),
        ),
        shape,
      ),
    ]),
  );
}

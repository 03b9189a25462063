// Adapters by kind.
import type { Tensor } from '../tensor/graph.ts';
import type { Adapter, AdapterKind, AdapterSpec } from './adapter.ts';
import { LoraAdapter } from './lora.ts';
import { MoeLoraAdapter } from './moelora.ts';

export type { Adapter, AdapterKind, AdapterParameter, AdapterSpec } from './adapter.ts';
export { kaimingUniform, ParameterTable, targetPattern, zeroValues } from './adapter.ts';
export { MoeLoraAdapter } from './moelora.ts';

const constructors: { readonly [K in AdapterKind]: (spec: AdapterSpec, dropoutKey?: Tensor) => Adapter } = {
  lora: (spec, dropoutKey) => new LoraAdapter(spec, dropoutKey),
  moelora: (spec, dropoutKey) => new MoeLoraAdapter(spec, dropoutKey),
};

/** An adapter to trace a model with. `dropoutKey` (int32 []) switches its dropout on. */
export function createAdapter(spec: AdapterSpec, dropoutKey?: Tensor): Adapter {
  return constructors[spec.kind](spec, dropoutKey);
}

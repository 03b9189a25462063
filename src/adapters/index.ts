// Adapters by kind.
import type { Tensor } from '../tensor/graph.ts';
import type { AdaptableLayers, Adapter, AdapterKind, AdapterSpec } from './adapter.ts';
import { LoraAdapter } from './lora.ts';
import { MoeLoraAdapter } from './moelora.ts';

export type { AdaptableLayers, Adapter, AdapterKind, AdapterParameter, AdapterSpec } from './adapter.ts';
export { kaimingUniform, ParameterTable, zeroValues } from './adapter.ts';
export { MoeLoraAdapter } from './moelora.ts';

type Construct = (spec: AdapterSpec, adaptable: AdaptableLayers, dropoutKey?: Tensor) => Adapter;

const constructors: { readonly [K in AdapterKind]: Construct } = {
  lora: (spec, adaptable, dropoutKey) => new LoraAdapter(spec, adaptable, dropoutKey),
  moelora: (spec, adaptable, dropoutKey) => new MoeLoraAdapter(spec, adaptable, dropoutKey),
};

/** An adapter to trace a model with, of the layers it offers. `dropoutKey` (int32 []) switches its dropout on. */
export function createAdapter(spec: AdapterSpec, adaptable: AdaptableLayers, dropoutKey?: Tensor): Adapter {
  return constructors[spec.kind](spec, adaptable, dropoutKey);
}

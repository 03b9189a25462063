// Where a layer gets its weights: a scope is a path into a checkpoint plus what adapts the linear layers below it.
// It decides nothing about which weights train; the provider returns a frozen weight or a fed parameter.
import type { Tensor } from '../tensor/graph.ts';

/** Returns the tensor of a weight; throws when the checkpoint has none of that name and shape. */
export type WeightProvider = (name: string, shape: readonly number[]) => Tensor;

/** Changes the result of linear layers (LoRA and its kin). Layers that it does not target come back as they were. */
export interface LinearAdapter {
  /** x: [..., inputs], y: [..., outputs], `name`: the layer's path without ".weight". */
  adapt(name: string, x: Tensor, y: Tensor): Tensor;
  /** Word embeddings [..., hidden] of int32 ids; `lookup` reads the model's own table. By default that is all. */
  embed?(ids: Tensor, lookup: (ids: Tensor) => Tensor): Tensor;
}

export class Scope {
  constructor(
    readonly provider: WeightProvider,
    readonly path = '',
    readonly adapter?: LinearAdapter,
  ) {}

  child(name: string | number): Scope {
    return new Scope(this.provider, this.join(String(name)), this.adapter);
  }

  weight(name: string, shape: readonly number[]): Tensor {
    return this.provider(this.join(name), shape);
  }

  private join(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

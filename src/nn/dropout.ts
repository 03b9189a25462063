// Dropout with counter-based masks: the same key and stream give the same mask, whatever ran before.
import type { Tensor } from '../tensor/graph.ts';
import { less, mul, randomUniform, where } from '../tensor/ops.ts';
import type { Shape } from '../tensor/shape.ts';

/** Hands out a stream number per dropout site of a graph, in the order they are traced. */
export class DropoutSites {
  #next = 0;

  /** `key`: int32 [], fed per step; undefined switches dropout off (evaluation). */
  constructor(
    readonly probability: number,
    readonly key: Tensor | undefined,
  ) {}

  get active(): boolean {
    return this.probability > 0 && this.key !== undefined;
  }

  /** x broadcast to `shape`, entries zeroed with the given probability and the rest scaled by 1/(1 − p). */
  apply(x: Tensor, shape: Shape = x.shape): Tensor {
    if (this.probability <= 0 || this.key === undefined) return x;
    const dropped = less(randomUniform(this.key, this.#next++, shape), this.probability);
    return mul(where(dropped, 0, 1 / (1 - this.probability)), x);
  }
}

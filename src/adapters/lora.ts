// LoRA (Hu et al., 2022): y = W₀x + (α/r)·B·A·dropout(x), A random, B zero.
import { DropoutSites } from '../nn/dropout.ts';
import type { Tensor } from '../tensor/graph.ts';
import { add, matmul, mul } from '../tensor/ops.ts';
import {
  type AdaptableLayers,
  type Adapter,
  type AdapterSpec,
  adaptationOf,
  kaimingUniform,
  ParameterTable,
  zeroValues,
} from './adapter.ts';

export class LoraAdapter implements Adapter {
  readonly #table = new ParameterTable();
  readonly #dropout: DropoutSites;

  /** `dropoutKey`: int32 [] fed per step while training; undefined in evaluation. */
  constructor(
    readonly spec: AdapterSpec,
    readonly adaptable: AdaptableLayers,
    dropoutKey?: Tensor,
  ) {
    this.#dropout = new DropoutSites(spec.dropout, dropoutKey);
  }

  get parameters() {
    return this.#table.all;
  }

  adapt(name: string, x: Tensor, y: Tensor): Tensor {
    const adaptation = adaptationOf(this.spec, name, this.adaptable);
    if (adaptation === undefined) return y;
    const { rank, scale } = adaptation;
    const shapeA = [rank, x.staticDim(-1)];
    const shapeB = [y.staticDim(-1), rank];
    const a = this.#table.add(`${name}.lora_A.weight`, shapeA, kaimingUniform(`${name}.lora_A`, shapeA));
    const b = this.#table.add(`${name}.lora_B.weight`, shapeB, zeroValues(shapeB));
    const inner = matmul(this.#dropout.apply(x), a, { transposeB: true }); // [..., rank]
    return add(y, matmul(mul(inner, scale), b, { transposeB: true }));
  }
}

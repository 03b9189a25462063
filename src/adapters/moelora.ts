// CoIN's MoELoRA (Chen et al., NeurIPS 2024; reference.md, MoELoRA): N experts of rank r/N, mixed per token by a dense
// softmax:
//   y = W₀x + (α/r)·Σ_e g_e·B_e·A_e·dropout_e(x),  g = softmax(W_g·x).
// The experts are computed as one product of rank r whose rank blocks are scaled by their gates, not in a loop.
import { DropoutSites } from '../nn/dropout.ts';
import { elementCount } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { add, matmul, mul, reshape, softmax, transpose } from '../tensor/ops.ts';
import { normalArray } from '../tensor/random.ts';
import { multiplyDims, sizeOf } from '../tensor/shape.ts';
import {
  type AdaptableLayers,
  type Adapter,
  type AdapterSpec,
  adaptationOf,
  kaimingUniform,
  ParameterTable,
  zeroValues,
} from './adapter.ts';

/** Gates [..., experts] of a layer out of those of its router; x: the layer's input. */
export type GateBlend = (layer: string, x: Tensor, gates: Tensor) => Tensor;

export class MoeLoraAdapter implements Adapter {
  readonly #table = new ParameterTable();
  readonly #dropout: DropoutSites;
  readonly #experts: number;
  readonly #blend: GateBlend;
  readonly #gates = new Map<string, Tensor>();

  /** `blend` may change the router's gates before they are used. */
  constructor(
    readonly spec: AdapterSpec,
    readonly adaptable: AdaptableLayers,
    dropoutKey?: Tensor,
    blend: GateBlend = (_, __, gates) => gates,
  ) {
    const { experts = 0, rank, layers = {} } = spec;
    for (const size of [rank, ...Object.values(layers).map((layer) => layer.rank)]) {
      if (experts < 1 || size % experts !== 0)
        throw new RangeError(`moelora: ${experts} experts do not divide rank ${size}`);
    }
    this.#experts = experts;
    this.#blend = blend;
    this.#dropout = new DropoutSites(spec.dropout, dropoutKey);
  }

  get parameters() {
    return this.#table.all;
  }

  /** The gates by layer as they are used, [..., experts]. */
  get gates(): ReadonlyMap<string, Tensor> {
    return this.#gates;
  }

  adapt(name: string, x: Tensor, y: Tensor): Tensor {
    const adaptation = adaptationOf(this.spec, name, this.adaptable);
    if (adaptation === undefined) return y;
    const { rank, scale } = adaptation;
    const inputs = x.staticDim(-1);
    const shapeA = [rank, inputs];
    const shapeB = [y.staticDim(-1), rank];
    const shapeRouter = [this.#experts, inputs];
    // Rows e·r/N … (e+1)·r/N of A and the same columns of B belong to expert e.
    const a = this.#table.add(`${name}.lora_A.weight`, shapeA, (seed) =>
      normalArray(elementCount(shapeA), { seed, purpose: `${name}.lora_A`, standardDeviation: 0.01 }),
    );
    const b = this.#table.add(`${name}.lora_B.weight`, shapeB, zeroValues(shapeB));
    const router = this.#table.add(
      `${name}.lora_router.weight`,
      shapeRouter,
      kaimingUniform(`${name}.lora_router`, shapeRouter),
    );

    const leading = x.shape.slice(0, -1);
    // The router reads its layer's input before dropout.
    const routed = softmax(matmul(x, router, { transposeB: true })); // [..., experts]
    const gates = this.#blend(name, x, routed);
    this.#gates.set(name, gates);
    const inner = this.#dropout.active
      ? this.#droppedProducts(x, a, rank)
      : matmul(x, a, { transposeB: true }); // [..., rank]
    const blocks = reshape(inner, [...leading, this.#experts, rank / this.#experts]);
    const gated = mul(blocks, reshape(mul(gates, scale), [...leading, this.#experts, 1]));
    return add(y, matmul(reshape(gated, [...leading, rank]), b, { transposeB: true }));
  }

  /** A_e·dropout_e(x) for every expert, each with a mask of its own: [..., rank]. */
  #droppedProducts(x: Tensor, a: Tensor, rank: number): Tensor {
    const experts = this.#experts;
    const [leading, inputs] = [x.shape.slice(0, -1), x.staticDim(-1)];
    const rows = multiplyDims(sizeOf(leading));
    const dropped = this.#dropout.apply(reshape(x, [1, rows, inputs]), [experts, rows, inputs]);
    const products = matmul(dropped, reshape(a, [experts, rank / experts, inputs]), { transposeB: true });
    return reshape(transpose(products, [1, 0, 2]), [...leading, rank]); // [experts, rows, r/N] → [..., rank]
  }
}

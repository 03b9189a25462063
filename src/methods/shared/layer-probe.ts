// One adapted linear layer with small random weights: what the claims of adapter methods are checked on.
import { type AdapterParameter, type AdapterSpec, createAdapter } from '../../adapters/index.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import { grad } from '../../tensor/grad.ts';
import { input, matmul, mul, sum } from '../../tensor/ops.ts';
import { floats, Program } from '../../tensor/program.ts';
import { normalArray } from '../../tensor/random.ts';

const LAYER = 'layers.0.linear';
const [ROWS, INPUTS, OUTPUTS] = [6, 16, 12];

export interface LayerProbe {
  /** Largest |adapted − plain| over the outputs. */
  readonly change: number;
  /** Largest |gradient| of each parameter of Σ output², by the last part of its name (lora_A, lora_B, lora_router). */
  readonly gradients: Readonly<Record<string, number>>;
}

/** Runs the layer and its gradients. `set` replaces a parameter's initial values. */
export async function probeLayer(
  spec: AdapterSpec,
  set: (parameter: AdapterParameter, initial: Float32Array) => Float32Array = (_, initial) => initial,
): Promise<LayerProbe> {
  const adapter = createAdapter(spec, new Set([LAYER]));
  const x = input('x', 'float32', [1, ROWS, INPUTS]);
  const plain = matmul(x, input('w', 'float32', [OUTPUTS, INPUTS]), { transposeB: true });
  const adapted = adapter.adapt(LAYER, x, plain);
  const parameters = [...adapter.parameters.values()];
  const gradients = grad(
    sum(mul(adapted, adapted)),
    parameters.map(({ tensor }) => tensor),
  );
  const names = parameters.map(({ name }) => name.slice(LAYER.length + 1).replace('.weight', ''));
  const program = await Program.compile({
    plain,
    adapted,
    ...Object.fromEntries(names.map((name, i) => [name, gradients[i]!])),
  });
  const values: [string, HostTensor][] = parameters.map((parameter) => [
    parameter.name,
    float32(set(parameter, parameter.initialise(1)), parameter.shape),
  ]);
  const results = await program.run({
    x: float32(normalArray(ROWS * INPUTS, { seed: 1, purpose: 'probe x' }), [1, ROWS, INPUTS]),
    w: float32(normalArray(OUTPUTS * INPUTS, { seed: 1, purpose: 'probe w' }), [OUTPUTS, INPUTS]),
    ...Object.fromEntries(values),
  });
  await program.dispose();
  const before = floats(results.plain);
  return {
    change: largest(floats(results.adapted).map((value, i) => value - before[i]!)),
    gradients: Object.fromEntries(names.map((name) => [name, largest(floats(results[name]))])),
  };
}

/** Values as after some training: small, and zero nowhere. */
export function drifted(parameter: AdapterParameter): Float32Array {
  const count = parameter.shape.reduce((product, size) => product * size, 1);
  return normalArray(count, { seed: 2, purpose: parameter.name, standardDeviation: 0.3 });
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

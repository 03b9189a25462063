// A LLaMA decoder with LoRA and its gradients, fused and plain: the same in float64 to rounding, the same in the runtime,
// and every fusion at work.
import { describe, expect, it } from 'vitest';
import { compareNumbers } from '../../../../test/support/compare.ts';
import { decoderLinears } from '../../../../test/support/models/sequences.ts';
import { inputProvider } from '../../../../test/support/parity.ts';
import { normal } from '../../../../test/support/plain.ts';
import { type AdapterKind, createAdapter } from '../../../adapters/index.ts';
import { attention, causalMask } from '../../../nn/attention.ts';
import { Scope } from '../../../nn/scope.ts';
import { type HostTensor, int32 } from '../../../tensor/dtype.ts';
import { fusions, mergeSiblingProducts } from '../../../tensor/fusions.ts';
import { grad } from '../../../tensor/grad.ts';
import { isMadeBy, type Tensor, topologicalOrder } from '../../../tensor/graph.ts';
import { evaluate } from '../../../tensor/interpreter.ts';
import { input, mul, square, sum } from '../../../tensor/ops.ts';
import { Program } from '../../../tensor/program.ts';
import { rewriteGraph } from '../../../tensor/rewrite.ts';
import { llamaDecoder } from './network.ts';
import { plainRotary } from './rotary.ts';

const config = {
  vocabularySize: 1,
  hiddenSize: 8,
  intermediateSize: 12,
  layers: 2,
  heads: 2,
  kvHeads: 2,
  headSize: 4,
  maxPositions: 64,
  epsilon: 1e-5,
  rotary: plainRotary(10000),
  biases: { queryKeyValue: false, attentionOutput: false, mlp: false },
  family: 'llama' as const,
  windows: [],
  tiedEmbeddings: false,
};

const names = fusions.map(({ name }) => name);

function trace(kind: AdapterKind): { readonly loss: Tensor; readonly parameters: readonly Tensor[] } {
  const made = new Map<string, Tensor>();
  const adapter = createAdapter({ kind, rank: 4, alpha: 8, dropout: 0, experts: 2 }, decoderLinears);
  const x = input('x', 'float32', ['batch', 'tokens', 8]);
  const scope = new Scope(inputProvider(made), 'model.language_model', adapter);
  const positions = input('positions', 'int32', ['tokens']);
  const mask = causalMask('tokens');
  const y = llamaDecoder(scope, config, x, positions, (_, q, k, v) => attention(q, k, v, mask));
  const parameters = [...adapter.parameters.values()].map(({ tensor }) => tensor);
  return { loss: sum(mul(square(y), 0.1)), parameters: [x, ...parameters] };
}

function withGradients(loss: Tensor, parameters: readonly Tensor[]): Record<string, Tensor> {
  const gradients = grad(loss, parameters).map((gradient, i) => [`gradient ${i}`, gradient] as const);
  return { loss, ...Object.fromEntries(gradients) };
}

describe.each<AdapterKind>(['lora', 'moelora'])('a decoder with %s', (kind) => {
  const { loss, parameters } = trace(kind);
  const plain = withGradients(loss, parameters);
  const siblings = rewriteGraph({ loss }, [mergeSiblingProducts({ loss })]);
  const merged = withGradients(siblings.outputs.loss as Tensor, parameters);
  const fused = rewriteGraph(merged, fusions);
  const feeds: Record<string, HostTensor> = { positions: int32([0, 1, 2, 3, 4], [5]) };
  const weights = new Map<string, Tensor>();
  for (const tensor of topologicalOrder([loss])) {
    if (isMadeBy(tensor, 'input')) weights.set(tensor.attributes.name, tensor);
  }
  for (const [name, { shape, dtype }] of weights) {
    const sizes = shape.map((dim) => (dim === 'batch' ? 2 : dim === 'tokens' ? 5 : (dim as number)));
    if (dtype === 'float32') feeds[name] = normal(name, sizes, 0.4);
  }

  it('merges products and uses every fusion', () => {
    expect(siblings.applied.get('mergeSiblingProducts')).toBeGreaterThanOrEqual(10);
    expect([...fused.applied.keys()].sort()).toEqual([...names].sort());
  });

  it('means the same in float64', () => {
    const [actual, expected] = [evaluate(fused.outputs, feeds), evaluate(plain, feeds)];
    for (const name of Object.keys(plain)) {
      compareNumbers(actual[name], expected[name], { tolerance: 1e-12, message: name });
    }
  });

  it('has the same gradients where layers are recomputed, and keeps nothing of them but their beginnings', async () => {
    const gradients = grad(loss, parameters, { recompute: true });
    const recomputed = { loss, ...Object.fromEntries(gradients.map((g, i) => [`gradient ${i}`, g])) };
    const [actual, expected] = [evaluate(recomputed, feeds), evaluate(plain, feeds)];
    for (const name of Object.keys(plain)) {
      compareNumbers(actual[name as 'loss'], expected[name], { tolerance: 1e-12, message: name });
    }
    // Forward tensors between the first boundary and the last: who reads them outside the forward pass?
    const forward = new Set(topologicalOrder([loss]));
    const [first, last] = [...forward].filter((tensor) => isMadeBy(tensor, 'boundary'));
    if (first === undefined || last === undefined) throw new Error('the decoder has no boundaries');
    const beforeLast = new Set(topologicalOrder([last]));
    const after = (tensor: Tensor) => topologicalOrder([tensor]).includes(first);
    const layer = [...beforeLast].filter((tensor) => tensor !== first && tensor !== last && after(tensor));
    expect(layer.length).toBeGreaterThan(40);
    const readLater = topologicalOrder(Object.values(recomputed))
      .filter((tensor) => !forward.has(tensor))
      .flatMap(({ inputs }) => inputs.filter((input) => layer.includes(input)));
    expect(readLater).toEqual([]);
    const program = await Program.compile(recomputed);
    const ran = await program.runOnHost(feeds);
    for (const name of Object.keys(plain)) {
      compareNumbers(ran[name], expected[name], { tolerance: 1e-5, message: `${name}, in the runtime` });
    }
    await program.dispose();
  });

  it('is the same in the runtime', async () => {
    const [fast, slow] = [await Program.compile(merged), await Program.compile(plain, { fuse: false })];
    expect([...fast.rewritten.keys()]).toEqual(expect.arrayContaining(names));
    expect(slow.rewritten.size).toBe(0);
    const [actual, expected] = [await fast.runOnHost(feeds), await slow.runOnHost(feeds)];
    for (const name of Object.keys(plain)) {
      compareNumbers(actual[name], expected[name], { tolerance: 1e-5, message: name });
    }
    await fast.dispose();
    await slow.dispose();
  });
});

import { describe, expect, it } from 'vitest';
import { inputProvider, relativeDifference } from '../../test/support/parity.ts';
import { evaluate, normal, rowsOf, softmaxOf, times } from '../../test/support/plain.ts';
import { float32, int32 } from '../tensor/dtype.ts';
import { add, input } from '../tensor/ops.ts';
import { floats } from '../tensor/program.ts';
import { embedding, layerNorm, linear, rmsNorm } from './layers.ts';
import { crossEntropy } from './loss.ts';
import { Scope } from './scope.ts';

const x = input('x', 'float32', ['batch', 'tokens', 6]);
const values = normal('x', [2, 3, 6]);
const rows = rowsOf(values);
const scope = () => new Scope(inputProvider(new Map()), 'layer');
const mean = (row: readonly number[]) => row.reduce((a, b) => a + b) / row.length;

describe('layers', () => {
  const weight = normal('weight', [4, 6]);
  const bias = normal('bias', [4]);

  it('linear: x·Wᵀ + b with W as [outputs, inputs]', async () => {
    const y = linear(scope(), x, { outputs: 4, bias: true });
    const result = await evaluate({ y }, { x: values, 'layer.weight': weight, 'layer.bias': bias });
    const expected = rows.map((row) =>
      times(rowsOf(weight), row).map((v, o) => v + (bias.data[o] as number)),
    );
    expect(relativeDifference(floats(result.y), expected.flat())).toBeLessThan(1e-6);
  });

  it('linear: hands its path, input and result to the adapter', async () => {
    const seen: string[] = [];
    const adapter = {
      adapt(name: string, input: typeof x, y: typeof x) {
        seen.push(name);
        expect(input).toBe(x);
        return add(y, 1);
      },
    };
    const made = inputProvider(new Map());
    const root = new Scope(made, '', adapter).child('layers').child(3);
    const adapted = linear(root.child('q_proj'), x, { outputs: 4 });
    const plain = linear(new Scope(made).child('layers.3.q_proj'), x, { outputs: 4 });
    expect(seen).toEqual(['layers.3.q_proj']);
    const result = await evaluate({ adapted, plain }, { x: values, 'layers.3.q_proj.weight': weight });
    expect([...floats(result.adapted)]).toEqual([...floats(result.plain)].map((v) => Math.fround(v + 1)));
  });

  it('rmsNorm', async () => {
    const y = rmsNorm(scope(), x, { epsilon: 0.01 });
    const gain = normal('gain', [6]);
    const result = await evaluate({ y }, { x: values, 'layer.weight': gain });
    const expected = rows.map((row) => {
      const root = Math.sqrt(mean(row.map((v) => v * v)) + 0.01);
      return row.map((v, i) => (v / root) * (gain.data[i] as number));
    });
    expect(relativeDifference(floats(result.y), expected.flat())).toBeLessThan(1e-6);
  });

  it('layerNorm', async () => {
    const y = layerNorm(scope(), x, { epsilon: 0.01 });
    const [gain, shift] = [normal('gain', [6]), normal('shift', [6])];
    const result = await evaluate({ y }, { x: values, 'layer.weight': gain, 'layer.bias': shift });
    const expected = rows.map((row) => {
      const centred = row.map((v) => v - mean(row));
      const root = Math.sqrt(mean(centred.map((v) => v * v)) + 0.01);
      return centred.map((v, i) => (v / root) * (gain.data[i] as number) + (shift.data[i] as number));
    });
    expect(relativeDifference(floats(result.y), expected.flat())).toBeLessThan(1e-6);
  });

  it('embedding: rows of the table', async () => {
    const y = embedding(scope(), input('ids', 'int32', ['n']), { rows: 4, size: 6 });
    const result = await evaluate({ y }, { ids: int32([2, 0, 2], [3]), 'layer.weight': weight });
    const table = rowsOf(weight);
    expect(rowsOf(result.y)).toEqual([table[2], table[0], table[2]]);
  });
});

describe('crossEntropy', () => {
  const loss = crossEntropy(
    input('logits', 'float32', ['n', 5]),
    input('labels', 'int32', ['n']),
    input('weights', 'float32', ['n']),
  );

  it('weighs −log of the label’s probability; a weight of 0 leaves a position out', async () => {
    const logits = normal('logits', [3, 5], 4);
    const labels = [4, 0, 2];
    const weights = [0.5, 0.25, 0];
    const expected = rowsOf(logits).reduce(
      (total, row, i) =>
        total - (weights[i] as number) * Math.log(softmaxOf(row)[labels[i] as number] as number),
      0,
    );
    const result = await evaluate(
      { loss },
      { logits, labels: int32(labels, [3]), weights: float32(weights, [3]) },
    );
    expect(result.loss.shape).toEqual([1, 1]);
    expect(Math.abs((floats(result.loss)[0] as number) / expected - 1)).toBeLessThan(1e-6);
  });

  it('is finite for logits far apart', async () => {
    const result = await evaluate(
      { loss },
      {
        logits: float32([1000, -1000, 0, 0, 0], [1, 5]),
        labels: int32([1], [1]),
        weights: float32([1], [1]),
      },
    );
    expect(floats(result.loss)[0]).toBe(2000);
  });
});

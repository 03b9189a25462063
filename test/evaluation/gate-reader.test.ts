// Gates that are read off whole sequences are those of training, and those that a method answers with.
import { afterAll, expect, it } from 'vitest';
import { GateReader } from '../../src/evaluation/generation/gate-reader.ts';
import { type Method, methodNames, methods } from '../../src/methods/index.ts';
import type { OpenMethod, Values } from '../../src/methods/method.ts';
import { ownAlongside } from '../../src/models/model-adapter.ts';
import { float32 } from '../../src/tensor/dtype.ts';
import { normalArray } from '../../src/tensor/random.ts';
import { Probes } from '../../src/training/probes.ts';
import { traceTraining } from '../../src/training/traced.ts';
import {
  createToyModel,
  type ToyModel,
  toyExample,
  toyFeatures,
  toySamples,
} from '../../src/verification/toy-world.ts';

const experts = 2;
const settings = { adapter: { rank: 4, alpha: 8, dropout: 0, experts }, own: {} };
const toy: ToyModel = createToyModel();
afterAll(() => toy.dispose());
const examples = toySamples('Alpha')
  .slice(0, 2)
  .map((sample) => ({
    ...toyExample(toy, { sample, task: 'Alpha' }),
    features: toyFeatures(sample.image as string),
  }));
const [example] = examples as [(typeof examples)[0]];

/** Values of everything that a method trains, as after some training, and the projector's. */
function drifted(open: OpenMethod): Values {
  const { graph } = traceTraining({ model: toy, open, dropout: false });
  return new Map([
    ...[...graph.parameters.values()].map(({ name, shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const options = { seed: 2, purpose: name, standardDeviation: 0.3 };
      return [name, float32(normalArray(count, options), shape)] as const;
    }),
    ...ownAlongside(toy),
  ]);
}

async function read(
  open: OpenMethod,
  values: Values,
  rows: Readonly<Record<string, Float32Array>> = {},
): Promise<Values> {
  const reader = await GateReader.compile({
    model: toy,
    graph: open.graph({ use: 'inference', model: toy.shape }),
  });
  try {
    return await reader.read({ ...example, rows }, values);
  } finally {
    await reader.dispose();
  }
}

it('gives the gates of training at every token, in the last layer too', async () => {
  const open = methods.moelora.open(settings);
  const values = drifted(open);
  const gates = await read(open, values);
  const probes = new Probes({ model: toy, open });
  const [alone, beside] = [await probes.gates([example], values), await probes.gates(examples, values)];
  await probes.dispose();
  expect([...gates.keys()]).toEqual([...alone.keys()]);
  expect(gates.size).toBe(7 * 2);
  for (const [layer, { data, shape }] of gates) {
    expect(shape).toEqual([example.inputIds.length, experts]);
    const trained = alone.get(layer);
    // What follows the last attention is trained at the answer's positions only.
    const rows =
      trained?.shape.length === 3
        ? [...data.keys()]
        : [...example.trained].flatMap((t, i) => (t === 1 ? [2 * (i - 1), 2 * (i - 1) + 1] : []));
    expect(trained?.data.length).toBe(rows.length);
    rows.forEach((row, i) => {
      expect(data[row]).toBeCloseTo(trained?.data[i] as number, 5);
    });
    if (trained?.shape.length === 3) expect(beside.get(layer)?.data[0]).toBeCloseTo(data[0] as number, 5);
  }
});

it('gives the gates that answer: those of the nearest task mixed in', async () => {
  const own = { ...settings, own: { beta: 0.25 } };
  const open = methods.clmoe.open(own);
  const values = drifted(open);
  const plain = await read(methods.moelora.open(settings), values);
  const [layer = ''] = [...plain.keys()];
  const rows = Object.fromEntries(
    [...plain.keys()].map((name) => [`gates/${name}`, Float32Array.of(0.9, 0.1)]),
  );
  const mixed = await read(open, values, rows);
  const instance = plain.get(layer)?.data ?? [];
  Array.from(mixed.get(layer)?.data ?? []).forEach((gate, i) => {
    expect(gate).toBeCloseTo(0.25 * (instance[i] as number) + 0.75 * (i % 2 === 0 ? 0.9 : 0.1), 5);
  });
});

it('is possible for exactly the methods that declare experts, as many as they declare', async () => {
  const found: string[] = [];
  for (const name of methodNames) {
    const method: Method = methods[name];
    const open = method.open(settings);
    if (!method.stream.trains) continue;
    const { graph } = traceTraining({ model: toy, open, dropout: false });
    const sizes = new Set([...(graph.gates?.values() ?? [])].map((gates) => gates.staticDim(-1)));
    expect([name, ...sizes]).toEqual([name, ...(open.mixedExperts === undefined ? [] : [open.mixedExperts])]);
    if (sizes.size > 0) found.push(name);
  }
  expect(found).toEqual(['moelora', 'clmoe', 'smolora']);
});

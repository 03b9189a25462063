// An adapter merged into a model of every layout: the same weights plus scale · B · A, everything else bit for bit, and a
// folder that opens as the one before did.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { AdapterSpec } from '../../src/adapters/adapter.ts';
import { readTensor } from '../../src/formats/weights/tensor-file.ts';
import type { ModelAdapter } from '../../src/models/family.ts';
import { checkWeights } from '../../src/models/llava/inventory.ts';
import { mergeAdapter } from '../../src/models/llava/merge.ts';
import { linearsOf, outlineOf } from '../../src/models/llava/model.ts';
import { openSources } from '../../src/models/llava/sources.ts';
import { LlavaWeights, PROJECTOR } from '../../src/models/llava/weights.ts';
import { float32, type HostTensor } from '../../src/tensor/dtype.ts';
import { normalArray } from '../../src/tensor/random.ts';
import { decoderLinears } from '../support/models/sequences.ts';
import { fixturePath } from '../support/parity.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-merge-'));
afterAll(() => rmSync(root, { recursive: true }));

const spec: AdapterSpec = { kind: 'lora', rank: 2, alpha: 6, dropout: 0 };
const draw = (purpose: string, shape: readonly number[]) =>
  float32(
    normalArray(
      shape.reduce((a, b) => a * b, 1),
      { seed: 3, purpose, standardDeviation: 0.3 },
    ),
    shape,
  );

function adapterOf({ tensors }: LlavaWeights): ModelAdapter {
  const values = new Map<string, HostTensor>();
  const projector = new Map<string, HostTensor>();
  for (const [name, { entry }] of tensors) {
    const path = name.replace(/\.weight$/, '');
    const [outputs = 0, inputs = 0] = entry.shape;
    if (name.startsWith(`${PROJECTOR}.`)) projector.set(name, draw(name, entry.shape));
    if (!decoderLinears.has(path)) continue;
    values.set(`${path}.lora_A.weight`, draw(`${path}.A`, [spec.rank, inputs]));
    values.set(`${path}.lora_B.weight`, draw(`${path}.B`, [outputs, spec.rank]));
  }
  return { spec, values, alongside: projector };
}

/** scale · B · A at one place. */
function update({ values }: ModelAdapter, path: string, place: number): number {
  const [a, b] = ['A', 'B'].map((part) => values.get(`${path}.lora_${part}.weight`) as HostTensor);
  const inputs = a?.shape[1] as number;
  const [row, column] = [Math.floor(place / inputs), place % inputs];
  let sum = 0;
  for (let r = 0; r < spec.rank; r++) {
    sum += (b?.data[row * spec.rank + r] as number) * (a?.data[r * inputs + column] as number);
  }
  return (spec.alpha / spec.rank) * sum;
}

const halfUnit = { F32: 2 ** -23, F16: 2 ** -10, BF16: 2 ** -7 } as const;

it.each([
  ['hub', ''],
  ['prefixed-llama3', ''],
  ['biased-linear', ''],
  ['mistral-yarn', ''],
  ['qwen2-siglip', ''],
  ['original', 'llava'],
  ['original-tower-apart', 'llava'],
  ['composition', ''],
])('%s', async (layout, inner) => {
  const family = join(root, layout);
  cpSync(fixturePath('layouts', layout, 'model'), family, { recursive: true });
  const folder = join(family, inner);
  const before = openSources(folder);
  const weights = new LlavaWeights(before.checkpoint);
  const adapter = adapterOf(weights);
  // Beside the folder: the original layout looks for its tower there.
  const to = join(inner === '' ? root : family, `${layout}-merged`);
  const { layers, alongside } = await mergeAdapter({
    model: { ...outlineOf(before.config, weights), ...linearsOf(before.config), folder },
    adapter,
    to,
  });
  expect({ layers: 2 * layers, alongside }).toEqual({ layers: adapter.values.size, alongside: true });

  const after = openSources(to);
  expect({ ...after.config }).toEqual(before.config);
  expect(after.layout).toBe(before.layout);
  const merged = new LlavaWeights(after.checkpoint);
  checkWeights(after.config, merged);
  expect([...merged.tensors.keys()].sort()).toEqual([...weights.tensors.keys()].sort());
  for (const [name, { file, entry }] of weights.tensors) {
    const found = merged.tensors.get(name);
    expect(found?.entry).toMatchObject({ dtype: entry.dtype, shape: entry.shape });
    const path = name.replace(/\.weight$/, '');
    const trained = adapter.alongside.get(name);
    if (trained === undefined && !decoderLinears.has(path)) {
      expect(found && readTensor(found.file, found.entry.name), name).toEqual(readTensor(file, entry.name));
      continue;
    }
    const base = weights.values(name).data;
    const unit = halfUnit[entry.dtype as keyof typeof halfUnit];
    // In float32 the products' own rounding counts, beside which a small sum is nothing.
    const floor = entry.dtype === 'F32' ? 1 : 2 ** -10;
    const worst = merged.values(name).data.reduce((most, value, i) => {
      const wanted =
        trained === undefined ? (base[i] as number) + update(adapter, path, i) : (trained.data[i] as number);
      return Math.max(most, Math.abs(value - wanted) / (unit * Math.max(Math.abs(wanted), floor)));
    }, 0);
    expect(worst, name).toBeLessThan(entry.dtype === 'F32' ? 4 : 1);
  }
});

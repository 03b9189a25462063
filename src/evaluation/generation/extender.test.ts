// What the shapes leave to the kernels, checked bit for bit: a row's place in its run, and what stands in other rows.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normal } from '../../../test/support/plain.ts';
import { writeToyModel } from '../../../test/support/toy-model.ts';
import { createAdapter } from '../../adapters/index.ts';
import { type LlavaModel, openLlava } from '../../models/llava/model.ts';
import type { HostTensor } from '../../tensor/dtype.ts';
import { floats } from '../../tensor/program.ts';
import { RandomStream } from '../../tensor/random.ts';
import { Extender, type Extension } from './extender.ts';
import type { KeyValues } from './key-values.ts';
import { decodingRows } from './shapes.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-extender-'));
let model: LlavaModel;
let extender: Extender;
let parameters: Readonly<Record<string, HostTensor>>;

beforeAll(async () => {
  await writeToyModel(folder, { seed: 4 });
  model = openLlava(folder);
  const adapter = createAdapter({ kind: 'lora', rank: 4, alpha: 8, dropout: 0 }, model.shape.adaptable);
  extender = await Extender.compile({ model, weights: model.weights.provider(), adapter });
  parameters = Object.fromEntries(
    [...adapter.parameters.values()].map(({ name, shape }) => [name, normal(name, shape, 0.3)]),
  );
});
afterAll(async () => {
  await extender.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** A word to read after so many tokens. */
function word(id: number, length: number): Extension {
  const [inputIds, positions] = [Int32Array.of(id), Int32Array.of(length)];
  return { inputIds, imageRows: Int32Array.of(-1), positions, length };
}

/** A buffer whose rows hold normal numbers, or what `value` says. */
function filled(name: string, rows: number, capacity: number, value?: number): KeyValues {
  const buffer = extender.allocate(rows, capacity);
  for (const [part, tensor] of Object.entries(buffer.feeds())) {
    const data = floats(tensor);
    data.set(floats(normal(`${name} ${part}`, [data.length])));
    if (value !== undefined) data.fill(value);
  }
  return buffer;
}

/** The numbers of one row of all caches. */
function rowOf(values: KeyValues, row: number): number[] {
  return Object.values(values.feeds()).flatMap((part) => {
    const data = floats(part);
    const size = data.length / values.rows;
    return [...data.subarray(row * size, (row + 1) * size)];
  });
}

describe('a row of a run', () => {
  it('has the same bits in every place and whatever stands in the other rows', async () => {
    const rows = decodingRows(model.shape);
    const capacity = 128;
    const length = 97;
    const mine = filled('mine', 1, length);
    const random = new RandomStream(6, 'neighbours');
    const other = (): Extension => word(5 + random.integer(200), 1 + random.integer(capacity));
    const neighbours: (readonly [string, number | undefined, () => Extension | undefined])[] = [
      ['nobody', 0, () => undefined],
      ['others', undefined, other],
      ['very large numbers', 1e30, other],
      ['not-a-numbers', Number.NaN, other],
    ];
    let wanted: { readonly next: number; readonly row: number[] } | undefined;
    for (const [name, value, neighbour] of neighbours) {
      const past = filled(name, rows, capacity, value);
      for (const place of [0, 1, 7, 16, 31]) {
        await past.copyFrom(mine, [{ from: 0, to: place, at: 0, count: length }], { clearAfter: true });
        const extensions = Array.from({ length: rows }, (_, row) =>
          row === place ? word(9, length) : neighbour(),
        );
        const { next, added } = await extender.extend(extensions, { past, tokens: 1, parameters });
        const found = { next: next[place] as number, row: rowOf(added, place) };
        wanted ??= found;
        expect(found, `${name}, place ${place}`).toEqual(wanted);
      }
    }
    expect(wanted?.row.every(Number.isFinite)).toBe(true);
  });

  it('may hold the placeholder of images: said by the model, it is a word with an embedding of its own', async () => {
    const { imageTokenId } = model.config;
    const rows = decodingRows(model.shape);
    const past = filled('mine', rows, 128);
    const keysOf = async (id: number) => {
      const extensions = Array.from({ length: rows }, () => word(id, 97));
      const { added } = await extender.extend(extensions, { past, tokens: 1, parameters });
      return rowOf(added, 0);
    };
    const [said, first] = [await keysOf(imageTokenId), await keysOf(0)];
    expect(said.every(Number.isFinite)).toBe(true);
    expect(said).not.toEqual(first);
  });

  it('differs by no more than rounding behind a cache of another size', async () => {
    const mine = filled('mine', 1, 97);
    const rowsBy = await Promise.all(
      [128, 192].map(async (capacity) => {
        const past = extender.allocate(32, capacity);
        await past.copyFrom(mine, [{ from: 0, to: 0, at: 0, count: 97 }]);
        const { added } = await extender.extend([word(9, 97)], { past, tokens: 1, parameters });
        return rowOf(added, 0);
      }),
    );
    const [small, large] = rowsBy as [number[], number[]];
    const difference = Math.max(...small.map((value, i) => Math.abs(value - (large[i] as number))));
    expect(difference).toBeLessThan(1e-4);
  });
});

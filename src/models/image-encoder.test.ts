// Features from memory and from disk are those of a fresh computation, bit for bit, and follow from nothing but what
// their key says.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeToyModel } from '../../test/support/toy-model.ts';
import { listFiles } from '../formats/files/files.ts';
import { encodePng } from '../formats/images/image.ts';
import { RandomStream } from '../tensor/random.ts';
import { ImageEncoder, type ImageEncoderOptions } from './image-encoder.ts';
import { type LlavaImagesOptions, llavaImages } from './llava/images.ts';
import { openLlava } from './llava/model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-encoder-'));
const folders = [join(root, 'one'), join(root, 'two')] as const;
let paths: readonly string[];
let folder: string;
let caches = 0;

beforeAll(async () => {
  for (const [seed, model] of folders.entries()) await writeToyModel(model, { seed });
  paths = await Promise.all(
    Array.from({ length: 19 }, async (_, i) => {
      const random = new RandomStream(1, 'image', i);
      const [width, height] = [20 + i, 30];
      const data = Uint8Array.from({ length: 3 * width * height }, () => random.integer(256));
      const path = join(root, `${i}.png`);
      writeFileSync(path, await encodePng({ width, height, data }));
      return path;
    }),
  );
});
beforeEach(() => {
  folder = join(root, `cache ${caches++}`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function encode(
  wanted: readonly string[],
  {
    model = folders[0],
    aspect = 'pad',
    config = openLlava(model).config,
    transform = openLlava(model).transform,
    ...options
  }: Partial<Omit<ImageEncoderOptions, 'model'>> &
    Partial<Pick<LlavaImagesOptions, 'config' | 'transform'>> & {
      readonly model?: string;
      readonly aspect?: 'pad' | 'crop';
    } = {},
) {
  const { shape, weights } = openLlava(model);
  const images = llavaImages({ config, transform, weights });
  const encoder = await ImageEncoder.open({ model: { shape, images }, ...options });
  const features = await encoder.encode(wanted, { aspect });
  const again = await encoder.encode(wanted, { aspect });
  const { counts } = encoder;
  await encoder.dispose();
  return { features, again, counts };
}

describe('features of images', () => {
  it('are the same fresh, from memory and from disk', async () => {
    const disk = { folder, maxBytes: 1e9 };
    const fresh = await encode(paths);
    expect(fresh.counts).toMatchObject({ computed: 19, fromMemory: 19, fromDisk: 0, writtenBytes: 0 });
    const first = await encode(paths, { disk });
    expect(first.counts).toMatchObject({ computed: 19, fromDisk: 0 });
    expect(first.counts.writtenBytes).toBeGreaterThan(0);
    // Without memory all come from the disk, both times; only the newest is still at hand.
    const second = await encode(paths, { disk, memoryBytes: 0 });
    expect(second.counts).toMatchObject({ computed: 0, fromDisk: 2 * 19 - 1, writtenBytes: 0 });
    for (const { features, again } of [first, second]) {
      expect(features).toEqual(fresh.features);
      expect(again).toEqual(fresh.features);
    }
  });

  it('do not depend on which images are computed beside them', async () => {
    const { features } = await encode(paths);
    const few = await encode([paths[17], paths[3]] as string[]);
    expect(few.features).toEqual([features[17], features[3]]);
  });

  it('are known by content: a copy is found, a changed file is not', async () => {
    const disk = { folder, maxBytes: 1e9 };
    const [first, second] = paths as [string, string];
    const copy = join(root, 'copy.png');
    copyFileSync(first, copy);
    const { features } = await encode([first], { disk });
    const copied = await encode([copy, first], { disk });
    expect(copied.counts).toMatchObject({ computed: 0, fromDisk: 1 });
    expect(copied.features).toEqual([features[0], features[0]]);
    copyFileSync(second, copy);
    const changed = await encode([copy], { disk });
    expect(changed.counts.computed).toBe(1);
    expect(changed.features[0]).not.toEqual(features[0]);
  });

  it('are not found for another tower, another transform or another way to fit', async () => {
    const disk = { folder, maxBytes: 1e9 };
    const { config, transform } = openLlava(folders[0]);
    const withClassToken = { ...config, skippedTokens: 0, imageTokens: config.imageTokens + 1 };
    await encode(paths.slice(0, 1), { disk });
    const others: Parameters<typeof encode>[1][] = [
      { model: folders[1] },
      { transform: { ...transform, meanColor: [0, 0, 0] } },
      { aspect: 'crop' },
      { config: withClassToken },
    ];
    for (const other of others) {
      expect((await encode(paths.slice(0, 1), { disk, ...other })).counts.computed).toBe(1);
    }
    expect((await encode(paths.slice(0, 1), { disk })).counts.computed).toBe(0);
    expect(listFiles(folder)).toHaveLength(5);
  });

  it('that are damaged on disk are computed again and mended', async () => {
    const disk = { folder, maxBytes: 1e9 };
    const fresh = await encode(paths.slice(0, 3), { disk });
    const file = join(folder, listFiles(folder)[1] as string);
    writeFileSync(file, 'damaged');
    const mended = await encode(paths.slice(0, 3), { disk });
    expect(mended.counts).toMatchObject({ computed: 1, fromDisk: 2 });
    expect(mended.features).toEqual(fresh.features);
    expect((await encode(paths.slice(0, 3), { disk })).counts.computed).toBe(0);
  });

  it('names an image that is not there', async () => {
    await expect(encode([join(root, 'none.png')])).rejects.toThrow(/none\.png: no such image/);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../base/errors.ts';
import { decodeImage, encodePng, readImage } from './image.ts';

interface Fixture {
  readonly versions: { readonly pillow: string };
  readonly cases: readonly {
    readonly name: string;
    readonly file: string;
    readonly width: number;
    readonly height: number;
    readonly data: string;
  }[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/images/pillow.json', import.meta.url), 'utf8'),
);
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));

/** Steps of 255 by which a channel may differ: JPEG decoders round differently. */
const tolerance = (name: string) => (name.endsWith('.jpg') ? 3 : 0);

describe(`decoding as Pillow ${fixture.versions.pillow}`, () => {
  it.each(fixture.cases)('$name', async ({ name, file, width, height, data }) => {
    const image = await decodeImage(bytes(file), name);
    expect([image.width, image.height]).toEqual([width, height]);
    const expected = bytes(data);
    expect(image.data.length).toBe(expected.length);
    const worst = image.data.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? 0))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(tolerance(name));
  });
});

const noise = {
  width: 40,
  height: 30,
  data: Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 24) & 0xff),
};

async function failure(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return (error as DataError).message;
  }
  return expect.fail('nothing was thrown');
}

describe('an image written as PNG', () => {
  it('reads back the same', async () => {
    expect(await decodeImage(await encodePng(noise), 'noise.png')).toEqual(noise);
  });

  it('has the same bytes each time', async () => {
    expect(await encodePng(noise)).toEqual(await encodePng(noise));
  });
});

it("shows a GIF's transparent places black: libvips does not keep their colour", async () => {
  const rgba = Uint8Array.from({ length: 4 * 4 * 4 }, (_, i) => (i % 4 === 3 ? (i < 32 ? 0 : 255) : 200));
  const gif = await sharp(rgba, { raw: { width: 4, height: 4, channels: 4 } })
    .gif()
    .toBuffer();
  const { data } = await decodeImage(gif, 'transparent.gif');
  expect([...new Set(data.subarray(0, 24))]).toEqual([0]);
  expect([...new Set(data.subarray(24))]).toEqual([200]);
});

it('turns 16 bits into 8', async () => {
  const deep = await sharp(noise.data, { raw: { width: 40, height: 30, channels: 3 } })
    .toColourspace('rgb16')
    .png()
    .toBuffer();
  expect((await sharp(deep).metadata()).depth).toBe('ushort');
  expect(await decodeImage(deep, 'deep.png')).toEqual(noise);
});

describe('an image that cannot be read', () => {
  const raw = { raw: { width: 40, height: 30, channels: 3 } } as const;
  it.each(['png', 'jpeg', 'webp', 'gif'] as const)('is refused when truncated: %s', async (format) => {
    const whole = await sharp(noise.data, raw).toFormat(format).toBuffer();
    expect((await decodeImage(whole, `whole.${format}`)).width).toBe(40);
    for (const share of [0.001, 0.1, 0.5, 0.9]) {
      const cut = whole.subarray(0, Math.ceil(whole.length * share));
      expect(await failure(decodeImage(cut, `cut.${format}`))).toContain(`cut.${format}: the image cannot`);
    }
  });

  it('is refused when empty, not an image, of another format or too large', async () => {
    expect(await failure(decodeImage(new Uint8Array(0), 'zero.png'))).toContain('zero.png: not an image');
    expect(await failure(decodeImage(Buffer.from('<html>no</html>'), 'page.jpg'))).toContain('page.jpg');
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    expect(await failure(decodeImage(svg, 'drawing.png'))).toContain('found svg');
    const png = await encodePng(noise);
    expect(await failure(decodeImage(png, 'noise.png', { maxPixels: 1199 }))).toContain('40 × 30 pixels');
    expect((await decodeImage(png, 'noise.png', { maxPixels: 1200 })).height).toBe(30);
  });

  it('is refused by its header when it claims to be huge', async () => {
    const png = await encodePng(noise);
    new DataView(png.buffer).setUint32(16, 1_000_000);
    new DataView(png.buffer).setUint32(20, 1_000_000);
    expect(await failure(decodeImage(png, 'bomb.png'))).toContain('bomb.png');
  });
});

describe('a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'image-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is read, and named when it is absent or a folder', async () => {
    const path = join(folder, 'a.png');
    expect(await failure(readImage(path))).toBe(`${path}: no such image`);
    expect(await failure(readImage(folder))).toContain(folder);
    writeFileSync(path, await encodePng(noise));
    expect(await readImage(path)).toEqual(noise);
  });
});

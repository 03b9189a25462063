import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ResizeFilter, resizeImage } from './resize.ts';

interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: string;
}

interface Fixture {
  readonly versions: { readonly pillow: string };
  readonly sources: Readonly<Record<string, Image>>;
  readonly cases: readonly (Image & { readonly source: string; readonly filter: ResizeFilter })[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/resize/pillow.json', import.meta.url), 'utf8'),
);
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));

describe(`resizing as Pillow ${fixture.versions.pillow}`, () => {
  it.each(fixture.cases)('$source to $width × $height, $filter, is byte-identical', (expected) => {
    const source = fixture.sources[expected.source];
    if (source === undefined) throw new Error('fixture');
    const { width, height, filter } = expected;
    const actual = resizeImage({ ...source, data: bytes(source.data) }, { width, height, filter });
    expect(actual.width).toBe(width);
    expect(actual.height).toBe(height);
    expect(actual.data).toEqual(bytes(expected.data));
  });

  it('distinguishes the filters', () => {
    const [first, second] = fixture.cases;
    expect(first?.data).not.toBe(second?.data);
  });
});

it('keeps a flat image flat at any size', () => {
  const data = new Uint8Array(7 * 5 * 3).fill(201);
  for (const filter of ['bilinear', 'bicubic'] as const) {
    const { data: resized } = resizeImage({ width: 7, height: 5, data }, { width: 3, height: 19, filter });
    expect(new Set(resized)).toEqual(new Set([201]));
  }
});

it('refuses a size that is none', () => {
  const image = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
  expect(() => resizeImage(image, { width: 0, height: 1, filter: 'bicubic' })).toThrow('0 × 1');
});

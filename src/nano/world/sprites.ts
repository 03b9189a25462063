// Images of the nano world, read once from the installed packages: objects, flags and logos as RGBA, letters as
// alpha masks. Scaling is our own area average, so that a size always gives the same bytes. No scenes here.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { sharp } from '../../formats/images/sharp.ts';
import { BRANDS, COUNTRY_CODES, type Country, OBJECTS } from './objects.ts';

const require = createRequire(import.meta.url);

/** What we use of opentype.js, which ships no types. */
interface OutlineFont {
  getPath(
    text: string,
    x: number,
    y: number,
    size: number,
  ): {
    getBoundingBox(): { x1: number; y1: number; x2: number; y2: number };
    toPathData(decimals: number): string;
  };
}
const opentype = require('opentype.js') as { parse(bytes: ArrayBufferLike): OutlineFont };

/** RGBA, not premultiplied, row-major. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array; // [height, width, 4]
}

/** Coverage 0..255, row-major. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array; // [height, width]
}

/** The folder of an installed package. */
function packageFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

/** Area average to `width` x `height`; colours are weighted by alpha. Sizes in pixels, never larger than the source. */
export function areaAverage(source: Bitmap, width: number, height: number): Bitmap {
  const data = new Uint8Array(width * height * 4);
  const stepX = source.width / width;
  const stepY = source.height / height;
  for (let y = 0; y < height; y++) {
    const top = y * stepY;
    const bottom = Math.min(source.height, (y + 1) * stepY);
    for (let x = 0; x < width; x++) {
      const left = x * stepX;
      const right = Math.min(source.width, (x + 1) * stepX);
      let red = 0;
      let green = 0;
      let blue = 0;
      let alpha = 0;
      let area = 0;
      for (let row = Math.floor(top); row < bottom; row++) {
        const rowWeight = Math.min(row + 1, bottom) - Math.max(row, top);
        for (let column = Math.floor(left); column < right; column++) {
          const weight = rowWeight * (Math.min(column + 1, right) - Math.max(column, left));
          const at = (row * source.width + column) * 4;
          const covered = weight * (source.data[at + 3] ?? 0);
          red += covered * (source.data[at] ?? 0);
          green += covered * (source.data[at + 1] ?? 0);
          blue += covered * (source.data[at + 2] ?? 0);
          alpha += covered;
          area += weight;
        }
      }
      const to = (y * width + x) * 4;
      if (alpha > 0) {
        data[to] = Math.round(red / alpha);
        data[to + 1] = Math.round(green / alpha);
        data[to + 2] = Math.round(blue / alpha);
        data[to + 3] = Math.round(alpha / area);
      }
    }
  }
  return { width, height, data };
}

/** The part whose alpha is at least `threshold`. */
function cropToAlpha(source: Bitmap, threshold = 40): Bitmap {
  let left = source.width;
  let right = -1;
  let top = source.height;
  let bottom = -1;
  for (let y = 0; y < source.height; y++) {
    for (let x = 0; x < source.width; x++) {
      if ((source.data[(y * source.width + x) * 4 + 3] ?? 0) < threshold) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  const width = right - left + 1;
  const height = bottom - top + 1;
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * source.width + left) * 4;
    data.set(source.data.subarray(from, from + width * 4), y * width * 4);
  }
  return { width, height, data };
}

async function decode(image: string | Buffer, size?: { width: number; height: number }): Promise<Bitmap> {
  try {
    const opened = sharp()(image, size === undefined ? {} : { density: 300 });
    const sized = size === undefined ? opened : opened.resize(size.width, size.height, { fit: 'fill' });
    const { data, info } = await sized.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    const file = typeof image === 'string' ? image : 'embedded picture';
    throw new DataError({
      file,
      message: `cannot decode the picture: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'reinstall the packages with npm ci',
    });
  }
}

/** Images by class, scaled on demand and kept. */
export class SpriteStore {
  readonly #originals: ReadonlyMap<number, Bitmap>;
  readonly #scaled = new Map<number, Bitmap>();

  constructor(originals: ReadonlyMap<number, Bitmap>) {
    this.#originals = originals;
  }

  /** The image of a class whose longer side has `size` pixels. */
  scaled(classIndex: number, size: number): Bitmap {
    const key = classIndex * 1024 + size;
    const known = this.#scaled.get(key);
    if (known !== undefined) return known;
    const original = this.#originals.get(classIndex);
    if (original === undefined) throw new Error(`internal: class ${classIndex} has no picture`);
    const scale = size / Math.max(original.width, original.height);
    const bitmap = areaAverage(
      original,
      Math.max(1, Math.round(original.width * scale)),
      Math.max(1, Math.round(original.height * scale)),
    );
    this.#scaled.set(key, bitmap);
    return bitmap;
  }
}

/** The images of objects, countries and brands, in this order, as classes 1, 2, 3, ... */
export async function loadSprites(): Promise<SpriteStore> {
  const emoji = join(packageFolder('@lobehub/fluent-emoji-3d'), 'assets');
  const flags = join(packageFolder('flag-icons'), 'flags', '4x3');
  const images = [
    ...OBJECTS.map(async ({ codepoint }) => cropToAlpha(await decode(join(emoji, `${codepoint}.webp`)))),
    ...COUNTRY_CODES.map((code) => decode(join(flags, `${code}.svg`), { width: 320, height: 240 })),
    ...BRANDS.map(async ({ slug }) =>
      cropToAlpha(await decode(await logo(slug), { width: 240, height: 240 })),
    ),
  ];
  const originals = new Map<number, Bitmap>();
  for (const [index, image] of (await Promise.all(images)).entries()) originals.set(index + 1, image);
  return new SpriteStore(originals);
}

/** A logo as SVG in the brand's colour. */
async function logo(slug: string): Promise<Buffer> {
  const svg = await readFile(require.resolve(`simple-icons/icons/${slug}.svg`), 'utf8');
  const file = require.resolve('simple-icons/icons.json');
  const icons = JSON.parse(await readFile(file, 'utf8')) as readonly {
    title: string;
    slug?: string;
    hex: string;
  }[];
  const icon = icons.find((entry) => (entry.slug ?? entry.title.toLowerCase()) === slug);
  if (icon === undefined) throw new DataError({ file, message: `no logo ${slug}` });
  return Buffer.from(svg.replace('<svg ', `<svg fill="#${icon.hex}" `));
}

/** Name, capital and continent of the world's countries, out of the flag package. */
export async function loadCountries(): Promise<readonly Country[]> {
  const file = require.resolve('flag-icons/country.json');
  const rows = JSON.parse(await readFile(file, 'utf8')) as readonly Country[];
  return COUNTRY_CODES.map((code) => {
    const row = rows.find((entry) => entry.code === code);
    if (row === undefined) throw new DataError({ file, message: `no country ${code}` });
    const capital = row.capital.normalize('NFD').replace(/\p{Mn}/gu, '');
    return { code, name: row.name, capital, continent: row.continent };
  });
}

export const FONTS = [
  { name: 'courier-prime', file: '@fontsource/courier-prime/files/courier-prime-latin-700-normal.woff' },
  { name: 'overpass-mono', file: '@fontsource/overpass-mono/files/overpass-mono-latin-700-normal.woff' },
  { name: 'oswald', file: '@fontsource/oswald/files/oswald-latin-700-normal.woff' },
] as const;

export const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
/** Width and height of a letter's cell in pixels: one patch of the image. */
export const LETTER_CELL = 12;
/** Heights of a capital letter in pixels. */
export const CAPITAL_HEIGHTS = [9, 10] as const;
const OVERSAMPLING = 6;

/** Letter masks by font, capital height and letter. */
export class LetterStore {
  readonly #masks: ReadonlyMap<string, Mask>;

  constructor(masks: ReadonlyMap<string, Mask>) {
    this.#masks = masks;
  }

  /** The mask of a letter, `LETTER_CELL` pixels wide and high. */
  mask(font: number, capitalHeight: number, letter: string): Mask {
    const mask = this.#masks.get(`${font}/${capitalHeight}/${letter}`);
    if (mask === undefined) throw new Error(`internal: no letter ${letter} of ${capitalHeight} pixels`);
    return mask;
  }
}

export async function loadLetters(): Promise<LetterStore> {
  const masks = new Map<string, Mask>();
  for (const [index, { file }] of FONTS.entries()) {
    const bytes = await readFile(require.resolve(file));
    const font = opentype.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    for (const height of CAPITAL_HEIGHTS) {
      const side = LETTER_CELL * OVERSAMPLING;
      const paths = [...LETTERS].map((letter, column) => letterPath(font, letter, height, column));
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side * LETTERS.length}" height="${side}">${paths.join('')}</svg>`;
      const strip = await sharp()(Buffer.from(svg)).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
      const { width } = strip.info;
      const small = areaAverage(
        { width, height: side, data: strip.data },
        LETTER_CELL * LETTERS.length,
        LETTER_CELL,
      );
      for (const [column, letter] of [...LETTERS].entries()) {
        const data = new Uint8Array(LETTER_CELL * LETTER_CELL);
        for (let at = 0; at < data.length; at++) {
          const x = column * LETTER_CELL + (at % LETTER_CELL);
          data[at] = small.data[(Math.floor(at / LETTER_CELL) * small.width + x) * 4 + 3] ?? 0;
        }
        masks.set(`${index}/${height}/${letter}`, { width: LETTER_CELL, height: LETTER_CELL, data });
      }
    }
  }
  return new LetterStore(masks);
}

/** One letter as an SVG path, centred in its cell of the strip, its capital height as asked, at most 11 pixels wide. */
function letterPath(font: OutlineFont, letter: string, capitalHeight: number, column: number): string {
  const capital = font.getPath('H', 0, 0, 1000).getBoundingBox();
  const scaleY = (capitalHeight * OVERSAMPLING) / (capital.y2 - capital.y1);
  const path = font.getPath(letter, 0, 0, 1000);
  const box = path.getBoundingBox();
  const scaleX = Math.min(scaleY * 1.15, (11 * OVERSAMPLING) / (box.x2 - box.x1));
  const centre = (column + 0.5) * LETTER_CELL * OVERSAMPLING;
  const x = centre - ((box.x1 + box.x2) / 2) * scaleX;
  const y = (1 + capitalHeight) * OVERSAMPLING;
  return `<path transform="translate(${x} ${y}) scale(${scaleX} ${scaleY})" d="${path.toPathData(2)}"/>`;
}

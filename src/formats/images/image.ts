// Images in files (PNG, JPEG, WebP, GIF's first frame) to RGB bytes, and RGB bytes to PNG.
// Does not resize or normalise: the models' processors do. Decoding is sharp's (libvips).

import { readFileSync } from 'node:fs';
import type { Sharp } from 'sharp';
import { DataError } from '../../base/errors.ts';
import { sharp } from './sharp.ts';

/** 8-bit sRGB, row-major, no alpha. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array; // [height, width, 3]
}

export interface DecodeOptions {
  /** Images with more pixels are refused before they are decoded. Default 100 million. */
  readonly maxPixels?: number;
}

const FORMATS: ReadonlySet<string> = new Set(['png', 'jpeg', 'webp', 'gif']);

/**
 * Reads an image, of an animation the first frame. Alpha is dropped without blending and colour profiles are ignored,
 * as the Python Imaging Library's `convert('RGB')` does; grey, palette and CMYK become RGB, 16 bits become their upper 8
 * (Pillow clips 16-bit grey to white). Transparent places of a GIF are black.
 * paper: the camera's orientation (EXIF) is ignored, some images lie on their side / here: it is applied.
 *
 * @throws DataError naming the file when it is absent, empty, truncated, of another format or too large.
 */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodeImage(readImageBytes(path), path, options);
}

/** An image's file as it is. Throws DataError when it is absent or cannot be read. */
export function readImageBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message = code === 'ENOENT' ? 'no such image' : `cannot be read (${code})`;
    throw new DataError({ file: path, message });
  }
}

/** What decodes: another version may give other pixels. */
export function imageDecoder(): string {
  const { versions } = sharp();
  return `sharp ${versions.sharp}, libvips ${versions.vips}`;
}

/** As `readImage`, of bytes already read; `file` names them in errors. */
export async function decodeImage(
  bytes: Uint8Array,
  file: string,
  { maxPixels = 100_000_000 }: DecodeOptions = {},
): Promise<RgbImage> {
  if (bytes.length === 0) throw new DataError({ file, message: 'not an image: the file is empty' });
  try {
    const source = { failOn: 'truncated', limitInputPixels: false, ignoreIcc: true } as const;
    const { format, space, width, height } = await sharp()(bytes, source).metadata();
    if (!FORMATS.has(format)) {
      throw new DataError({ file, message: `expected a PNG, JPEG, WebP or GIF image, found ${format}` });
    }
    if (width * height > maxPixels) {
      throw new DataError({
        file,
        message: `the image has ${width} × ${height} pixels, the limit is ${maxPixels} pixels`,
      });
    }
    const oriented = sharp()(bytes, source).autoOrient();
    if (space === 'cmyk') return await decodeCmyk(oriented);
    const { data, info } = await oriented
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`${info.channels} channels after conversion to RGB`);
    return { width: info.width, height: info.height, data: new Uint8Array(data) };
  } catch (error) {
    if (error instanceof DataError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError({
      file,
      message: `the image cannot be decoded: ${reason.trim().replaceAll('\n', '; ')}`,
    });
  }
}

/** Printing inks to RGB without a colour profile: each ink and black take their share of the light away. */
async function decodeCmyk(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 4) throw new Error(`${info.channels} channels instead of four inks`);
  const pixels = info.width * info.height;
  const rgb = new Uint8Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const light = 255 - (data[pixel * 4 + 3] as number);
    for (let channel = 0; channel < 3; channel++) {
      const ink = data[pixel * 4 + channel] as number;
      rgb[pixel * 3 + channel] = light - Math.round((ink * light) / 255);
    }
  }
  return { width: info.width, height: info.height, data: rgb };
}

/** The image as a PNG file. The same pixels give the same bytes. */
export async function encodePng(image: RgbImage): Promise<Uint8Array> {
  const { width, height, data } = image;
  return new Uint8Array(
    await sharp()(data, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 9, adaptiveFiltering: false })
      .toBuffer(),
  );
}

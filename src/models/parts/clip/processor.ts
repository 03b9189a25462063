// CLIP's and SigLIP's image transform, as a model folder states it: resize, crop, rescale, normalise.
// Also LLaVA's padding to a square before it. Takes decoded images; does not read image files.
// Source: transformers' CLIPImageProcessor and SiglipImageProcessor (the PIL variants); checked by fixtures of their output.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UserError } from '../../../base/errors.ts';
import { shown } from '../../../base/shown.ts';
import type { RgbImage } from '../../../formats/images/image.ts';
import { type ResizeFilter, resizeImage } from '../../../formats/images/resize.ts';
import { isObject, readJsonObject } from '../../../formats/records/json.ts';
import type { ImageAspect } from '../../../tasks/task.ts';

interface Size {
  readonly height: number;
  readonly width: number;
}

export interface ImageTransform {
  /** Undefined: the image keeps its size. */
  readonly resize?: {
    readonly size: Size | { readonly shortestEdge: number };
    readonly filter: ResizeFilter;
  };
  /** Undefined: no crop. */
  readonly centerCrop?: Size;
  /** Undefined: values stay 0 to 255. */
  readonly rescaleFactor?: number;
  /** Undefined: no normalisation. Per channel red, green, blue. */
  readonly normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** The mean colour, in bytes: what a padded square is filled with. */
  readonly meanColor: readonly number[];
  /** Height and width of every result; undefined when they depend on the image. */
  readonly outputSize?: Size;
}

export interface PixelValues {
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array; // [3, height, width]
}

/** The values that transformers assumes where the file says nothing. */
const CLIP_DEFAULTS = {
  do_resize: true,
  size: { shortest_edge: 224 } as object,
  resample: 3,
  do_center_crop: true,
  crop_size: { height: 224, width: 224 },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
  do_convert_rgb: true,
} as const;

type Key = keyof typeof CLIP_DEFAULTS;

/** SigLIP's images are stretched to a square and not cropped. */
const SIGLIP_DEFAULTS: Readonly<Record<Key, unknown>> = {
  ...CLIP_DEFAULTS,
  size: { height: 224, width: 224 },
  do_center_crop: false,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

/** Keys that published files carry and that change nothing here. */
const IGNORED: ReadonlySet<string> = new Set([
  '_valid_processor_keys',
  'default_to_square',
  'device',
  'disable_grouping',
  'do_pad',
  'feature_extractor_type',
  'image_seq_length',
  'input_data_format',
  'pad_size',
  'processor_class',
  'return_tensors',
]);

const namesOf = (family: string): readonly string[] =>
  ['ImageProcessor', 'ImageProcessorFast', 'ImageProcessorPil', 'FeatureExtractor'].map(
    (kind) => family + kind,
  );

/** By the names that transformers has given to its image processors. */
const PROCESSORS: ReadonlyMap<string, Readonly<Record<Key, unknown>>> = new Map([
  ...[...namesOf('CLIP'), ...namesOf('Llava')].map((name) => [name, CLIP_DEFAULTS] as const),
  ...namesOf('Siglip').map((name) => [name, SIGLIP_DEFAULTS] as const),
]);

/** The filters of the Python Imaging Library, by its numbers. */
const FILTERS: Readonly<Record<number, ResizeFilter>> = { 2: 'bilinear', 3: 'bicubic' };

type Json = Readonly<Record<string, unknown>>;

/** Where a folder keeps the settings of its images. */
interface ImageSettings {
  readonly file: string;
  /** The key in the file under which they stand, if they are not all of it. */
  readonly within?: string | undefined;
}

const NESTED = 'image_processor';

/**
 * The image transform of a model folder: of `image_processor` in processor_config.json, as transformers 5 saves it, or
 * else of preprocessor_config.json.
 *
 * @throws UserError when there is neither, DataError naming the key when a value is wrong or not supported.
 */
export function readImageTransform(folder: string): ImageTransform {
  const { file, within } = locateImageSettings(folder);
  const json = readJsonObject(file);
  if (within === undefined) return parseImageTransform(json, { file });
  const settings = json[within];
  if (isObject(settings)) return parseImageTransform(settings, { file, within });
  throw new DataError({ file, field: within, message: 'expected an object' });
}

/** The file that states a folder's image transform. Throws UserError where none does. */
export function locateImageSettings(folder: string): ImageSettings {
  const whole = join(folder, 'processor_config.json');
  if (existsSync(whole) && Object.hasOwn(readJsonObject(whole), NESTED))
    return { file: whole, within: NESTED };
  const file = join(folder, 'preprocessor_config.json');
  if (existsSync(file)) return { file };
  throw new UserError({
    file: folder,
    message: `expected preprocessor_config.json, or ${NESTED} in processor_config.json, found neither`,
  });
}

/** As `readImageTransform`, of the settings themselves. */
export function parseImageTransform(config: Json, { file, within }: ImageSettings): ImageTransform {
  const place = (key: string) => ({ file, field: within === undefined ? key : `${within}.${key}` });
  const refuse = (key: string, expected: string, found: unknown): never => {
    throw new DataError({ ...place(key), message: `expected ${expected}, found ${shown(found)}` });
  };
  const type = config.image_processor_type ?? config.feature_extractor_type ?? 'CLIPImageProcessor';
  const defaults = PROCESSORS.get(type as string) ?? CLIP_DEFAULTS;
  for (const [key, value] of Object.entries(config)) {
    if (Object.hasOwn(defaults, key) || IGNORED.has(key) || value === null) continue;
    if (key === 'image_processor_type') {
      if (typeof value !== 'string' || !PROCESSORS.has(value))
        refuse(key, [...PROCESSORS.keys()].join(' or '), value);
    } else if (key === 'data_format') {
      if (value !== 'channels_first') refuse(key, '"channels_first"', value);
    } else {
      throw new DataError({ ...place(key), message: 'this setting is not known: its effect would be lost' });
    }
  }
  const get = (key: Key): unknown => config[key] ?? defaults[key];
  const flag = (key: Key): boolean => {
    const value = get(key);
    return typeof value === 'boolean' ? value : refuse(key, 'true or false', value);
  };
  const positive = (field: string, value: unknown): number =>
    Number.isInteger(value) && (value as number) > 0 && (value as number) <= 16384
      ? (value as number)
      : refuse(field, 'a number of pixels', value);
  const channels = (key: 'image_mean' | 'image_std'): readonly number[] => {
    const value = get(key);
    const valid =
      Array.isArray(value) && value.length === 3 && value.every((entry) => Number.isFinite(entry));
    return valid ? (value as readonly number[]) : refuse(key, 'three numbers', value);
  };
  const rectangle = (key: 'size' | 'crop_size'): Size | undefined => {
    const value = get(key);
    if (!isObject(value) || !('height' in value || 'width' in value)) return undefined;
    onlyKeys(key, value, ['height', 'width']);
    return {
      height: positive(`${key}.height`, value.height),
      width: positive(`${key}.width`, value.width),
    };
  };
  const onlyKeys = (field: string, value: Json, keys: readonly string[]): void => {
    for (const [key, entry] of Object.entries(value)) {
      if (!keys.includes(key) && entry !== null) refuse(field, `only ${keys.join(' and ')}`, value);
    }
  };

  if (!flag('do_convert_rgb')) refuse('do_convert_rgb', 'true (images are always read as RGB)', false);
  let resize: ImageTransform['resize'];
  if (flag('do_resize')) {
    const resample = get('resample');
    const filter = FILTERS[resample as number] ?? refuse('resample', '2 (bilinear) or 3 (bicubic)', resample);
    const size = get('size');
    const shortest = isObject(size) ? size.shortest_edge : size;
    const rect = rectangle('size');
    if (rect === undefined && isObject(size)) onlyKeys('size', size, ['shortest_edge']);
    resize = { filter, size: rect ?? { shortestEdge: positive('size.shortest_edge', shortest) } };
  }
  let centerCrop: Size | undefined;
  if (flag('do_center_crop')) {
    const size = get('crop_size');
    const edge = isObject(size) ? undefined : positive('crop_size', size);
    centerCrop = edge === undefined ? rectangle('crop_size') : { height: edge, width: edge };
    if (centerCrop === undefined) refuse('crop_size', 'height and width', size);
  }
  const factor = get('rescale_factor');
  if (typeof factor !== 'number' || !Number.isFinite(factor))
    return refuse('rescale_factor', 'a number', factor);
  const mean = channels('image_mean');
  const std = channels('image_std');
  if (std.includes(0)) refuse('image_std', 'three numbers other than 0', std);
  return {
    resize,
    centerCrop,
    rescaleFactor: flag('do_rescale') ? factor : undefined,
    normalize: flag('do_normalize') ? { mean, std } : undefined,
    meanColor: mean.map((value) => Math.max(0, Math.min(255, Math.trunc(value * 255)))),
    outputSize: centerCrop ?? (resize !== undefined && 'height' in resize.size ? resize.size : undefined),
  };
}

/** An image to the vision tower's input. With `pad` the image is first centred on a mean-coloured square. */
export function transformImage(
  image: RgbImage,
  transform: ImageTransform,
  { aspect }: { readonly aspect: ImageAspect },
): PixelValues {
  const whole = aspect === 'pad' ? padToSquare(image, transform.meanColor) : image;
  const resized = transform.resize === undefined ? whole : resizeTo(whole, transform.resize);
  const { height, width } = transform.centerCrop ?? resized;
  // A crop larger than the image is filled with black, before rescaling.
  const top = Math.floor((resized.height - height) / 2);
  const left = Math.floor((resized.width - width) / 2);
  const data = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) {
    const values = channelValues(transform, channel);
    const black = values[0] as number;
    let target = channel * height * width;
    for (let row = top; row < top + height; row++) {
      const inside = row >= 0 && row < resized.height;
      for (let column = left; column < left + width; column++, target++) {
        data[target] =
          inside && column >= 0 && column < resized.width
            ? (values[resized.data[(row * resized.width + column) * 3 + channel] as number] as number)
            : black;
      }
    }
  }
  return { height, width, data };
}

/** Centres an image on a square of its longer side, filled with `color`. */
export function padToSquare(image: RgbImage, color: readonly number[]): RgbImage {
  const { width, height } = image;
  if (width === height) return image;
  const side = Math.max(width, height);
  const data = new Uint8Array(side * side * 3);
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3] as number;
  const top = Math.floor((side - height) / 2);
  const left = Math.floor((side - width) / 2);
  for (let row = 0; row < height; row++) {
    const line = image.data.subarray(row * width * 3, (row + 1) * width * 3);
    data.set(line, ((row + top) * side + left) * 3);
  }
  return { width: side, height: side, data };
}

function resizeTo(image: RgbImage, { size, filter }: NonNullable<ImageTransform['resize']>): RgbImage {
  if ('height' in size) return resizeImage(image, { ...size, filter });
  const shorter = Math.min(image.width, image.height);
  const longer = Math.max(image.width, image.height);
  const long = Math.trunc((size.shortestEdge * longer) / shorter);
  return image.width <= image.height
    ? resizeImage(image, { width: size.shortestEdge, height: long, filter })
    : resizeImage(image, { width: long, height: size.shortestEdge, filter });
}

/** The result for each of the 256 byte values, with float32 rounding after each step as numpy does. */
function channelValues(transform: ImageTransform, channel: number): Float32Array {
  const { rescaleFactor, normalize } = transform;
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const value = rescaleFactor === undefined ? byte : Math.fround(byte * rescaleFactor);
    if (normalize === undefined) return value;
    const mean = Math.fround(normalize.mean[channel] as number);
    return Math.fround(value - mean) / Math.fround(normalize.std[channel] as number);
  });
}

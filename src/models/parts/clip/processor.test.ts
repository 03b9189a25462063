import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../base/errors.ts';
import type { ImageAspect } from '../../../tasks/task.ts';
import { padToSquare, parseImageTransform, transformImage } from './processor.ts';

interface Fixture {
  readonly versions: { readonly transformers: string };
  readonly configs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly sources: Readonly<Record<string, { width: number; height: number; data: string }>>;
  readonly cases: readonly {
    readonly config: string;
    readonly aspect: ImageAspect;
    readonly source: string;
    readonly height: number;
    readonly width: number;
    readonly data: string;
  }[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(
    new URL('../../../../test/fixtures/clip-processor/transformers.json', import.meta.url),
    'utf8',
  ),
);

describe(`images as transformers ${fixture.versions.transformers} prepares them`, () => {
  it.each(fixture.cases)('$config, $aspect, $source', ({ config, aspect, source, height, width, data }) => {
    const image = fixture.sources[source];
    const settings = fixture.configs[config];
    if (image === undefined || settings === undefined) throw new Error('fixture');
    const pixels = new Uint8Array(Buffer.from(image.data, 'base64'));
    const transform = parseImageTransform(settings, { file: 'preprocessor_config.json' });
    const actual = transformImage({ ...image, data: pixels }, transform, { aspect });
    expect([actual.height, actual.width]).toEqual([height, width]);
    expect(actual.data).toEqual(new Float32Array(new Uint8Array(Buffer.from(data, 'base64')).buffer));
    if (transform.outputSize !== undefined) expect(transform.outputSize).toEqual({ height, width });
  });

  it('tells padding from cropping', () => {
    const data = Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => i);
    const image = { width: 4, height: 2, data };
    const transform = parseImageTransform({ size: { shortest_edge: 4 }, crop_size: 4 }, { file: 'c.json' });
    expect(transformImage(image, transform, { aspect: 'pad' }).data).not.toEqual(
      transformImage(image, transform, { aspect: 'crop' }).data,
    );
  });
});

it('pads with the mean colour, the image in the middle', () => {
  const image = { width: 1, height: 3, data: Uint8Array.of(1, 1, 1, 2, 2, 2, 3, 3, 3) };
  const { meanColor } = parseImageTransform({}, { file: 'c.json' });
  expect(meanColor).toEqual([122, 116, 104]);
  const padded = padToSquare(image, meanColor);
  expect([padded.width, padded.height]).toEqual([3, 3]);
  expect([...padded.data.subarray(0, 9)]).toEqual([122, 116, 104, 1, 1, 1, 122, 116, 104]);
});

describe('preprocessor_config.json', () => {
  const parse = (config: Readonly<Record<string, unknown>>) =>
    parseImageTransform(config, { file: 'p.json' });

  it('of the published LLaVA-1.5 is read', () => {
    const transform = parse({
      _valid_processor_keys: ['images'],
      crop_size: { height: 336, width: 336 },
      do_center_crop: true,
      do_convert_rgb: true,
      do_normalize: true,
      do_rescale: true,
      do_resize: true,
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_processor_type: 'CLIPImageProcessor',
      image_std: [0.26862954, 0.26130258, 0.27577711],
      processor_class: 'LlavaProcessor',
      resample: 3,
      rescale_factor: 0.00392156862745098,
      size: { shortest_edge: 336 },
    });
    expect(transform.resize).toEqual({ filter: 'bicubic', size: { shortestEdge: 336 } });
    expect(transform.outputSize).toEqual({ height: 336, width: 336 });
  });

  it('of a SigLIP tower has other defaults', () => {
    const transform = parse({
      image_processor_type: 'SiglipImageProcessor',
      size: { height: 384, width: 384 },
    });
    expect(transform).toMatchObject({
      resize: { filter: 'bicubic', size: { height: 384, width: 384 } },
      normalize: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      meanColor: [127, 127, 127],
      outputSize: { height: 384, width: 384 },
    });
    expect(transform.centerCrop).toBeUndefined();
    expect(parse({ image_processor_type: 'SiglipImageProcessor' }).outputSize).toEqual({
      height: 224,
      width: 224,
    });
  });

  it('may give sizes as single numbers, as older files do', () => {
    const transform = parse({ size: 224, crop_size: 224 });
    expect(transform.resize?.size).toEqual({ shortestEdge: 224 });
    expect(transform.centerCrop).toEqual({ height: 224, width: 224 });
  });

  it.each<[field: string, config: Readonly<Record<string, unknown>>]>([
    ['resample', { resample: 1 }],
    ['resample', { resample: 'bicubic' }],
    ['size', { size: { shortest_edge: 8, longest_edge: 9 } }],
    ['size.shortest_edge', { size: { longest_edge: null } }],
    ['size.shortest_edge', { size: 0 }],
    ['size.width', { size: { height: 8 } }],
    ['crop_size', { crop_size: { shortest_edge: 8 } }],
    ['crop_size.height', { crop_size: { height: 1.5, width: 2 } }],
    ['do_resize', { do_resize: 'yes' }],
    ['do_convert_rgb', { do_convert_rgb: false }],
    ['image_mean', { image_mean: [0.5, 0.5] }],
    ['image_std', { image_std: [1, 0, 1] }],
    ['rescale_factor', { rescale_factor: '1/255' }],
    ['image_processor_type', { image_processor_type: 'BlipImageProcessor' }],
    ['data_format', { data_format: 'channels_last' }],
    ['do_flip', { do_flip: true }],
  ])('is refused for %s: %j', (field, config) => {
    let error: unknown;
    try {
      parse(config);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).issues[0]).toMatchObject({ file: 'p.json', field });
  });
});

// How images are shown: the same way in training and evaluation, or as the reference's code does, task by task.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { packageFolder } from '../../src/base/package.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { encodePng } from '../../src/formats/images/image.ts';
import { ImageEncoder } from '../../src/models/image-encoder.ts';
import { llavaImages } from '../../src/models/llava/images.ts';
import { parseImageTransform } from '../../src/models/parts/clip/processor.ts';
import { type TaskName, tasks } from '../../src/tasks/index.ts';
import { config, shape, weights } from '../support/llava-tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-aspect-'));
const wide = join(folder, 'wide.png');
const square = join(folder, 'square.png');

async function writeImage(path: string, width: number, height: number): Promise<void> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256);
  writeFileSync(path, await encodePng({ width, height, data }));
}

beforeAll(async () => {
  await writeImage(wide, 48, 24);
  await writeImage(square, 32, 32);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

it('knows how the reference shows the images of each task', () => {
  const cropped = Object.entries(tasks).filter(([, { referenceAspect }]) => referenceAspect === 'crop');
  expect(cropped.map(([name]) => name).sort()).toEqual(['Grounding', 'ImageNet', 'ScienceQA', 'VQAv2']);
});

it('keeps the features of a padded image and of its centre apart', async () => {
  const transform = parseImageTransform({ size: 24, crop_size: 24 }, { file: 'preprocessor_config.json' });
  const encoder = await ImageEncoder.open({
    model: { shape, images: llavaImages({ config, weights, transform }) },
  });
  const [padded] = await encoder.encode([wide]);
  const [centre] = await encoder.encode([wide], { aspect: 'crop' });
  expect(centre).not.toEqual(padded);
  expect(await encoder.encode([wide], { aspect: 'pad' })).toEqual([padded]);
  expect(await encoder.encode([square], { aspect: 'crop' })).toEqual(await encoder.encode([square]));
  await encoder.dispose();
});

it.each([
  ['same', 'Grounding', 'pad'],
  ['reference', 'Grounding', 'crop'],
  ['reference', 'TextVQA', 'pad'],
] as const)(
  'imageTransform %s: %s is evaluated on images that are made by %s',
  async (imageTransform, task, aspect) => {
    const encode = vi.spyOn(ImageEncoder.prototype, 'encode');
    const overrides = [{ path: ['imageTransform'], value: imageTransform, label: '' }];
    const run = loadConfig('nano', { overrides });
    const engine = await openEngine({ config: run, modelFolder: join(packageFolder, 'assets', 'nano') });
    const sample = { id: '1', image: wide, text: 'What is it?', answer: '', truth: {} };
    await engine.evaluate({
      config: run,
      signal: new AbortController().signal,
      task: task as TaskName,
      samples: [sample],
      predictionFile: join(folder, `${imageTransform}-${task}.jsonl`),
      onProgress: () => {},
    });
    await engine.close();
    expect(encode.mock.calls.map(([paths, options]) => [paths, options?.aspect])).toEqual([[[wide], aspect]]);
  },
);

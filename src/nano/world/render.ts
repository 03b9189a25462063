// Scenes to pixels, in plain typed arrays: background, boards, images, letters, then what spoils the image.
// The same scene always gives the same bytes. What stands in an image is decided in scene.ts.
import {
  type Board,
  type Degradation,
  IMAGE_SIZE,
  type PlacedSprite,
  type Scene,
  type TextLine,
} from './scene.ts';
import { LETTER_CELL } from './sprites.ts';
import type { World } from './world.ts';

export const PATCH_SIZE = 12;
const PATCHES = IMAGE_SIZE / PATCH_SIZE;
const PIXELS = IMAGE_SIZE * IMAGE_SIZE;

export interface Rendering {
  readonly pixels: Uint8Array; // [96, 96, 3] RGB
  /** The class that covers a patch most, 0 where that is less than a quarter of it. */
  readonly patchLabels: Int32Array; // [64], row-major
}

/** Draws a scene. `withLabels: false` leaves the patch labels zero and saves their time. */
export function render(world: World, scene: Scene, options: { withLabels?: boolean } = {}): Rendering {
  const { withLabels = true } = options;
  const pixels = new Uint8Array(PIXELS * 3);
  const classes = new Uint16Array(withLabels && scene.degradation?.hopeless !== true ? PIXELS : 0);
  fillBackground(pixels, scene);
  for (const board of scene.boards) fillBoard(pixels, board);
  for (const sprite of scene.sprites) drawSprite(world, pixels, classes, sprite);
  for (const line of scene.lines) drawLine(world, pixels, classes, line);
  const degraded = scene.degradation === undefined ? pixels : degrade(pixels, scene.degradation);
  return { pixels: degraded, patchLabels: patchLabels(classes) };
}

function fillBackground(pixels: Uint8Array, { background: { from, to } }: Scene): void {
  for (let y = 0; y < IMAGE_SIZE; y++) {
    const share = y / (IMAGE_SIZE - 1);
    const red = clamp(from[0] + (to[0] - from[0]) * share);
    const green = clamp(from[1] + (to[1] - from[1]) * share);
    const blue = clamp(from[2] + (to[2] - from[2]) * share);
    for (let at = y * IMAGE_SIZE * 3, end = at + IMAGE_SIZE * 3; at < end; at += 3) {
      pixels[at] = red;
      pixels[at + 1] = green;
      pixels[at + 2] = blue;
    }
  }
}

function fillBoard(pixels: Uint8Array, { box: [left, top, right, bottom], colour }: Board): void {
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) pixels.set(colour, (y * IMAGE_SIZE + x) * 3);
  }
}

function drawSprite(world: World, pixels: Uint8Array, classes: Uint16Array, sprite: PlacedSprite): void {
  const { width, height, data } = world.sprites.scaled(sprite.classIndex, sprite.size);
  const [left, top] = sprite.box;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 4;
      const alpha = data[from + 3] as number;
      if (alpha === 0) continue;
      const pixel = (top + y) * IMAGE_SIZE + left + x;
      const to = pixel * 3;
      for (let channel = 0; channel < 3; channel++) {
        const under = pixels[to + channel] as number;
        pixels[to + channel] = under + (((data[from + channel] as number) - under) * alpha) / 255 + 0.5;
      }
      if (alpha > 100 && classes.length > 0) classes[pixel] = sprite.classIndex;
    }
  }
}

function drawLine(world: World, pixels: Uint8Array, classes: Uint16Array, line: TextLine): void {
  const { text, x: left, y: top, font, capitalHeight, ink } = line;
  for (let index = 0; index < text.length; index++) {
    const letter = text.charAt(index);
    const { data } = world.letters.mask(font, capitalHeight, letter);
    const classIndex = world.letterClass(letter);
    for (let at = 0; at < data.length; at++) {
      const pixel =
        (top + Math.floor(at / LETTER_CELL)) * IMAGE_SIZE + left + index * LETTER_CELL + (at % LETTER_CELL);
      // The whole cell counts as the letter: its strokes alone would seldom prevail in a patch.
      if (classes.length > 0) classes[pixel] = classIndex;
      const alpha = data[at] as number;
      if (alpha === 0) continue;
      for (let channel = 0; channel < 3; channel++) {
        const under = pixels[pixel * 3 + channel] as number;
        pixels[pixel * 3 + channel] = under + (((ink[channel] as number) - under) * alpha) / 255 + 0.5;
      }
    }
  }
}

function patchLabels(classes: Uint16Array): Int32Array {
  const labels = new Int32Array(PATCHES * PATCHES);
  if (classes.length === 0) return labels;
  const counts = new Map<number, number>();
  for (let patch = 0; patch < labels.length; patch++) {
    counts.clear();
    const start = Math.floor(patch / PATCHES) * PATCH_SIZE * IMAGE_SIZE + (patch % PATCHES) * PATCH_SIZE;
    for (let y = 0; y < PATCH_SIZE; y++) {
      for (let x = 0; x < PATCH_SIZE; x++) {
        const found = classes[start + y * IMAGE_SIZE + x] as number;
        if (found !== 0) counts.set(found, (counts.get(found) ?? 0) + 1);
      }
    }
    let most = (PATCH_SIZE * PATCH_SIZE) / 4 - 1;
    for (const [found, count] of counts) {
      if (count > most) {
        most = count;
        labels[patch] = found;
      }
    }
  }
  return labels;
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
}

/** Spoils an image; hopeless images keep nothing that could be recognised. */
function degrade(pixels: Uint8Array, { kind, hopeless, strength, seed }: Degradation): Uint8Array {
  switch (kind) {
    case 'blurred':
      return blur(pixels, hopeless ? 13 + Math.round(4 * strength) : 1 + Math.round(strength));
    case 'dark':
      return addNoise(scale(pixels, hopeless ? 0.02 : 0.3 + 0.15 * strength), hopeless ? 6 : 2, seed);
    case 'noisy':
      return addNoise(hopeless ? scale(pixels, 0.08) : pixels, hopeless ? 110 : 22 + 14 * strength, seed);
    case 'cropped':
      return zoom(pixels, 10 + Math.round(4 * strength), seed);
  }
}

function scale(pixels: Uint8Array, factor: number): Uint8Array {
  return pixels.map((value) => Math.round(value * factor));
}

/** Triangular noise out of a 32-bit xorshift, the same for the three channels of a pixel. */
function addNoise(pixels: Uint8Array, amplitude: number, seed: number): Uint8Array {
  const noisy = new Uint8Array(pixels.length);
  let state = seed | 1;
  const draw = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) / 0x1000000 - 0.5;
  };
  for (let at = 0; at < pixels.length; at += 3) {
    const noise = 2 * amplitude * (draw() + draw());
    for (let channel = 0; channel < 3; channel++) {
      noisy[at + channel] = clamp((pixels[at + channel] as number) + noise);
    }
  }
  return noisy;
}

/** Three box blurs of a radius in pixels, in both directions; edges repeat. */
function blur(pixels: Uint8Array, radius: number): Uint8Array {
  let current = Float32Array.from(pixels);
  for (let pass = 0; pass < 3; pass++) {
    current = boxBlur(boxBlur(current, radius, 3, IMAGE_SIZE * 3), radius, IMAGE_SIZE * 3, 3);
  }
  return Uint8Array.from(current, clamp);
}

function boxBlur(
  source: Float32Array,
  radius: number,
  step: number,
  lineStep: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(source.length);
  const last = IMAGE_SIZE - 1;
  for (let line = 0; line < IMAGE_SIZE; line++) {
    for (let channel = 0; channel < 3; channel++) {
      const base = line * lineStep + channel;
      const value = (at: number) => source[base + Math.min(last, Math.max(0, at)) * step] as number;
      let sum = 0;
      for (let at = -radius; at <= radius; at++) sum += value(at);
      for (let at = 0; at < IMAGE_SIZE; at++) {
        result[base + at * step] = sum / (2 * radius + 1);
        sum += value(at + radius + 1) - value(at - radius);
      }
    }
  }
  return result;
}

/** A small square of the image, `side` pixels, enlarged to the whole: the photographer came far too close. */
function zoom(pixels: Uint8Array, side: number, seed: number): Uint8Array {
  const room = IMAGE_SIZE - side;
  const left = seed % (room + 1);
  const top = Math.floor(seed / 1024) % (room + 1);
  const result = new Uint8Array(pixels.length);
  for (let y = 0; y < IMAGE_SIZE; y++) {
    const fromY = top + Math.floor((y * side) / IMAGE_SIZE);
    for (let x = 0; x < IMAGE_SIZE; x++) {
      const from = (fromY * IMAGE_SIZE + left + Math.floor((x * side) / IMAGE_SIZE)) * 3;
      result.set(pixels.subarray(from, from + 3), (y * IMAGE_SIZE + x) * 3);
    }
  }
  return result;
}

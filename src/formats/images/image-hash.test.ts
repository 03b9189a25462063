// Images scaled or compressed anew keep their hash, others do not; the index finds what comparing all would find.
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../tensor/random.ts';
import { decodeImage, type RgbImage } from './image.ts';
import {
  formatHash,
  hashDistance,
  hashImage,
  type ImageHash,
  ImageHashIndex,
  nearDuplicateBits,
  parseHash,
} from './image-hash.ts';

/** Smooth blobs of colour, as photographs have them. */
function photograph(seed: number): Promise<Buffer> {
  const random = new RandomStream(seed, 'photograph');
  const data = Uint8Array.from({ length: 10 * 8 * 3 }, () => random.integer(256));
  return sharp(data, { raw: { width: 10, height: 8, channels: 3 } })
    .resize(320, 240, { kernel: 'cubic', fit: 'fill' })
    .png()
    .toBuffer();
}

const hashOf = async (bytes: Uint8Array) => hashImage(await decodeImage(bytes, 'x'));

describe('the hash', () => {
  it('is near for an image compressed anew, scaled, or both, and far for others', async () => {
    const hashes: ImageHash[] = [];
    for (let seed = 0; seed < 12; seed++) {
      const original = await photograph(seed);
      const hash = (await hashOf(original))!;
      const variants = [
        await sharp(original).jpeg({ quality: 60 }).toBuffer(),
        await sharp(original).resize(160, 120).jpeg({ quality: 80 }).toBuffer(),
        await sharp(original).resize(500, 375).png().toBuffer(),
      ];
      for (const variant of variants) {
        expect(hashDistance((await hashOf(variant))!, hash)).toBeLessThanOrEqual(nearDuplicateBits);
      }
      for (const other of hashes) expect(hashDistance(hash, other)).toBeGreaterThan(3 * nearDuplicateBits);
      hashes.push(hash);
    }
  });

  it('is none for even images, which all look alike', () => {
    const even: RgbImage = { width: 20, height: 20, data: new Uint8Array(1200).fill(200) };
    expect(hashImage(even)).toBeUndefined();
    const speck = even.data.slice();
    speck.fill(0, 600, 606);
    expect(hashImage({ ...even, data: speck })).toBeUndefined();
  });

  it('is written and read as 32 hexadecimal digits', () => {
    fc.assert(
      fc.property(fc.uint16Array({ minLength: 8, maxLength: 8 }), (hash) => {
        expect(parseHash(formatHash(hash))).toEqual(hash);
      }),
    );
    expect(parseHash('0123')).toBeUndefined();
    expect(parseHash('x'.repeat(32))).toBeUndefined();
  });
});

it('the index finds the nearest of all near-duplicates, as comparing each with each does', () => {
  const bits = fc.uint16Array({ minLength: 8, maxLength: 8 });
  const flips = fc.uniqueArray(fc.nat(127), { maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(bits, { minLength: 1, maxLength: 20 }),
      fc.nat(19),
      flips,
      (hashes, which, flipped) => {
        const index = new ImageHashIndex<number>();
        for (const [label, hash] of hashes.entries()) index.add(hash, label);
        const wanted = hashes[which % hashes.length]!.slice();
        for (const bit of flipped) wanted[bit >> 4] = wanted[bit >> 4]! ^ (1 << (bit & 15));
        const distances = hashes.map((hash) => hashDistance(hash, wanted));
        const least = Math.min(...distances);
        const expected =
          least > nearDuplicateBits ? undefined : { label: distances.indexOf(least), distance: least };
        expect(index.nearest(wanted)).toEqual(expected);
        expect(distances[which % hashes.length]).toBe(flipped.length);
      },
    ),
  );
});

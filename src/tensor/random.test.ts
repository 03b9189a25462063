import { describe, expect, it } from 'vitest';
import { philox, RandomStream, randomWords } from './random.ts';

describe('philox', () => {
  // Known answers of the Random123 distribution's kat_vectors, philox4x32 with 10 rounds.
  it('gives the published known answers', () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([
      0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd,
    ]);
  });
});

describe('randomWords', () => {
  it('gives the numbers that a stream draws one by one, from any block on', () => {
    const stream = new RandomStream(7, 'words', 2 ** 33 + 5);
    const drawn = Array.from({ length: 23 }, () => stream.uint32());
    const options = { seed: 7, purpose: 'words', step: 2 ** 33 + 5 };
    expect([...randomWords(23, options)]).toEqual(drawn);
    expect([...randomWords(6, { ...options, first: 8 })]).toEqual(drawn.slice(8, 14));
    expect(() => randomWords(4, { ...options, first: 2 })).toThrow('2 is not the first number of a block');
  });
});

describe('RandomStream', () => {
  it('is a pure function of seed, purpose and step', () => {
    const draw = (seed: number, purpose: string, step: number) => {
      const stream = new RandomStream(seed, purpose, step);
      return Array.from({ length: 9 }, () => stream.uint32());
    };
    expect(draw(1, 'a', 2)).toEqual(draw(1, 'a', 2));
    expect(draw(1, 'a', 2)).not.toEqual(draw(1, 'a', 3));
    expect(draw(1, 'a', 2)).not.toEqual(draw(1, 'b', 2));
    expect(draw(1, 'a', 2)).not.toEqual(draw(2, 'a', 2));
  });

  it('has the moments of a standard normal', () => {
    const stream = new RandomStream(0, 'moments');
    const values = Array.from({ length: 20_000 }, () => stream.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it('shuffles without losing anything', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = new RandomStream(3, 'order').shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });
});

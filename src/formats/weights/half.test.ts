import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half.ts';

/** The value of a half by its definition: the slow, obvious way. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const allHalves = Uint16Array.from({ length: 0x10000 }, (_, half) => half);
const toHalf = (value: number) => float32ToFloat16(Float32Array.of(value))[0];
const toBfloat = (value: number) => float32ToBfloat16(Float32Array.of(value))[0];

describe('float16', () => {
  it('widens every pattern to its value by the definition', () => {
    const values = float16ToFloat32(allHalves);
    const wrong = [...allHalves].filter((half) => !Object.is(values[half], halfValue(half)));
    expect(wrong).toEqual([]);
  });

  it('narrows every widened pattern to itself; NaN stays NaN with its sign', () => {
    const back = float32ToFloat16(float16ToFloat32(allHalves));
    const wrong = [...allHalves].filter((half) => {
      if (Number.isNaN(halfValue(half)))
        return !Number.isNaN(halfValue(back[half] ?? 0)) || (back[half] ?? 0) >> 15 !== half >> 15;
      return back[half] !== half;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds to the nearest half, ties to even, subnormals and overflow included', () => {
    const finite = [...allHalves.subarray(0, 0x7c00)].map(halfValue);
    for (let half = 0; half < finite.length - 1; half++) {
      const [low, high] = [finite[half] ?? 0, finite[half + 1] ?? 0];
      const tie = (low + high) / 2;
      const gap = Math.max(2 ** -149, tie * 2 ** -23);
      const even = half % 2 === 0 ? half : half + 1;
      if (toHalf(tie) !== even) expect.fail(`${tie} → ${toHalf(tie)}, expected the even ${even}`);
      if (toHalf(tie - gap) !== half) expect.fail(`below ${tie} → ${toHalf(tie - gap)}, expected ${half}`);
      if (toHalf(tie + gap) !== half + 1) expect.fail(`above ${tie} → ${toHalf(tie + gap)}`);
      if (toHalf(-tie) !== (even | 0x8000)) expect.fail(`${-tie} → ${toHalf(-tie)}`);
    }
    expect(toHalf(65519.996)).toBe(0x7bff);
    expect(toHalf(65520)).toBe(0x7c00);
    expect(toHalf(-1e30)).toBe(0xfc00);
    expect(toHalf(Number.NEGATIVE_INFINITY)).toBe(0xfc00);
    expect(toHalf(-0)).toBe(0x8000);
    expect(toHalf(1e-45)).toBe(0);
  });

  it('never errs by more than half a unit in the last place', () => {
    fc.assert(
      fc.property(fc.float({ min: Math.fround(-65519), max: Math.fround(65519), noNaN: true }), (value) => {
        const back = halfValue(toHalf(value) ?? 0);
        const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 2 ** -30))) - 10);
        expect(Math.abs(back - value)).toBeLessThanOrEqual(unit / 2);
      }),
    );
  });

  it('converts a view into a larger buffer', () => {
    const values = Float32Array.of(9, 1.5, -2, 9).subarray(1, 3);
    expect([...float16ToFloat32(float32ToFloat16(values))]).toEqual([1.5, -2]);
  });
});

describe('bfloat16', () => {
  it('narrows every widened pattern to itself, NaN to a NaN', () => {
    const widened = bfloat16ToFloat32(allHalves);
    const back = float32ToBfloat16(widened);
    const wrong = [...allHalves].filter((half) =>
      Number.isNaN(widened[half]) ? (back[half] ?? 0) % 0x8000 <= 0x7f80 : back[half] !== half,
    );
    expect(wrong).toEqual([]);
  });

  it('rounds to nearest, ties to even', () => {
    expect(toBfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(toBfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(toBfloat(1 + 2 ** -8 + 2 ** -20)).toBe(0x3f81);
    expect(toBfloat(3.4028234663852886e38)).toBe(0x7f80);
    expect(toBfloat(-1)).toBe(0xbf80);
  });
});

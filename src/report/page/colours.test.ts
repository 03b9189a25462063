// The colour scale as a property: readable on every step, monotonic in lightness, stable at the ends.
import { describe, expect, test } from 'vitest';
import {
  contrast,
  heatScale,
  heatStep,
  heatSteps,
  methodColour,
  methodColourCount,
  type Theme,
} from './colours.ts';

const themes: readonly Theme[] = ['light', 'dark'];
const papers: Readonly<Record<Theme, string>> = { light: '#fbfbf9', dark: '#101317' };

test('contrast is that of WCAG', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 6);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.478, 3);
  expect(contrast('#ffffff', '#777777')).toBe(contrast('#777777', '#ffffff'));
});

describe.each(themes)('in the %s theme', (theme) => {
  test('every number reads on its background', () => {
    const scale = heatScale(theme);
    expect(scale).toHaveLength(heatSteps);
    for (const { background, ink } of scale) {
      expect(background).toMatch(/^#[0-9a-f]{6}$/);
      expect(contrast(background, ink)).toBeGreaterThanOrEqual(5);
    }
  });

  test('a higher score always stands out more from the page, so the scale reads without hue', () => {
    const distances = heatScale(theme).map(({ background }) => contrast(background, papers[theme]));
    for (const [index, distance] of distances.entries()) {
      expect(distance).toBeGreaterThan(distances[index - 1] ?? 0);
    }
  });

  test('methods read as text', () => {
    for (let index = 0; index < methodColourCount; index++) {
      expect(contrast(methodColour(index, theme), papers[theme])).toBeGreaterThanOrEqual(4.5);
    }
  });
});

test('scores outside 0 to 100 take the ends of the scale', () => {
  expect([-5, 0, 2.4, 50, 100, 130].map(heatStep)).toEqual([0, 0, 0, 10, 20, 20]);
});

// The colours of the report, for light and dark: the scale of the heat maps, made in OKLCH so that equal steps of a
// score look equal, and a hue per method. Computed once; contrast is a tested property.

/** Lightness 0 to 1, chroma, hue in degrees. */
type Oklch = readonly [number, number, number];
export type Theme = 'light' | 'dark';

/** Steps of the scale: one per five points. */
export const heatSteps = 21;

/** A colour and its place on the scale, 0 to 1. */
type Stop = readonly [number, Oklch];

/**
 * Pale paper over sea green to deep indigo; in the dark the other way round, so that a high score always has most
 * contrast to the page. Lightness runs one way only, so it reads the same without colour vision and in grey print. It
 * takes a larger step past the middle, where the ink turns: the tones between suit neither black nor white numbers.
 */
const ramps: Readonly<Record<Theme, readonly Stop[]>> = {
  light: [
    [0, [0.972, 0.018, 105]],
    [0.25, [0.845, 0.08, 152]],
    [0.5, [0.665, 0.1, 188]],
    [0.55, [0.53, 0.105, 230]],
    [0.75, [0.455, 0.115, 252]],
    [1, [0.34, 0.13, 275]],
  ],
  dark: [
    [0, [0.265, 0.045, 285]],
    [0.25, [0.395, 0.1, 270]],
    [0.5, [0.53, 0.105, 240]],
    [0.55, [0.645, 0.105, 200]],
    [0.75, [0.79, 0.12, 168]],
    [1, [0.94, 0.085, 108]],
  ],
};

export interface HeatColour {
  readonly background: string;
  readonly ink: string;
}

export const heatInks: Readonly<Record<'dark' | 'light', string>> = { dark: '#000000', light: '#ffffff' };

/** The colour of every step with the ink that reads best on it. */
export function heatScale(theme: Theme): readonly HeatColour[] {
  return Array.from({ length: heatSteps }, (_, step) => {
    const background = hex(along(ramps[theme], step / (heatSteps - 1)));
    // White is the easier one to read wherever it passes.
    const ink = contrast(background, heatInks.light) >= 4.5 ? heatInks.light : heatInks.dark;
    return { background, ink };
  });
}

/** The step of a score in percent. */
export function heatStep(score: number): number {
  return Math.round(Math.min(1, Math.max(0, score / 100)) * (heatSteps - 1));
}

/** Hues that differ for every kind of colour vision, first of all the first two: blue and vermilion. */
const methodHues: readonly { readonly light: string; readonly dark: string }[] = [
  { light: '#c2410c', dark: '#ff9a62' },
  { light: '#1d5fb4', dark: '#7db4ff' },
  { light: '#0b7562', dark: '#4fd1b5' },
  { light: '#8a3f9c', dark: '#d79be6' },
  { light: '#7a6200', dark: '#dcc04c' },
  { light: '#4d5562', dark: '#b4bcc8' },
];

export const methodColourCount = methodHues.length;

/** The colour of the method with this number; they repeat after six, where dashes tell lines apart. */
export function methodColour(index: number, theme: Theme): string {
  return methodHues[index % methodHues.length]?.[theme] ?? '';
}

/** WCAG contrast of two `#rrggbb` colours, 1 to 21. */
export function contrast(first: string, second: string): number {
  const [darker, lighter] = [luminance(first), luminance(second)].sort((a, b) => a - b) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const value = Number.parseInt(colour.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function along(stops: readonly Stop[], place: number): Oklch {
  const next = Math.max(
    1,
    stops.findIndex(([position]) => position >= place),
  );
  const [from, to] = [stops[next - 1], stops[next]];
  if (from === undefined || to === undefined) throw new Error('internal: the place is outside the ramp');
  const share = (place - from[0]) / (to[0] - from[0]);
  const mix = (part: 0 | 1 | 2) => from[1][part] + (to[1][part] - from[1][part]) * share;
  return [mix(0), mix(1), mix(2)];
}

/** OKLCH to sRGB (Björn Ottosson's matrices); what lies outside sRGB is clipped per channel. */
function hex([lightness, chroma, hue]: Oklch): string {
  const angle = (hue * Math.PI) / 180;
  const [a, b] = [chroma * Math.cos(angle), chroma * Math.sin(angle)];
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
  const channels = linear.map((value) => {
    const clipped = Math.min(1, Math.max(0, value));
    const encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(encoded * 255)
      .toString(16)
      .padStart(2, '0');
  });
  return `#${channels.join('')}`;
}

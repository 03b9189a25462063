// The drawings of a run as files: an SVG by itself, with its own style, and the same as a PNG. Drawn as on the page, in the
// colours of paper.

import { scoringModes } from '../../tasks/task.ts';
import { curveDrawing, radarDrawing } from '../page/section-figures.ts';
import { paperColours } from '../page/styles.ts';
import { drawingRules, paletteRules } from '../page/styles-drawings.ts';
import type { RunResults } from '../results.ts';
import { methodFigures } from '../words/figures.ts';

export interface ExportFigure {
  /** The name of its file, without the ending. */
  readonly name: string;
  readonly svg: string;
}

/** Under both scorings: a radar for each method with three learned tasks, a chart of the stages for each task. */
export function exportFigures(results: RunResults): readonly ExportFigure[] {
  return scoringModes.flatMap((mode) => {
    const methods = methodFigures(results, mode);
    const radars = methods.flatMap((method, index) => {
      const drawing = radarDrawing(method, index);
      return drawing === undefined
        ? []
        : [{ name: `radar-${fileName(method.name)}-${mode}`, svg: whole(drawing.text) }];
    });
    const curves = results.tasks.map((task, index) => ({
      name: `curves-${index + 1}-${fileName(task)}-${mode}`,
      svg: whole(curveDrawing(results, mode, methods, index).text),
    }));
    return [...radars, ...curves];
  });
}

/** Around a drawing, whose names may be wider in another font. */
const margin = 30;
/** Pixels of the PNG for a unit of the drawing. */
const scale = 3;

export async function toPng(svg: string): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  return sharp(Buffer.from(svg), { density: 72 * scale })
    .flatten({ background: '#ffffff' })
    .png()
    .toBuffer();
}

/** A drawing of the page as a file that needs no page: its size, its colours and the rules that it uses. */
function whole(drawing: string): string {
  const [box = '', width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(drawing) ?? [];
  const [wide, high] = [Number(width) + 2 * margin, Number(height) + 2 * margin];
  const colours = new Map(
    [...paperColours.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name = '', value = '']) => [name, value]),
  );
  const rules = `${paletteRules('light')}\n${drawingRules}`
    .split('\n')
    .filter((line) =>
      /^(\.m\d|\.h\d|svg|\.legend \.(before|after), \.radar|\.mark|\.curves|\.radar|\.axis|\.tick|\.dash|\.swatch \.line)/.test(
        line,
      ),
    )
    .join('\n')
    .replace(/var\((--[\w-]+)\)/g, (_, name: string) => colours.get(name) ?? 'sans-serif');
  return drawing
    .replace(box, `viewBox="${-margin} ${-margin} ${wide} ${high}"`)
    .replace('<svg ', `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" `)
    .replace(/(<svg [^>]*>)/, `$1<style>${rules}</style>`);
}

/** Task and method names come from catalogues, which anyone may add to. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]+/g, '_');
}

// Colour on a terminal that wants it, plain text everywhere else.
import { styleText } from 'node:util';

export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

/** Whether to write colours to a stream: NO_COLOR forbids, FORCE_COLOR demands, otherwise a terminal decides. */
export function useColor(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0';
  return stream.isTTY === true && TERM !== 'dumb';
}

export function painter(color: boolean): Paint {
  return (format, text) => (color && text !== '' ? styleText(format, text, { validateStream: false }) : text);
}

/** Columns of a stream; a fixed width where it is not a terminal. A terminal that does not know its own says 0. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY === true ? stream.columns || 80 : 100;
}

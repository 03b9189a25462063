// Texts out of files, data and servers as they may be shown on a terminal: nothing in them moves the cursor, sets a title or
// turns the direction of writing. Not for files and pipes, which get what is.

const direction = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
/** Colours that hide nothing, and what redraws lines of progress. */
const drawing = '\\u001b\\[(?:(?:[0-4]|[79]|[239]\\d)?m|\\d{0,4}[AJK]|\\?25[lh])|[\\r\\n\\t]';
const unseen = new RegExp(`[\\p{Cc}${direction}]`, 'gu');
const unseenButDrawing = new RegExp(`(${drawing})|[\\p{Cc}${direction}]`, 'gu');

/** Names out of files must not move the cursor or set colours: control and direction characters become visible. */
export function printable(text: string): string {
  return text.replace(unseen, '\ufffd');
}

/** As `printable`, for what this program draws itself: its own colours, redraws and line ends stay. */
export function printableDrawing(text: string): string {
  return text.replace(unseenButDrawing, (found, own?: string) => own ?? (found === '' ? '' : '\ufffd'));
}

/** Whatever is written to the stream from now on is shown by `printableDrawing`. */
export function guardTerminal(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
  stream.write = (chunk: unknown, ...rest: unknown[]) =>
    write(typeof chunk === 'string' ? printableDrawing(chunk) : chunk, ...rest);
}

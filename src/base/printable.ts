// Texts out of files, data and servers as they may be shown on a terminal: nothing in them moves the cursor, sets a title or
// turns the direction of writing. Not for files and pipes, which get what is.

const direction = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
/** Colours that hide nothing, and the ends of lines. */
const drawing = '\\u001b\\[(?:[0-4]|[79]|[239]\\d)?m|[\\n\\t]';
/** What redraws lines of progress. */
const redrawing = '\\u001b\\[(?:\\d{0,4}[AJK]|\\?25[lh])|\\r';
const unseen = new RegExp(`[\\p{Cc}${direction}]`, 'gu');
const unseenBut = (own: string) => new RegExp(`(${own})|[\\p{Cc}${direction}]`, 'gu');
const unseenButDrawing = unseenBut(drawing);
const unseenButRedrawing = unseenBut(`${drawing}|${redrawing}`);

/** Names out of files must not move the cursor or set colours: control and direction characters become visible. */
export function printable(text: string): string {
  return text.replace(unseen, '\ufffd');
}

/** As `printable`, for a text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

export interface Drawing {
  /** Whether lines that are drawn already may be drawn over: progress is, results are not. */
  readonly redraws: boolean;
}

/** As `printable`, for what this program draws itself: its own colours, line ends and, where it redraws, moves stay. */
export function printableDrawing(text: string, { redraws }: Drawing): string {
  return text.replace(
    redraws ? unseenButRedrawing : unseenButDrawing,
    (_found, own?: string) => own ?? '\ufffd',
  );
}

/** Whatever is written to the stream from now on is shown by `printableDrawing`. */
export function guardTerminal(stream: NodeJS.WriteStream, drawn: Drawing): void {
  const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
  stream.write = (chunk: unknown, ...rest: unknown[]) => {
    const text = chunk instanceof Uint8Array ? Buffer.from(chunk).toString('utf8') : chunk;
    return write(typeof text === 'string' ? printableDrawing(text, drawn) : text, ...rest);
  };
}

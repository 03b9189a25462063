// Conversations and prompts as a family's tokens: which row of the image's features stands where, and each token's
// position. Cutting and lengthening them; nothing here tokenises a text or knows a template.

/** How a sequence of tokens is read. What methods and batches carry about; the family made it. */
export interface TokenSequence {
  readonly inputIds: Int32Array; // [tokens]
  /** The row of the sequence's own image features that stands at a token; -1 for a word. */
  readonly imageRows: Int32Array; // [tokens]
  /** Per axis (one, or several in turn) the position of every token. */
  readonly positions: Int32Array; // [axes · tokens]
  /** The position, on every axis, of the token that would follow: not the number of tokens where an image takes fewer. */
  readonly nextPosition: number;
}

export interface TrainingSequence extends TokenSequence {
  /** 1 where the token is to be learnt (of an answer, or what ends it), else 0. */
  readonly trained: Uint8Array; // [tokens]
}

/** Positions that most sequences are views of, so that those of a large data set take no memory of their own. */
let counted = new Int32Array(0);

/** Positions 0, 1, 2, … A view: not to be written to. */
export function positionsInOrder(tokens: number): Int32Array {
  if (counted.length < tokens) counted = Int32Array.from({ length: 2 * tokens }, (_, i) => i);
  return counted.subarray(0, tokens);
}

/** By a number of rows: those rows in order with words on both sides, for sequences to be views of. */
const rowsAmongWords = new Map<number, { readonly before: number; readonly values: Int32Array }>();

/** `rows` rows of an image in their order from token `at` on, words before and after. A view: not to be written to. */
export function rowsFrom(tokens: number, at: number, rows: number): Int32Array {
  const longest = Math.max(at, tokens - at - rows);
  let known = rowsAmongWords.get(rows);
  if (known === undefined || known.before < longest) {
    const before = Math.max(256, 2 * longest);
    const values = new Int32Array(2 * before + rows).fill(-1);
    for (let row = 0; row < rows; row++) values[before + row] = row;
    known = { before, values };
    rowsAmongWords.set(rows, known);
  }
  return known.values.subarray(known.before - at, known.before - at + tokens);
}

/** Tokens that are read one after another, with one image's rows from token `imageAt` on where there is an image. */
export function sequenceInOrder(
  inputIds: Int32Array,
  image?: { readonly at: number; readonly rows: number },
): TokenSequence {
  const tokens = inputIds.length;
  return {
    inputIds,
    imageRows: image === undefined ? rowsFrom(tokens, tokens, 0) : rowsFrom(tokens, image.at, image.rows),
    positions: positionsInOrder(tokens),
    nextPosition: tokens,
  };
}

/** Axes of a sequence's positions. */
export function axesOf({ inputIds, positions }: Pick<TokenSequence, 'inputIds' | 'positions'>): number {
  return positions.length / inputIds.length;
}

/** Tokens through the last that is an image's: what prompts about the same images begin with. 0 without an image. */
export function throughImage({ imageRows }: Pick<TokenSequence, 'imageRows'>): number {
  let end = imageRows.length;
  while (end > 0 && (imageRows[end - 1] as number) < 0) end--;
  return end;
}

/** Rows of image features that a sequence has places for: one more than the highest. */
export function rowsUsed({ imageRows }: Pick<TokenSequence, 'imageRows'>): number {
  let most = 0;
  for (const row of imageRows) if (row >= most) most = row + 1;
  return most;
}

/**
 * Throws unless an image has as many rows as its sequence has places, and a sequence without an image has none: rows that
 * stand nowhere, or places without rows, would be another image than the one that is shown.
 */
export function requireRows(
  sequence: Pick<TokenSequence, 'imageRows'> & { readonly features?: Float32Array | undefined },
  featureSize: number,
): void {
  const { features } = sequence;
  const [places, rows] = [rowsUsed(sequence), (features?.length ?? 0) / featureSize];
  if (places === rows) return;
  const found = features === undefined ? 'no image' : `an image of ${rows}`;
  throw new Error(`sequence: places for ${places} rows of an image, but ${found}`);
}

/** A conversation without what lies behind `most` tokens. */
export function truncated(sequence: TrainingSequence, most: number): TrainingSequence {
  const { inputIds, imageRows, trained } = sequence;
  if (inputIds.length <= most) return sequence;
  const positions = perAxis(sequence, (axis) => axis.slice(0, most));
  return {
    inputIds: inputIds.slice(0, most),
    imageRows: imageRows.slice(0, most),
    trained: trained.slice(0, most),
    positions,
    nextPosition: positions.reduce((largest, position) => Math.max(largest, position + 1), 0),
  };
}

/** A sequence with words put in after its first token; what follows moves on by as many positions. */
export function withWords<Sequence extends TokenSequence>(
  sequence: Sequence,
  ids: readonly number[],
): Sequence {
  if (ids.length === 0) return sequence;
  const { inputIds, imageRows, nextPosition } = sequence;
  const joined = (first: Int32Array, middle: readonly number[], rest: Int32Array) =>
    Int32Array.from([...first, ...middle, ...rest]);
  return {
    ...sequence,
    inputIds: joined(inputIds.subarray(0, 1), ids, inputIds.subarray(1)),
    imageRows: joined(
      imageRows.subarray(0, 1),
      ids.map(() => -1),
      imageRows.subarray(1),
    ),
    positions: perAxis(sequence, (axis) => {
      const first = axis[0] ?? 0;
      const moved = axis.subarray(1).map((position) => position + ids.length);
      return joined(
        axis.subarray(0, 1),
        ids.map((_, i) => first + 1 + i),
        moved,
      );
    }),
    nextPosition: nextPosition + ids.length,
  };
}

/** The tokens of a sequence from one place to another. */
export function part(
  sequence: TokenSequence,
  from: number,
  to: number,
): Pick<TokenSequence, 'inputIds' | 'imageRows' | 'positions'> {
  return {
    inputIds: sequence.inputIds.subarray(from, to),
    imageRows: sequence.imageRows.subarray(from, to),
    positions:
      axesOf(sequence) === 1
        ? sequence.positions.subarray(from, to)
        : perAxis(sequence, (axis) => axis.subarray(from, to)),
  };
}

/** The positions with something done to each axis. */
function perAxis(sequence: TokenSequence, change: (axis: Int32Array) => Int32Array): Int32Array {
  const { inputIds, positions } = sequence;
  const tokens = inputIds.length;
  const changed = Array.from({ length: axesOf(sequence) }, (_, axis) =>
    change(positions.subarray(axis * tokens, (axis + 1) * tokens)),
  );
  const joined = new Int32Array(changed.reduce((total, axis) => total + axis.length, 0));
  let start = 0;
  for (const axis of changed) {
    joined.set(axis, start);
    start += axis.length;
  }
  return joined;
}

// Small things that many rooms need: a number with its word, seconds since a moment. What is about files is `formats/files`.

/** `1 image`, `2 images`: for words that take an s. */
export function counted(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

/** Seconds since `start`, which is of `performance.now()`. */
export function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}

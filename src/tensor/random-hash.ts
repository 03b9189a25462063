// The plain twin of the graph's `randomUniform`: the same bits, one position at a time, for tests and for reading.

/** The number in [0, 1) that `randomUniform` gives at a row-major position. Differs from it in no bit. */
export function randomUniformAt(key: number, stream: number, position: number): number {
  const seed = (key + Math.imul(stream, 0x85ebca6b)) >>> 0;
  let bits = (Math.imul(position, 0x9e3779b1) + seed) >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d) >>> 0;
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b) >>> 0;
  bits = (bits ^ (bits >>> 16)) >>> 0;
  return (bits >>> 8) * 2 ** -24;
}

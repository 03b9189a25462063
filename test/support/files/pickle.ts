// Writes plain values as Python 2 pickles of protocol 2, the form in which RefCOCO's references are published.

/** Objects, arrays, text and whole numbers from 0 to 2^31. */
export function pickle(value: unknown): Uint8Array {
  return Buffer.concat([Buffer.from([0x80, 2]), encode(value), Buffer.from('.')]);
}

function encode(value: unknown): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from('U'), Buffer.from([bytes.length]), bytes]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(5);
    bytes.write('J');
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  if (Array.isArray(value)) return Buffer.concat([Buffer.from(']('), ...value.map(encode), Buffer.from('e')]);
  const members = Object.entries(value as object).flatMap(([key, member]) => [encode(key), encode(member)]);
  return Buffer.concat([Buffer.from('}('), ...members, Buffer.from('u')]);
}

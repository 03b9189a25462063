// Damage by a seed: the same seed and the same bytes give the same damage. Knows bytes, text and JSON, no format of ours.

/** Numbers in [0, 1) by a seed (mulberry32): enough for choosing, and nothing else. */
export function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 4; i++) next();
  return {
    next,
    below: (count) => Math.floor(next() * count),
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);

/** Values that readers have stumbled on. */
const oddValues = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  1e308,
  1e20,
  2 ** 31,
  2 ** 53,
  '',
  ' ',
  '\\',
  '(',
  '[',
  '(?<',
  'a)(b',
  '.*',
  '\u0000',
  '\u001b]0;x\u0007',
  '\u202e',
  '../../x',
  '/',
  '__proto__',
  'constructor',
  'x'.repeat(100_000),
  [],
  {},
  { constructor: null },
  [[]],
  Array(1000).fill(0),
  Array(20).fill('y'.repeat(1000)),
];
const oddTexts = [
  nested(50_000),
  nested(300),
  '"',
  '{',
  '}',
  ']',
  ',',
  '\n',
  '\u0000',
  '1e999',
  '-',
  '99999999999999999999',
  'NaN',
  '&a [*a,*a]',
  '*a',
  '!!js/function',
  '<<',
  '%',
  '\t',
  '\ufeff',
  '{{',
  '{%',
  '}}',
  'é'.repeat(100),
];
const oddBytes = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

export function damaged(bytes, seed) {
  const random = chance(seed);
  let current = Buffer.from(bytes);
  const kinds = isText(current) ? [inJson, inJson, inText, inBytes] : [inBytes];
  for (let rounds = 1 + random.below(3); rounds > 0; rounds--) current = random.pick(kinds)(current, random);
  return current;
}

const isText = (bytes) => !bytes.subarray(0, 4096).includes(0);

function inBytes(bytes, random) {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(16);
  const copy = Buffer.from(bytes);
  switch (random.below(7)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + length))]);
    case 2:
      return Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(Math.max(0, at - length), at),
        bytes.subarray(at),
      ]);
    case 3:
      for (let i = at; i < Math.min(bytes.length, at + length); i++) copy[i] = random.pick(oddBytes);
      return copy;
    case 4:
      for (let i = at; i < Math.min(bytes.length, at + 8); i++) copy[i] = random.below(256);
      return copy;
    default:
      if (copy.length > 0) copy[at % copy.length] ^= 1 << random.below(8);
      return copy;
  }
}

function inText(bytes, random) {
  const text = bytes.toString('utf8');
  const at = random.below(text.length + 1);
  const until = at + random.below(8);
  return Buffer.from(text.slice(0, at) + random.pick(oddTexts) + text.slice(until));
}

/** Another value somewhere in a JSON text, or in one of its lines. */
function inJson(bytes, random) {
  const text = bytes.toString('utf8');
  const whole = parsed(text);
  if (whole !== undefined) return Buffer.from(JSON.stringify(changed(whole, random)));
  const lines = text.split('\n');
  const line = random.below(lines.length);
  const value = parsed(lines[line]);
  if (value === undefined) return inText(bytes, random);
  lines[line] = JSON.stringify(changed(value, random));
  return Buffer.from(lines.join('\n'));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function changed(value, random) {
  if (typeof value !== 'object' || value === null || random.below(8) === 0) return random.pick(oddValues);
  const keys = Object.keys(value);
  if (keys.length === 0) return random.pick(oddValues);
  const key = random.pick(keys);
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const what = random.below(10);
  if (what === 0 && !Array.isArray(copy)) delete copy[key];
  else if (what === 1 && !Array.isArray(copy)) copy[String(random.pick(oddValues))] = copy[key];
  else if (what === 2 && Array.isArray(copy)) copy.push(copy[key]);
  else copy[key] = changed(copy[key], random);
  return copy;
}

// What an image shows, before it is drawn: a scene is sampled from a random stream and is plain data.
// Every scene has a key; the key decides whether training, test or pretraining may use it. No pixels here.
import { hashText, type RandomStream } from '../../tensor/random.ts';
import { COLOUR_NAMES, type ColourName, GENRES, type GenreName, OBJECTS } from './objects.ts';
import { CAPITAL_HEIGHTS, FONTS, LETTER_CELL } from './sprites.ts';
import { PLACES, type Place, SIGN_WORDS, SURNAMES } from './words.ts';
import type { World } from './world.ts';

export const IMAGE_SIZE = 96;
const CELL = IMAGE_SIZE / 3;

export type SceneKind = 'scene' | 'single' | 'sign' | 'flag' | 'brand' | 'cover' | 'degraded';
export type Split = 'train' | 'test' | 'pretraining';
export type Colour = readonly [red: number, green: number, blue: number];

/** Pixels: left, top, right, bottom. */
export type SceneBox = readonly [number, number, number, number];

/** An image of a class, put at a place. */
export interface PlacedSprite {
  readonly classIndex: number;
  /** Longer side in pixels. */
  readonly size: number;
  readonly box: SceneBox;
  readonly place: Place;
}

export interface TextLine {
  readonly text: string;
  /** Left and top of the first letter's cell. */
  readonly x: number;
  readonly y: number;
  readonly font: number;
  readonly capitalHeight: number;
  readonly ink: Colour;
}

export interface Board {
  readonly box: SceneBox;
  readonly colour: Colour;
}

export type DegradationKind = 'blurred' | 'dark' | 'noisy' | 'cropped';
export interface Degradation {
  readonly kind: DegradationKind;
  /** Nothing can be recognised any more. */
  readonly hopeless: boolean;
  /** 0 (least) to 1 (most) within its kind. */
  readonly strength: number;
  readonly seed: number;
}

export interface Scene {
  readonly kind: SceneKind;
  /** Equal keys look alike; images of different splits never share one. */
  readonly key: string;
  readonly background: { readonly name: ColourName; readonly from: Colour; readonly to: Colour };
  readonly boards: readonly Board[];
  readonly sprites: readonly PlacedSprite[];
  readonly lines: readonly TextLine[];
  readonly sign?: { readonly word: string; readonly board: ColourName; readonly place: Place };
  readonly cover?: { readonly title: string; readonly author: string; readonly genre: GenreName };
  readonly degradation?: Degradation;
}

export const COLOURS: { readonly [Name in ColourName]: Colour } = {
  white: [242, 242, 242],
  gray: [140, 140, 140],
  black: [28, 28, 30],
  red: [205, 50, 50],
  orange: [240, 145, 45],
  yellow: [243, 218, 80],
  green: [70, 155, 80],
  blue: [65, 110, 205],
  purple: [130, 75, 175],
  pink: [246, 160, 195],
  brown: [125, 82, 50],
};

const DARK: Colour = [20, 20, 25];
const LIGHT: Colour = [250, 250, 250];

/** The split that may use a scene (or a text) of this key: an eighth test, three eighths train, half pretraining. */
export function splitOf(key: string): Split {
  const slot = (hashText(key) >>> 7) % 8;
  return slot === 0 ? 'test' : slot < 4 ? 'train' : 'pretraining';
}

/** A scene of a kind that the split may use; draws from `random` until one is found. */
export function sampleScene(
  world: World,
  random: RandomStream,
  options: { kind: SceneKind; split: Split } & SceneOptions,
): Scene {
  for (;;) {
    const scene = samplers[options.kind](world, random, options);
    if (splitOf(scene.key) === options.split) return scene;
  }
}

export interface SceneOptions {
  /** The classes to show, instead of a draw. */
  readonly objects?: readonly number[];
  /** The least number of objects of a `scene`. */
  readonly least?: number;
  /** What a `degraded` image showed, and whether it can still be seen. */
  readonly inner?: Exclude<SceneKind, 'degraded'>;
  readonly hopeless?: boolean;
}

const samplers: {
  readonly [Kind in SceneKind]: (world: World, random: RandomStream, options: SceneOptions) => Scene;
} = {
  scene: (world, random, { objects, least = 1 }) => {
    const classes = objects ?? sampleObjects(random, least);
    const background = sampleBackground(random, classes);
    const sprites = placeObjects(world, random, classes);
    const shown = sprites.map(({ classIndex, place }) => `${classIndex}@${place}`).sort();
    const key = `scene ${background.name} ${shown.join(' ')}`;
    return { kind: 'scene', key, background, boards: [], sprites, lines: [] };
  },
  single: (world, random, { objects }) => {
    const classIndex = objects?.[0] ?? 1 + random.integer(OBJECTS.length);
    const background = sampleBackground(random, [classIndex]);
    const sprite = placeAnywhere(world, random, classIndex, 54 + 2 * random.integer(15));
    const key = `single ${background.name} ${classIndex} ${sprite.box.join(' ')}`;
    return { kind: 'single', key, background, boards: [], sprites: [sprite], lines: [] };
  },
  flag: (world, random) => {
    const background = sampleBackground(random, [], ['gray', 'purple', 'pink', 'brown']);
    const classIndex = world.countryClass(random.integer(world.countries.length));
    const sprite = placeAnywhere(world, random, classIndex, 48 + 2 * random.integer(15));
    const key = `flag ${background.name} ${classIndex} ${sprite.box.join(' ')}`;
    return { kind: 'flag', key, background, boards: [], sprites: [sprite], lines: [] };
  },
  brand: sampleBrand,
  sign: sampleSign,
  cover: sampleCover,
  degraded: (world, random, { inner: given, hopeless = random.uniform() < 0.5 }) => {
    const inner = samplers[given ?? (random.uniform() < 0.6 ? 'single' : 'scene')](world, random, {});
    const kinds = ['blurred', 'dark', 'noisy', 'cropped'] as const;
    const kind = random.pick(hopeless ? kinds : kinds.slice(0, 3));
    const degradation = { kind, hopeless, strength: random.uniform(), seed: random.uint32() };
    return { ...inner, kind: 'degraded', key: `${kind} ${hopeless} ${inner.key}`, degradation };
  },
};

/** Classes of one to five objects; in a third of the scenes one kind occurs more than once. */
function sampleObjects(random: RandomStream, least: number): readonly number[] {
  const count = least + random.integer(6 - least);
  const kinds = random.shuffle(OBJECTS.map((_, index) => index + 1)).slice(0, count);
  if (count > 1 && random.uniform() < 0.35) {
    const copies = 2 + random.integer(Math.min(3, count - 1));
    kinds.fill(kinds[0] ?? 1, 0, Math.min(copies, count));
  }
  return kinds;
}

/** A named colour, slightly shifted and graded; never one in which an object of these classes would drown. */
function sampleBackground(
  random: RandomStream,
  classes: readonly number[] = [],
  names: readonly ColourName[] = COLOUR_NAMES,
): Scene['background'] {
  const taken = classes.map((classIndex) => OBJECTS[classIndex - 1]?.colour);
  const name = random.pick(names.filter((colour) => !taken.includes(colour)));
  const shift = () => random.integer(17) - 8;
  const [red, green, blue] = COLOURS[name];
  const from = [red + shift(), green + shift(), blue + shift()] as const;
  const slope = random.integer(29) - 14;
  return { name, from, to: [from[0] + slope, from[1] + slope, from[2] + slope] };
}

/** The 3x3 cell in which a point (pixels) lies. */
export function placeOf(x: number, y: number): Place {
  const column = Math.min(2, Math.floor(x / CELL));
  const row = Math.min(2, Math.floor(y / CELL));
  return PLACES[row * 3 + column] as Place;
}

/** Every object in a cell of its own, its centre clearly inside, neighbours overlapping by a tenth at most. */
function placeObjects(
  world: World,
  random: RandomStream,
  classes: readonly number[],
): readonly PlacedSprite[] {
  const largest = [48, 44, 40, 36, 34][classes.length - 1] ?? 32;
  for (let attempt = 0; ; attempt++) {
    const cells = random.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const limit = Math.max(24, largest - attempt);
    const placed: PlacedSprite[] = [];
    for (const [index, classIndex] of classes.entries()) {
      const size = 22 + 2 * random.integer(Math.floor((limit - 22) / 2) + 1);
      const { width, height } = world.sprites.scaled(classIndex, size);
      const cell = cells[index] ?? 0;
      const left = coordinate(random, cell % 3, width);
      const top = coordinate(random, Math.floor(cell / 3), height);
      const box = [left, top, left + width, top + height] as const;
      placed.push({ classIndex, size, box, place: PLACES[cell] as Place });
    }
    if (attempt > 40 || placed.every((one, i) => placed.slice(0, i).every((other) => !overlap(one, other)))) {
      return placed;
    }
  }
}

/** The first pixel of an object of this extent whose centre lies in the third `cell`, four pixels off its edges. */
function coordinate(random: RandomStream, cell: number, extent: number): number {
  const low = Math.max(Math.ceil(cell * CELL + 4 - extent / 2), 0);
  const high = Math.min(Math.floor((cell + 1) * CELL - 4 - extent / 2), IMAGE_SIZE - extent);
  return low >= high ? Math.min(low, IMAGE_SIZE - extent) : low + random.integer(high - low + 1);
}

function overlap({ box: a }: PlacedSprite, { box: b }: PlacedSprite): boolean {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return false;
  const smaller = Math.min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]));
  return width * height > 0.1 * smaller;
}

function placeAnywhere(world: World, random: RandomStream, classIndex: number, size: number): PlacedSprite {
  const { width, height } = world.sprites.scaled(classIndex, size);
  const left = random.integer(IMAGE_SIZE - width + 1);
  const top = random.integer(IMAGE_SIZE - height + 1);
  return placedAt(world, classIndex, size, left, top);
}

function placedAt(world: World, classIndex: number, size: number, left: number, top: number): PlacedSprite {
  const { width, height } = world.sprites.scaled(classIndex, size);
  const box = [left, top, left + width, top + height] as const;
  return { classIndex, size, box, place: placeOf(left + width / 2, top + height / 2) };
}

/** A line of text whose letters fall on the patches of a row, up to two pixels off. */
function textLine(random: RandomStream, text: string, row: number, ink: Colour, column?: number): TextLine {
  const room = IMAGE_SIZE / LETTER_CELL - text.length;
  const start = column ?? random.integer(room + 1);
  const shift = (cell: number, last: number) =>
    cell * LETTER_CELL +
    (cell === 0 ? random.integer(3) : cell === last ? -random.integer(3) : random.integer(5) - 2);
  return {
    text,
    x: shift(start, room),
    y: shift(row, IMAGE_SIZE / LETTER_CELL - 1),
    font: random.integer(FONTS.length),
    capitalHeight: random.pick(CAPITAL_HEIGHTS),
    ink,
  };
}

/** Black or white, whichever is read better on a colour. */
function inkOn([red, green, blue]: Colour): Colour {
  return 0.3 * red + 0.59 * green + 0.11 * blue > 128 ? DARK : LIGHT;
}

/** A board with a word, or with a number, sometimes beside an object. */
function sampleSign(world: World, random: RandomStream): Scene {
  const background = sampleBackground(random);
  const boards = (['white', 'yellow', 'red', 'green', 'blue', 'black'] as const).filter(
    (name) => name !== background.name,
  );
  const board = random.pick(boards);
  const word = random.uniform() < 0.12 ? String(10 + random.integer(90)) : random.pick(SIGN_WORDS);
  const row = 1 + random.integer(6);
  const line = textLine(random, word, row, inkOn(COLOURS[board]));
  const width = word.length * LETTER_CELL;
  const box = [
    Math.max(0, line.x - 3),
    Math.max(0, line.y - 4),
    Math.min(IMAGE_SIZE, line.x + width + 3),
    Math.min(IMAGE_SIZE, line.y + LETTER_CELL + 4),
  ] as const;
  const sprites: PlacedSprite[] = [];
  if (random.uniform() < 0.5) {
    const classIndex = 1 + random.integer(OBJECTS.length);
    const above = box[1] - 2;
    const below = IMAGE_SIZE - box[3] - 2;
    const size = 24 + 2 * random.integer(Math.floor((Math.min(48, Math.max(above, below)) - 24) / 2) + 1);
    const sprite = world.sprites.scaled(classIndex, size);
    const left = random.integer(IMAGE_SIZE - sprite.width + 1);
    const spare = random.integer(Math.max(above, below) - sprite.height + 1);
    sprites.push(placedAt(world, classIndex, size, left, above > below ? spare : box[3] + 2 + spare));
  }
  const beside = sprites.map(({ classIndex, place }) => `${classIndex}@${place}`).join('');
  return {
    kind: 'sign',
    key: `sign ${word} ${board} ${background.name} ${row} ${beside}`,
    background,
    boards: [{ box, colour: COLOURS[board] }],
    sprites,
    lines: [line],
    sign: { word, board, place: placeOf(line.x + width / 2, line.y + LETTER_CELL / 2) },
  };
}

/** A logo on a light board, with the name below it in half of the images. */
function sampleBrand(world: World, random: RandomStream): Scene {
  const background = sampleBackground(random);
  const brand = random.integer(world.brands.length);
  const named = random.uniform() < 0.5;
  const name = (world.brands[brand]?.name ?? '').toUpperCase();
  const classIndex = world.brandClass(brand);
  const size = (named ? 36 : 44) + 2 * random.integer(10);
  const { width, height } = world.sprites.scaled(classIndex, size);
  const left = 10 + random.integer(IMAGE_SIZE - width - 19);
  const top = 8 + random.integer(Math.max(1, (named ? 70 : 88) - height - 8));
  const sprite = placedAt(world, classIndex, size, left, top);
  const lines = named ? [textLine(random, name, 6 + random.integer(2), DARK)] : [];
  return {
    kind: 'brand',
    key: `brand ${background.name} ${classIndex} ${sprite.box.join(' ')} ${named}`,
    background,
    boards: [{ box: named ? [0, 4, 96, 96] : [4, 4, 92, 92], colour: LIGHT }],
    sprites: [sprite],
    lines,
  };
}

/** A book's cover: title at the top, an image of the genre, the author at the bottom. */
function sampleCover(world: World, random: RandomStream): Scene {
  const background = sampleBackground(random);
  const { name: genre, categories } = random.pick(GENRES);
  const fitting = OBJECTS.flatMap(({ category }, index) =>
    categories.some((name) => name === category) ? [index + 1] : [],
  );
  const classIndex = random.pick(fitting);
  const title = random.pick(SIGN_WORDS);
  const author = random.pick(SURNAMES);
  const size = 36 + 2 * random.integer(7);
  const { width, height } = world.sprites.scaled(classIndex, size);
  const left = 16 + random.integer(IMAGE_SIZE - width - 31);
  const top = 24 + random.integer(Math.max(1, 73 - 24 - height));
  const ink = inkOn(background.from);
  return {
    kind: 'cover',
    key: `cover ${title} ${author} ${classIndex}`,
    background,
    boards: [],
    sprites: [placedAt(world, classIndex, size, left, top)],
    lines: [
      textLine(random, title, random.integer(2), ink),
      textLine(random, author, 6 + random.integer(2), ink),
    ],
    cover: { title, author, genre },
  };
}

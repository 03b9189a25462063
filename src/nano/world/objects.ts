// What the nano world is made of: everyday objects with their categories, countries, brands and colours.
// Only names and facts; images are in sprites.ts, words for signs and covers in words.ts.

/** Categories name WordNet hypernyms of their members (checked in objects.test.ts). */
export const CATEGORIES = [
  { name: 'mammal', plural: 'mammals', group: 'animal' },
  { name: 'bird', plural: 'birds', group: 'animal' },
  { name: 'reptile', plural: 'reptiles', group: 'animal' },
  { name: 'insect', plural: 'insects', group: 'animal' },
  { name: 'fruit', plural: 'fruits', group: 'food' },
  { name: 'vegetable', plural: 'vegetables', group: 'food' },
  { name: 'dish', plural: 'dishes', group: 'food' },
  { name: 'vehicle', plural: 'vehicles' },
  { name: 'tool', plural: 'tools' },
  { name: 'garment', plural: 'garments', group: 'clothing' },
  { name: 'instrument', plural: 'instruments' },
  { name: 'plant', plural: 'plants' },
  { name: 'device', plural: 'devices' },
  { name: 'container', plural: 'containers' },
  { name: 'toy', plural: 'toys' },
  { name: 'seat', plural: 'seats', group: 'furniture' },
] as const satisfies readonly { name: string; plural: string; group?: string }[];

export type CategoryName = (typeof CATEGORIES)[number]['name'];

export interface Category {
  readonly name: CategoryName;
  readonly plural: string;
  /** The wider kind that WordNet puts the category under, where the world uses one. */
  readonly group?: string;
}

export const COLOUR_NAMES = [
  'white',
  'gray',
  'black',
  'red',
  'orange',
  'yellow',
  'green',
  'blue',
  'purple',
  'pink',
  'brown',
] as const;
export type ColourName = (typeof COLOUR_NAMES)[number];

export interface WorldObject {
  readonly name: string;
  readonly plural: string;
  readonly article: 'a' | 'an';
  readonly category: CategoryName;
  /** The file of the emoji package, without its ending. */
  readonly codepoint: string;
  /** The colour that clearly prevails, where there is one. */
  readonly colour?: ColourName;
}

type Row = readonly [name: string, codepoint: string, colour?: ColourName, plural?: string];

const ROWS: { readonly [Name in CategoryName]: readonly Row[] } = {
  mammal: [
    ['dog', '1f436'],
    ['cat', '1f431', 'orange'],
    ['cow', '1f42e'],
    ['pig', '1f437', 'pink'],
    ['elephant', '1f418', 'gray'],
    ['fox', '1f98a', 'orange', 'foxes'],
    ['lion', '1f981'],
    ['rabbit', '1f430', 'white'],
    ['whale', '1f433', 'blue'],
  ],
  bird: [
    ['penguin', '1f427'],
    ['owl', '1f989'],
    ['duck', '1f986'],
    ['flamingo', '1f9a9', 'pink'],
    ['parrot', '1f99c'],
  ],
  reptile: [
    ['turtle', '1f422', 'green'],
    ['snake', '1f40d', 'green'],
  ],
  insect: [
    ['bee', '1f41d'],
    ['butterfly', '1f98b', undefined, 'butterflies'],
    ['ladybug', '1f41e'],
  ],
  fruit: [
    ['apple', '1f34e', 'red'],
    ['banana', '1f34c', 'yellow'],
    ['lemon', '1f34b', 'yellow'],
    ['strawberry', '1f353', 'red', 'strawberries'],
    ['pineapple', '1f34d'],
    ['watermelon', '1f349', 'red'],
    ['pear', '1f350'],
  ],
  vegetable: [
    ['carrot', '1f955', 'orange'],
    ['eggplant', '1f346', 'purple'],
    ['cucumber', '1f952', 'green'],
  ],
  dish: [
    ['pizza', '1f355'],
    ['hamburger', '1f354'],
  ],
  vehicle: [
    ['car', '1f697', 'red'],
    ['bus', '1f68c', undefined, 'buses'],
    ['bicycle', '1f6b2'],
    ['tractor', '1f69c', 'green'],
    ['rocket', '1f680'],
    ['helicopter', '1f681', 'orange'],
    ['airplane', '2708-fe0f'],
    ['sailboat', '26f5'],
  ],
  tool: [
    ['hammer', '1f528'],
    ['saw', '1fa9a'],
    ['wrench', '1f527', undefined, 'wrenches'],
    ['screwdriver', '1fa9b'],
    ['axe', '1fa93'],
  ],
  garment: [
    ['shirt', '1f455', 'green'],
    ['vest', '1f9ba'],
    ['scarf', '1f9e3', 'red', 'scarves'],
    ['coat', '1f9e5'],
  ],
  instrument: [
    ['guitar', '1f3b8'],
    ['drum', '1f941'],
    ['trumpet', '1f3ba'],
    ['violin', '1f3bb', 'brown'],
  ],
  plant: [
    ['rose', '1f339', 'red'],
    ['sunflower', '1f33b', 'yellow'],
    ['cactus', '1f335', 'green', 'cactuses'],
    ['tree', '1f333', 'green'],
  ],
  device: [
    ['key', '1f511', 'yellow'],
    ['clock', '23f0'],
    ['magnet', '1f9f2', 'red'],
  ],
  container: [
    ['bucket', '1faa3', 'blue'],
    ['basket', '1f9fa'],
  ],
  toy: [
    ['balloon', '1f388', 'red'],
    ['kite', '1fa81'],
  ],
  seat: [
    ['chair', '1fa91', 'brown'],
    ['couch', '1f6cb-fe0f', 'blue', 'couches'],
  ],
};

export const OBJECTS: readonly WorldObject[] = CATEGORIES.flatMap(({ name: category }) =>
  ROWS[category].map(([name, codepoint, colour, plural]) => ({
    name,
    plural: plural ?? `${name}s`,
    article: articleFor(name),
    category,
    codepoint,
    ...(colour === undefined ? {} : { colour }),
  })),
);

/** ISO codes of the countries; their names, capitals and continents are read from the flag package. */
export const COUNTRY_CODES = [
  'jp',
  'in',
  'cn',
  'np',
  'se',
  'fr',
  'de',
  'es',
  'gr',
  'ua',
  'ke',
  'ng',
  'eg',
  'ca',
  'jm',
  'mx',
  'br',
  'ar',
  'pe',
  'au',
] as const;

export interface Country {
  readonly code: string;
  readonly name: string;
  /** Without accents. */
  readonly capital: string;
  readonly continent: string;
}

/** Brands by their slug in the logo package; the name as people write it. */
export const BRANDS = [
  { slug: 'nike', name: 'Nike' },
  { slug: 'audi', name: 'Audi' },
  { slug: 'tesla', name: 'Tesla' },
  { slug: 'toyota', name: 'Toyota' },
  { slug: 'shell', name: 'Shell' },
  { slug: 'spotify', name: 'Spotify' },
  { slug: 'youtube', name: 'YouTube' },
  { slug: 'netflix', name: 'Netflix' },
  { slug: 'twitch', name: 'Twitch' },
  { slug: 'honda', name: 'Honda' },
  { slug: 'docker', name: 'Docker' },
  { slug: 'reddit', name: 'Reddit' },
] as const;

/** Genres of books, each tied to the categories that its covers image. */
export const GENRES = [
  { name: 'nature', categories: ['mammal', 'bird', 'reptile', 'insect'] },
  { name: 'cooking', categories: ['fruit', 'vegetable', 'dish'] },
  { name: 'travel', categories: ['vehicle'] },
  { name: 'music', categories: ['instrument'] },
  { name: 'gardening', categories: ['plant'] },
  { name: 'fashion', categories: ['garment'] },
  { name: 'crafts', categories: ['tool'] },
  { name: 'home', categories: ['seat', 'container', 'device'] },
] as const satisfies readonly { name: string; categories: readonly CategoryName[] }[];
export type GenreName = (typeof GENRES)[number]['name'];

/** `a` or `an`, for the lower-case words of this world. */
export function articleFor(word: string): 'a' | 'an' {
  return /^[aeiou]/.test(word) ? 'an' : 'a';
}

export function categoryOf(object: WorldObject): Category {
  const category = CATEGORIES.find(({ name }) => name === object.category);
  if (category === undefined) throw new Error(`internal: no category ${object.category}`);
  return category;
}

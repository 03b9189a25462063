// Small turns of phrase that every text of the report needs: lists, plurals, capitals. Numbers are `numbers.ts`.
import { formatCount } from './numbers.ts';

/** `A, B and C`. */
export function enumerated(names: readonly string[]): string {
  const [last = '', ...before] = names.toReversed();
  return before.length === 0 ? last : `${before.reverse().join(', ')} and ${last}`;
}

/** `1 row`, `2,000 rows`. */
export function counted(number: number, word: string): string {
  return `${formatCount(number)} ${word}${number === 1 ? '' : 's'}`;
}

/** With a capital first letter. */
export function capitalised(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

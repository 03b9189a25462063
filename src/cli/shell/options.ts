// Values of options, checked one by one; whole configurations are checked by `config/schema.ts`.
import { UserError } from '../../base/errors.ts';
import type { Provider } from '../../tensor/program.ts';
import { oneOf } from './arguments.ts';

/** A whole number of at least `least`. */
export function wholeNumber(option: string, text: string, least = 1): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (number < least) {
    const bound = least === 0 ? '' : ` of at least ${least}`;
    throw new UserError(`${option}: expected a whole number${bound}, found "${text}"`);
  }
  return number;
}

/** A number that is not negative, or nothing where the option is not given. */
export function numberOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UserError(`${option}: expected a number, found "${text}"`);
  return Number(text);
}

export function checkProvider(text: string): Provider {
  return oneOf('--provider', text, ['cpu', 'webgpu', 'cuda'] as const satisfies readonly Provider[]);
}

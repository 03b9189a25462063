// Values of options, checked one by one; whole configurations are checked by runs/config.ts.
import { UserError } from '../errors.ts';
import type { Provider } from '../tensor/program.ts';
import { oneOf } from './arguments.ts';

/** A whole number of at least 1. */
export function wholeNumber(option: string, text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new UserError(`${option}: expected a whole number of at least 1, found "${text}"`);
  return number;
}

export function checkProvider(text: string): Provider {
  return oneOf('--provider', text, ['cpu', 'webgpu', 'cuda'] as const satisfies readonly Provider[]);
}

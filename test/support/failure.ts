// What an action that must fail throws.
import { expect } from 'vitest';
import { DataError } from '../../src/base/errors.ts';

export function failure(action: () => unknown): DataError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return error as DataError;
  }
  return expect.fail('nothing was thrown');
}

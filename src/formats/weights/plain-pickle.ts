// Python pickles of lists, dictionaries, text and numbers as JSON-like values. Whatever else is in one is refused.
import { DataError } from '../../base/errors.ts';
import { withByteSource } from '../files/file-bytes.ts';
import { isTuple, PickleList, type PickleValue, readPickle } from './pickle.ts';

const mostOperations = 500_000_000;

/**
 * Lists and tuples become arrays, dictionaries objects; a part that occurs twice is one object.
 * @param expected what the file should be, for errors.
 * @throws DataError naming the file when it is damaged, holds other than plain data, or contains itself.
 */
export function readPlainPickle(file: string, expected: string): unknown {
  const value = withByteSource(
    file,
    expected,
    (source) => readPickle({ source, expected, operations: mostOperations }).value,
  );
  const done = new Map<PickleValue, unknown>();
  const fault = (message: string) => new DataError({ file, message: `no ${expected}: ${message}` });

  const plain = (inner: PickleValue): unknown => {
    if (inner === null || ['boolean', 'number', 'bigint', 'string'].includes(typeof inner)) return inner;
    if (done.has(inner)) {
      const known = done.get(inner);
      if (known === undefined) throw fault('it contains itself');
      return known;
    }
    done.set(inner, undefined);
    const made = madeOf(inner);
    done.set(inner, made);
    return made;
  };
  const madeOf = (inner: PickleValue): unknown => {
    if (isTuple(inner)) return inner.map(plain);
    if (inner instanceof PickleList) return inner.items.map(plain);
    if (inner instanceof Map) {
      return Object.fromEntries([...inner].map(([key, member]) => [String(key), plain(member)]));
    }
    throw fault('it has values that are not text, numbers, lists or dictionaries');
  };
  return plain(value);
}

// Plain values out of pickles of every protocol; made by Python 3.11 (`pickle.dumps`), and as Python 2 wrote them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../../base/errors.ts';
import { readPlainPickle } from './plain-pickle.ts';

const root = mkdtempSync(join(tmpdir(), 'plain-pickle-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const file = join(root, 'refs.p');

function read(bytes: Uint8Array): unknown {
  writeFileSync(file, bytes);
  return readPlainPickle(file, 'list of references');
}

const base64 = (text: string) => Buffer.from(text, 'base64');
const first = {
  sent_ids: [0, 1, 70000],
  sent: 'it\'s "a" \n café',
  split: 'train',
  box: [1.5, -2, 3],
  big: 2 ** 40,
  none: null,
  yes: true,
};
const expected = [first, { split: 'train', same: [0, 1, 70000] }];

const byPython = {
  0: 'KGxwMAooZHAxClZzZW50X2lkcwpwMgoobHAzCkkwCmFJMQphSTcwMDAwCmFzVnNlbnQKcDQKVml0J3MgImEiIFx1MDAwYSBjYWbpCnA1CnNWc3BsaXQKcDYKVnRyYWluCnA3CnNWYm94CnA4CihGMS41CkktMgpJMwp0cDkKc1ZiaWcKcDEwCkwxMDk5NTExNjI3Nzc2TApzVm5vbmUKcDExCk5zVnllcwpwMTIKSTAxCnNhKGRwMTMKZzYKZzcKc1ZzYW1lCnAxNApnMwpzYS4=',
  1: 'XXEAKH1xAShYCAAAAHNlbnRfaWRzcQJdcQMoSwBLAUpwEQEAZVgEAAAAc2VudHEEWBAAAABpdCdzICJhIiAKIGNhZsOpcQVYBQAAAHNwbGl0cQZYBQAAAHRyYWlucQdYAwAAAGJveHEIKEc/+AAAAAAAAEr+////SwN0cQlYAwAAAGJpZ3EKTDEwOTk1MTE2Mjc3NzZMClgEAAAAbm9uZXELTlgDAAAAeWVzcQxJMDEKdX1xDShoBmgHWAQAAABzYW1lcQ5oA3VlLg==',
  2: 'gAJdcQAofXEBKFgIAAAAc2VudF9pZHNxAl1xAyhLAEsBSnARAQBlWAQAAABzZW50cQRYEAAAAGl0J3MgImEiIAogY2Fmw6lxBVgFAAAAc3BsaXRxBlgFAAAAdHJhaW5xB1gDAAAAYm94cQhHP/gAAAAAAABK/v///0sDh3EJWAMAAABiaWdxCooGAAAAAAABWAQAAABub25lcQtOWAMAAAB5ZXNxDIh1fXENKGgGaAdYBAAAAHNhbWVxDmgDdWUu',
  4: 'gASVkQAAAAAAAABdlCh9lCiMCHNlbnRfaWRzlF2UKEsASwFKcBEBAGWMBHNlbnSUjBBpdCdzICJhIiAKIGNhZsOplIwFc3BsaXSUjAV0cmFpbpSMA2JveJRHP/gAAAAAAABK/v///0sDh5SMA2JpZ5SKBgAAAAAAAYwEbm9uZZROjAN5ZXOUiHV9lChoBmgHjARzYW1llGgDdWUu',
} as const;

it.each([0, 1, 2, 4] as const)('protocol %i', (protocol) => {
  expect(read(base64(byPython[protocol]))).toEqual(expected);
});

it("Python 2's strings, with their escapes", () => {
  const text = "(lp0\n(dp1\nS'sent'\np2\nS\"it's \\\\ \\xc3\\xa9\\n\"\np3\nsS'id'\nI12\nsa.";
  expect(read(Buffer.from(text, 'latin1'))).toEqual([{ sent: "it's \\ é\n", id: 12 }]);
});

describe('is refused', () => {
  it.each([
    ['code', 'gAJdcQBjcG9zaXgKc3lzdGVtCnEBWAQAAAB0cnVlcQKFcQNScQRhLg==', 'refused: it asks for posix.system'],
    ['a list within itself', 'gAJdcQBoAGEu', 'no list of references: it contains itself'],
    [
      'a file that ends early',
      'gAJdcQAofXEBKFgI',
      'damaged or no list of references: byte 11 of its pickle: it is cut off',
    ],
    ['text', Buffer.from('[{"a": 1}]').toString('base64'), 'damaged or no list of references'],
  ])('%s', (_, bytes, message) => {
    expect(() => read(base64(bytes))).toThrow(message);
  });

  it('anything damaged: with a message, never with a crash', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2, 4), fc.nat(150), fc.nat(255), (protocol, at, byte) => {
        const bytes = base64(byPython[protocol as 0 | 1 | 2 | 4]);
        bytes[at % bytes.length] = byte;
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
          expect((error as Error).message.startsWith(file)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

// Parquet files of whose pages any byte says something else: read or refused by one error, in either case at once. A page that
// claims more than its column holds would keep the decoder counting.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { readParquet } from '../../src/formats/records/parquet.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-parquet-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const rows = 16;
const numbers = Array.from({ length: rows }, (_, index) => index);
const columns = {
  id: numbers.map(BigInt),
  word: numbers.map((index) => `word ${index % 3}`),
  maybe: numbers.map((index) => (index % 4 === 0 ? null : `text ${index}`)),
  flag: numbers.map((index) => index % 2 === 0),
};
const names = Object.keys(columns);

function write(codec: 'UNCOMPRESSED' | 'SNAPPY'): string {
  const file = join(root, `${codec}.parquet`);
  parquetWriteFile({
    filename: file,
    columnData: [
      { name: 'id', data: columns.id, type: 'INT64' },
      { name: 'word', data: columns.word, type: 'STRING' },
      { name: 'maybe', data: columns.maybe, type: 'STRING', nullable: true },
      { name: 'flag', data: columns.flag, type: 'BOOLEAN' },
    ],
    codec,
  });
  return file;
}

async function read(file: string): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for await (const { value } of readParquet(file, names)) values.push(value);
  return values;
}

describe.each(['UNCOMPRESSED', 'SNAPPY'] as const)('%s', (codec) => {
  it('whole: repeated words, missing ones and flags as they were written', async () => {
    const found = await read(write(codec));
    expect(found).toHaveLength(rows);
    expect(found[4]).toMatchObject({ id: 4, maybe: null, flag: true });
  });

  it.each([0x7f, 0xff])('any byte of its pages as %i', async (byte) => {
    const whole = readFileSync(write(codec));
    const file = join(root, `damaged ${codec} ${byte}.parquet`);
    let refused = 0;
    const pages = whole.length - 8 - whole.readUint32LE(whole.length - 8);
    for (let place = 4; place < pages; place++) {
      const damaged = Buffer.from(whole);
      damaged[place] = byte;
      writeFileSync(file, damaged);
      const error: unknown = await read(file).then(
        () => undefined,
        (caught: unknown) => caught,
      );
      if (error === undefined) continue;
      refused++;
      expect(error, `byte ${place}: ${String((error as Error).stack)}`).toBeInstanceOf(DataError);
      expect((error as DataError).issues).toMatchObject([{ file }]);
    }
    expect(refused).toBeGreaterThan(pages / 10);
  });
});

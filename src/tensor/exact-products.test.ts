// 8-bit products on this machine's processor and, where qemu is installed, on processors without VNNI: their products of
// unsigned with signed bytes overflow, and the way that is chosen does not.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { areExact, exactBytes } from './exact-products.ts';

it('are exact here in the bytes that are chosen', async () => {
  expect(await areExact(await exactBytes())).toBe(true);
  expect(await exactBytes()).toBe((await areExact('signed')) ? 'signed' : 'unsigned');
});

const qemu = 'qemu-x86_64-static';
const missing = process.arch !== 'x64' || spawnSync(qemu, ['--version']).status !== 0;

it.skipIf(missing)(`are exact on Haswell, under ${qemu}; skipped where it is not installed`, () => {
  const child = fileURLToPath(new URL('../../test/support/exact-products-child.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(qemu, ['-cpu', 'Haswell', process.execPath, child], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(JSON.parse(stdout)).toEqual({ signed: false, unsigned: true, chosen: 'unsigned' });
});

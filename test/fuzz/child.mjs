// Reads damaged files of one target, or of all in turn, and says of each what came of it. A hang or a crash ends this
// process, not the one that watches it. Messages: { index, file } before a case, { index, refused, fault? } after it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../dist/base/errors.js';
import { chance, damaged } from './mutate.mjs';
import { targets, writeFiles } from './targets.mjs';

const [name, seed, from, to] = process.argv.slice(2);
const root = mkdtempSync(join(tmpdir(), 'coin-fuzz-'));
const chosen = Object.entries(targets)
  .filter(([key]) => name === 'all' || key === name)
  .map(([key, target], number) => ({ key, target, folder: join(root, String(number)) }));
const LONGEST = 300;
const MOST_BYTES = 2e9;
const MOST_ISSUES = 12;

process.on('exit', () => rmSync(root, { recursive: true, force: true }));
process.on('disconnect', () => process.exit());

/** What is wrong with the outcome of a read; undefined where it was accepted or refused as it should be. */
async function outcomeOf({ target, folder }) {
  try {
    await target.read(folder);
  } catch (error) {
    return { refused: true, fault: faultOf(error, folder) };
  }
  const { rss } = process.memoryUsage();
  return { refused: false, fault: rss > MOST_BYTES ? `${Math.round(rss / 1e6)} MB in use` : undefined };
}

function faultOf(error, folder) {
  if (!(error instanceof UserError)) return `${error?.stack ?? error}`.slice(0, 600);
  for (const { file, field, line, message } of error.issues) {
    const length = [field, line, message].join(': ').length;
    if (length > LONGEST) return `a message of ${length} characters: ${message.slice(0, 200)}`;
    if (file === undefined && !message.includes(folder)) return `no file is named: ${message}`;
  }
  return error.issues.length > MOST_ISSUES ? `${error.issues.length} issues at once` : undefined;
}

for (const one of chosen) {
  writeFiles(one.folder, one.target);
  const { refused, fault } = await outcomeOf(one);
  const isWhole = one.target.whole !== false;
  if (fault !== undefined || (refused && isWhole))
    throw new Error(`the undamaged files of ${one.key}: ${fault ?? 'refused'}`);
}
for (let index = Number(from); index < Number(to); index++) {
  const one = chosen[index % chosen.length];
  const { target, folder, key } = one;
  const own = Number(seed) * 1_000_003 + index;
  const file = chance(own).pick(target.damage ?? Object.keys(target.files));
  process.send({ index, file: `${key}: ${file}` });
  writeFileSync(join(folder, file), damaged(target.files[file], own));
  process.send({ index, ...(await outcomeOf(one)) });
  writeFileSync(join(folder, file), target.files[file]);
}
process.disconnect();

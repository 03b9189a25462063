// npm run fuzz -- [--seed N] [--cases N] [--only NAME] [--limit MS]: damaged files for every reader, or those named, and a
// table of what was tried and what was bad. A fault is tried again by its seed and number.
import { parseArgs } from 'node:util';
import { fuzzTarget } from './fuzz.mjs';
import { targets } from './targets.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
    cases: { type: 'string', default: '2000' },
    only: { type: 'string', multiple: true },
    limit: { type: 'string', default: '60000' },
  },
});
const names = Object.keys(targets).filter((name) => values.only?.some((part) => name.includes(part)) ?? true);
console.log(`seed ${values.seed}`);
let bad = 0;
let tried = 0;
let refusedInAll = 0;
for (const name of names) {
  const options = { seed: Number(values.seed), cases: Number(values.cases), caseMs: Number(values.limit) };
  const { cases, refused, faults } = await fuzzTarget(name, options);
  tried += cases;
  refusedInAll += refused;
  bad += faults.length;
  console.log(
    `${name.padEnd(24)} ${String(cases).padStart(8)} tried ${String(refused).padStart(8)} refused ${String(faults.length).padStart(6)} bad`,
  );
  for (const { index, file, fault } of faults.slice(0, 5))
    console.log(`  ${index} ${file}: ${fault.replaceAll('\n', '\n    ')}`);
}
console.log(
  `${'in all'.padEnd(24)} ${String(tried).padStart(8)} tried ${String(refusedInAll).padStart(8)} refused ${String(bad).padStart(6)} bad`,
);
process.exitCode = bad === 0 ? 0 : 1;
process.exit();

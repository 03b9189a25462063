// Several runs that differ in their seed alone, side by side: mean and 95 % confidence interval (Student's t).
// Usage: npm run build && node tools/seeds.mjs RUN RUN …   Prints Markdown.
import { confidenceInterval, mean } from '../dist/metrics/statistics.js';
import { computeResults } from '../dist/report/compute.js';

const folders = process.argv.slice(2);
const runs = [];
for (const folder of folders) runs.push(await computeResults(folder));
const [first] = runs;
const methods = first.methods.map(({ name, label }) => ({ name, label }));

const cell = (values) => {
  const interval = confidenceInterval(values);
  return interval === undefined ? mean(values).toFixed(1) : `${mean(values).toFixed(1)} ± ${interval.margin.toFixed(1)}`;
};
const of = (name, mode = 'strict') => runs.map((run) => run.modes[mode].methods[name]);

console.log(`${folders.length} seeds, strict scoring, percent; ± is half of the 95 % interval\n`);
console.log('| method | ACC | MAA | BWT |\n|---|---|---|---|');
for (const { name, label } of methods) {
  const row = ['finalAverage', 'maa', 'bwt'].map((key) => cell(of(name).map((result) => result[key])));
  console.log(`| ${label} | ${row.join(' | ')} |`);
}
console.log(`\n| | ${first.tasks.join(' | ')} |\n|---|${first.tasks.map(() => '---').join('|')}|`);
const zero = first.tasks.map((task) => cell(runs.map((run) => run.modes.strict.zeroShot[task])));
console.log(`| zero-shot | ${zero.join(' | ')} |`);
for (const { name, label } of methods) {
  const at = (pick) => first.tasks.map((task) => cell(of(name).map(({ matrix }) => pick(matrix, task))));
  console.log(`| ${label}, just trained | ${at((matrix, task) => matrix.rows.find(({ after }) => after === task).scores[task]).join(' | ')} |`);
  console.log(`| ${label}, final | ${at((matrix, task) => matrix.rows.at(-1).scores[task]).join(' | ')} |`);
}
console.log('\nPaired by seed, MoELoRA minus LoRA:');
for (const [key, label] of [['finalAverage', 'ACC'], ['maa', 'MAA'], ['bwt', 'BWT']]) {
  const [a, b] = methods.map(({ name }) => of(name).map((result) => result[key]));
  if (b !== undefined) console.log(`- ${label}: ${cell(a.map((value, i) => b[i] - value))}`);
}

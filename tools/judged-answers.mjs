// Measures how a run with many judged answers loads into the report's data: writes one with made-up answers and
// judgements (15 evaluations of three tasks), then computes its results in this process.
//   node --expose-gc tools/judged-answers.mjs [ANSWERS]      100000 by default; needs `npm run build`
// Prints JSON: answers, seconds of loading (by the clock and of the processor), resident memory at its peak in MiB, and a figure of the matrix.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256, sha256OfFile } from '../dist/formats/files/files.js';
import { builtIn } from '../dist/config/catalogue.js';
import { configSchema } from '../dist/config/schema.js';
import { judgingCell } from '../dist/runs/judge-files.js';
import { planRun } from '../dist/config/plan.js';
import { recordProvenance } from '../dist/runs/provenance.js';
import { computeResults } from '../dist/report/compute.js';

const cells = 15;
const perCell = Math.ceil(Number(process.argv[2] ?? 100_000) / cells);
const top = mkdtempSync(join(tmpdir(), 'coin-judged-'));
try {
  const tasks = ['VQAv2', 'ImageNet', 'OCRVQA'];
  const testFiles = { VQAv2: 'val.json', ImageNet: 'test.json', OCRVQA: 'test.json' };
  const folder = join(top, 'run');
  const root = join(top, 'data');
  const write = (file, text) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  write(join(root, 'cl_dataset', 'image.png'), Buffer.from([137, 80, 78, 71]));
  const samples = Array.from({ length: perCell }, (_, index) => ({
    question_id: String(index),
    image: 'image.png',
    text: `What is thing number ${index} in this image?\nAnswer the question using a single word or phrase.`,
    answer: `thing ${index % 97}`,
  }));
  for (const task of tasks) {
    write(join(root, 'Instructions_Original', task, testFiles[task]), JSON.stringify(samples));
    write(join(root, 'Instructions_Original', task, 'train.json'), '[]');
  }
  const config = {
    ...configSchema(builtIn).parse({ model: 'nano', benchmark: root, methods: ['lora', 'moelora'] }),
    tasks,
    name: 'many',
    output: folder,
  };
  write(join(folder, 'config.json'), JSON.stringify(config));
  write(join(top, 'model', 'config.json'), '{"model_type": "llava"}');
  const source = { root, instructionType: 'Original' };
  recordProvenance(folder, { source, tasks, modelFolder: join(top, 'model') });

  const identity = 'made up';
  const place = join(folder, 'judging', 'made-up');
  write(join(place, 'judge.json'), JSON.stringify({ id: 'made-up', label: 'made up', standIn: false, settings: {}, identity }));
  const at = new Date(0).toISOString();
  for (const step of planRun(config, builtIn)) {
    const record = (kind, from, files) => ({ kind, key: step.key, at, from, files, measured: {} });
    const lines = { journal: '', judged: '' };
    if (step.kind === 'evaluate') {
      const wrong = (index) => (index * 2654435761 + step.key.length * 97) % 10 < 4;
      const text = samples.map(({ question_id, text: prompt, answer }, index) =>
        JSON.stringify({ question_id, prompt, text: wrong(index) ? 'something else' : answer }),
      );
      write(join(folder, step.predictionFile), `${text.join('\n')}\n`);
      const judged = samples.map(({ question_id }, index) =>
        JSON.stringify({ question_id, text: wrong(index) ? 'Score: 3' : '10' }),
      );
      const file = join(place, step.predictionFile);
      write(file, `${judged.join('\n')}\n`);
      const files = { [step.predictionFile]: sha256OfFile(file) };
      lines.judged = `${JSON.stringify(record('judge', judgingCell(folder, step, identity).from, files))}\n`;
    }
    lines.journal = `${JSON.stringify(record(step.kind, '', { x: sha256('') }))}\n`;
    writeFileSync(join(folder, 'journal.jsonl'), lines.journal, { flag: 'a' });
    writeFileSync(join(place, 'journal.jsonl'), lines.judged, { flag: 'a' });
  }

  globalThis.gc?.();
  let peak = process.memoryUsage.rss();
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const started = performance.now();
  const cpu = process.cpuUsage();
  const results = await computeResults(folder);
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(timer);
  // The operating system's own peak, where it tells.
  const peakMiB = Math.max(peak / 2 ** 20, process.resourceUsage().maxRSS / 1024);
  const [judge] = results.judges ?? [];
  console.log(
    JSON.stringify({
      answers: judge?.answers,
      seconds: Number(seconds.toFixed(2)),
      processorSeconds: Number(((user + system) / 1e6).toFixed(2)),
      peakMiB: Math.round(peakMiB),
      generalKnowledge: judge?.modes.strict.methods.lora?.finalAverage,
      lifeLines: results.lifeLines?.length,
    }),
  );
} finally {
  rmSync(top, { recursive: true, force: true });
}

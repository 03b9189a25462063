// `coin report`: writes a run's report.html again from its predictions.
import { defineCommand } from 'citty';
import { writeFileAtomic } from '../formats/files.ts';
import { renderReport } from '../report/html.ts';
import { computeResults } from '../runs/results.ts';
import { runFiles } from '../runs/run-folder.ts';

export const report = defineCommand({
  meta: { name: 'report', description: "Write a run's report.html again" },
  args: { run: { type: 'positional', required: true, description: 'the folder of a run' } },
  async run({ args }) {
    const file = runFiles.report(args.run);
    writeFileAtomic(file, renderReport(await computeResults(args.run)));
    process.stdout.write(`${file}\n`);
  },
});

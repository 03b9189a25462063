// Writes what is computed from a run beside it: metrics.json and report.html. What lies there is replaced where it says
// anything else, be it older or damaged.
import { existsSync } from 'node:fs';
import { sha256, sha256OfFile, writeFileAtomic } from '../../formats/files/files.ts';
import { metricsText } from '../../report/compute.ts';
import type { RunResults } from '../../report/results.ts';
import { runFiles } from '../../runs/run-folder.ts';

export async function writeResults(folder: string, results: RunResults): Promise<void> {
  // Loaded only here: drawing the page is the heaviest part.
  const { renderReport } = await import('../../report/page/html.ts');
  replace(runFiles.metrics(folder), metricsText(results));
  replace(runFiles.report(folder), renderReport(results));
}

function replace(file: string, content: string): void {
  if (existsSync(file) && sha256OfFile(file) === sha256(content)) return;
  writeFileAtomic(file, content);
}

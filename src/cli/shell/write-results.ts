// Writes what is computed from a run beside it: metrics.json and report.html.
import { writeFileAtomic } from '../../formats/files/files.ts';
import { writeMetrics } from '../../report/compute.ts';
import type { RunResults } from '../../report/results.ts';
import { runFiles } from '../../runs/run-folder.ts';

export async function writeResults(folder: string, results: RunResults): Promise<void> {
  // Loaded only here: drawing the page is the heaviest part.
  const { renderReport } = await import('../../report/page/html.ts');
  writeMetrics(folder, results);
  writeFileAtomic(runFiles.report(folder), renderReport(results));
}

// Forward transfer: what learning the earlier tasks did to a task before it was learnt itself.
// Source: D. Lopez-Paz and M. Ranzato, "Gradient Episodic Memory for Continual Learning", NIPS 2017, section 2.
import type { AccuracyMatrix } from './matrix.ts';

/** One task just before it is learnt. Percent; `change` in points. */
export interface TransferCell {
  readonly task: string;
  /** b_i: before any training. */
  readonly zeroShot: number;
  /** A[i-1][i]: after the stage before its own. */
  readonly before: number;
  readonly change: number;
}

export interface ForwardTransfer {
  readonly cells: readonly TransferCell[];
  /** FWT = 1/(T-1) Σ_{i=2..T} (A[i-1][i] - b_i). */
  readonly fwt: number;
}

/**
 * Undefined unless every task but the first has a score after the stage before its own and one without training.
 * GEM: b_i is a model with random weights / here: the pretrained model, which is where the stream begins.
 */
export function forwardTransfer(
  { tasks, rows }: AccuracyMatrix,
  zeroShot: Readonly<Record<string, number>>,
): ForwardTransfer | undefined {
  const cells: TransferCell[] = [];
  for (const [index, task] of tasks.entries()) {
    if (index === 0) continue;
    const scores = rows[index - 1]?.scores ?? {};
    const before = Object.hasOwn(scores, task) ? scores[task] : undefined;
    const start = Object.hasOwn(zeroShot, task) ? zeroShot[task] : undefined;
    if (before === undefined || start === undefined) return undefined;
    cells.push({ task, zeroShot: start, before, change: before - start });
  }
  if (cells.length === 0) return undefined;
  return { cells, fwt: cells.reduce((sum, { change }) => sum + change, 0) / cells.length };
}

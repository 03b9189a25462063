// Files of predictions of one task, by whatever systems, compared on the same annotations: their accuracy with intervals,
// and pair by pair. There is no run and no order of tasks here; those are `comparison.ts`.
import { UserError } from '../base/errors.ts';
import { fewestResamples } from '../metrics/bootstrap.ts';
import { compareMethods, type Difference, type Estimate } from '../metrics/comparison.ts';
import { streamPredictions } from '../tasks/prediction-file.ts';
import type { ScoringMode, Task } from '../tasks/task.ts';
import { addUp, alpha, clustersOf } from './clusters.ts';

export interface PredictionCompareOptions {
  /** Two or more. */
  readonly files: readonly string[];
  readonly task: Task;
  /** What the task's scorer reads. */
  readonly annotations: string;
  readonly mode?: ScoringMode;
  readonly resamples?: number;
  readonly seed?: number;
}

export interface PredictionComparison {
  readonly task: string;
  readonly mode: ScoringMode;
  readonly resamples: number;
  readonly seed: number;
  /** Drawn one by one: annotations name no images. */
  readonly samples: number;
  readonly files: readonly { readonly file: string; readonly accuracy: Estimate; readonly missing: number }[];
  readonly pairs: readonly {
    readonly first: string;
    readonly second: string;
    readonly accuracy: Difference;
  }[];
}

/** @throws UserError or DataError when a file is no predictions of this data, or a single sample is left to draw from. */
export function comparePredictions(options: PredictionCompareOptions): PredictionComparison {
  const { files, task, annotations, mode = 'strict', resamples = 2000, seed = 0 } = options;
  if (new Set(files).size < Math.max(2, files.length)) {
    throw new UserError('expected two or more files of predictions, each once');
  }
  const pairs = (files.length * (files.length - 1)) / 2;
  const needed = fewestResamples(alpha / pairs);
  if (resamples < needed) {
    throw new UserError(
      `--resamples: ${resamples} are too few for ${files.length} files, at least ${needed}`,
    );
  }
  const samples = task.readAnnotations(annotations);
  const clusters = clustersOf(samples);
  if (samples.length < 2)
    throw new UserError(`${annotations}: a single sample: no interval can be made of it`);
  const scored = files.map((file) => {
    const score = task.score(mode, samples, streamPredictions(file));
    if (score.missing === score.expected) {
      throw new UserError({ file, field: 'question_id', message: `none of the ids is in ${annotations}` });
    }
    return { file, score };
  });
  const compared = compareMethods({
    tasks: [task.name],
    methods: scored.map(({ file, score }) => ({ name: file, seeds: [[[addUp(score.samples, clusters)]]] })),
    cells: false,
    resamples,
    seed,
    alpha,
  });
  // Of a single stage ACC is the accuracy.
  const accuracyOf = <Figure extends Estimate>(figures: readonly Figure[]): Figure => {
    const found = figures.find(({ name }) => name === 'ACC');
    if (found === undefined) throw new Error('internal: there is no ACC');
    return { ...found, name: 'accuracy' };
  };
  return {
    task: task.name,
    mode,
    resamples,
    seed,
    samples: samples.length,
    files: scored.map(({ file, score: { missing } }, index) => ({
      file,
      missing,
      accuracy: accuracyOf(compared.estimates[index]?.figures ?? []),
    })),
    pairs: compared.pairs.map(({ first, second, differences }) => ({
      first,
      second,
      accuracy: accuracyOf(differences),
    })),
  };
}

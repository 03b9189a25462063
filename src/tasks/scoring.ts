// The common part of scoring: which prediction belongs to which sample, what is counted, and the percent.
// How one answer is judged is each task's `score.ts`; nothing here knows a task.
import type { Prediction, SampleScore, ScoringMode, TaskScore, TestSample, Verdict } from './task.ts';

/** The judgement of one given answer. */
export interface Judgement {
  readonly verdict: Exclude<Verdict, 'missing'>;
  /** 0 to 1. */
  readonly score: number;
}

export type Judge = (sample: TestSample, text: string) => Judgement;

/** How a reference script counts. The defaults are what most of CoIN's scripts do. */
export interface ReferenceRule {
  readonly judge: Judge;
  /**
   * `lines`: every line of the file is counted, duplicates each time.
   * `positions`: as `lines`, but the n-th line is compared with the n-th sample whatever its id.
   * `lastOfEachId`: the lines make a dictionary first, so a later duplicate replaces an earlier one.
   */
  readonly pairing?: 'lines' | 'positions' | 'lastOfEachId';
  /** Whether a sample without a prediction stays in the denominator. */
  readonly missing?: 'leftOut' | 'wrong';
  /** Samples that the script passes over are neither right nor wrong. */
  readonly counts?: (sample: TestSample) => boolean;
  /** The script's own order of operations, which decides how exact ties are rounded. */
  readonly percent?: (sum: number, denominator: number) => number;
}

export interface Scorer {
  readonly reference: ReferenceRule;
  readonly strict: Judge;
}

export const right: Judgement = { verdict: 'right', score: 1 };
export const wrong: Judgement = { verdict: 'wrong', score: 0 };
export const unparseable: Judgement = { verdict: 'unparseable', score: 0 };

/** Right or wrong by a truth value. */
export function rightIf(condition: boolean): Judgement {
  return condition ? right : wrong;
}

/** A soft score between 0 and 1; anything above 0 reads as right, the score says how far. */
export function softly(score: number): Judgement {
  return { verdict: score > 0 ? 'right' : 'wrong', score };
}

/**
 * Scores the predictions of one task.
 *
 * `strict`: each sample counts once, found by id; the denominator is the number of samples; a sample without a
 * prediction is `missing` and scores 0; of several predictions with one id the first counts.
 *
 * `reference`: as `scorer.reference` says. `samples` of the result then holds one entry per counted line, in file
 * order, and after them the samples without a prediction.
 * reference: stops with a KeyError at an unknown id and a ZeroDivisionError at an empty file /
 * here: unknown ids are left out and counted in `extra`; nothing counted gives 0 %.
 */
export function scorePredictions(
  scorer: Scorer,
  mode: ScoringMode,
  samples: readonly TestSample[],
  predictions: readonly Prediction[],
): TaskScore {
  const { reference, strict } = scorer;
  const counted =
    mode === 'strict'
      ? strictScores(strict, samples, predictions)
      : referenceScores(reference, samples, predictions);
  const { scores, denominator } = counted;
  let sum = 0;
  for (const { score } of scores) sum += score;
  const percent = (mode === 'reference' && reference.percent) || percentOf;
  const { missing, extra, duplicate } = compareIds(samples, predictions);
  return {
    mode,
    accuracy: denominator === 0 ? 0 : percent(sum, denominator),
    denominator,
    missing,
    unparseable: scores.filter(({ verdict }) => verdict === 'unparseable').length,
    extra,
    duplicate,
    samples: scores,
  };
}

function percentOf(sum: number, denominator: number): number {
  return (100 * sum) / denominator;
}

interface CountedScores {
  readonly scores: readonly SampleScore[];
  readonly denominator: number;
}

function strictScores(
  judge: Judge,
  samples: readonly TestSample[],
  predictions: readonly Prediction[],
): CountedScores {
  const firstOfId = new Map<string, string>();
  for (const { question_id, text } of predictions) {
    if (!firstOfId.has(question_id)) firstOfId.set(question_id, text);
  }
  const scores = samples.map((sample): SampleScore => {
    const text = firstOfId.get(sample.id);
    return text === undefined ? missingScore(sample.id) : { id: sample.id, ...judge(sample, text) };
  });
  return { scores, denominator: samples.length };
}

function referenceScores(
  rule: ReferenceRule,
  samples: readonly TestSample[],
  predictions: readonly Prediction[],
): CountedScores {
  const { judge, pairing = 'lines', missing = 'leftOut', counts = () => true } = rule;
  const sampleOfId = new Map(samples.map((sample) => [sample.id, sample]));
  const lines =
    pairing === 'lastOfEachId'
      ? [...new Map(predictions.map((prediction) => [prediction.question_id, prediction])).values()]
      : predictions;
  const scores: SampleScore[] = [];
  for (const [index, line] of lines.entries()) {
    const sample = pairing === 'positions' ? samples[index] : sampleOfId.get(line.question_id);
    if (sample !== undefined && counts(sample)) {
      scores.push({ id: line.question_id, ...judge(sample, line.text) });
    }
  }
  const answered = new Set(predictions.map(({ question_id }) => question_id));
  const absent = samples.filter((sample) => !answered.has(sample.id) && counts(sample));
  const denominator = scores.length + (missing === 'wrong' ? absent.length : 0);
  return { scores: [...scores, ...absent.map(({ id }) => missingScore(id))], denominator };
}

function missingScore(id: string): SampleScore {
  return { id, verdict: 'missing', score: 0 };
}

function compareIds(samples: readonly TestSample[], predictions: readonly Prediction[]) {
  const linesOfId = new Map<string, number>();
  for (const { question_id } of predictions) {
    linesOfId.set(question_id, (linesOfId.get(question_id) ?? 0) + 1);
  }
  const known = new Set(samples.map(({ id }) => id));
  return {
    missing: [...known].filter((id) => !linesOfId.has(id)).length,
    extra: [...linesOfId.keys()].filter((id) => !known.has(id)).length,
    duplicate: [...linesOfId.values()].filter((lines) => lines > 1).length,
  };
}

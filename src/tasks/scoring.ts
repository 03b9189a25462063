// The common part of scoring: which prediction belongs to which sample, what is counted, and the percent.
// How one answer is judged is each task's `score.ts`; nothing here knows a task or a model.
import { isUsable } from './skipped.ts';
import type {
  Parsed,
  Prediction,
  SampleScore,
  ScoredModel,
  ScoringMode,
  TaskScore,
  TestSample,
  TruthDetails,
  Verdict,
} from './task.ts';

/** The judgement of one given answer. */
export interface Judgement {
  readonly verdict: Exclude<Verdict, 'missing'>;
  /** 0 to 1. */
  readonly score: number;
  readonly parsed: Parsed;
}

export type Judge<Truth = TruthDetails> = (sample: TestSample<Truth>, text: string) => Judgement;

/** How answers are counted. The defaults are what most of CoIN's scripts do. */
export interface CountingRule<Truth = TruthDetails> {
  readonly judge: Judge<Truth>;
  /**
   * `lines`: every line of the file is counted, duplicates each time.
   * `positions`: as `lines`, but the n-th line is compared with the n-th sample whatever its id.
   * `lastOfEachId`: the lines make a dictionary first, so a later duplicate replaces an earlier one.
   * `firstOfEachId`: a later duplicate is passed over.
   */
  readonly pairing?: 'lines' | 'positions' | 'lastOfEachId' | 'firstOfEachId';
  /** Whether a sample without a prediction stays in the denominator. */
  readonly missing?: 'leftOut' | 'wrong';
  /** Samples that the script passes over are neither right nor wrong. */
  readonly counts?: (sample: TestSample<Truth>) => boolean;
  /** The script's own order of operations, which decides how exact ties are rounded. */
  readonly percent?: (sum: number, denominator: number) => number;
}

export interface Scorer<Truth = TruthDetails> {
  readonly reference: CountingRule<Truth>;
  /** What the reference does differently for the answers of a model. */
  readonly referenceOf?: Readonly<Partial<Record<ScoredModel, Partial<CountingRule<Truth>>>>>;
  readonly strict: Judge<Truth>;
  /** Where a model answers in another frame, which is no fault of its answers. */
  readonly strictOf?: Readonly<Partial<Record<ScoredModel, Judge<Truth>>>>;
}

export const unparseable: Judgement = { verdict: 'unparseable', score: 0, parsed: null };

/** Right or wrong by a truth value. */
export function rightIf(condition: boolean, parsed: Parsed): Judgement {
  return condition ? { verdict: 'right', score: 1, parsed } : { verdict: 'wrong', score: 0, parsed };
}

/** A soft score between 0 and 1; anything above 0 reads as right, the score says how far. */
export function softly(score: number, parsed: Parsed): Judgement {
  return { verdict: score > 0 ? 'right' : 'wrong', score, parsed };
}

/**
 * Answers without the one space in front that the reference drops since commit 41411ab (reference.md,
 * Scorers).
 */
export function afterOneSpace(judge: Judge): Judge {
  return (sample, text) => judge(sample, text.startsWith(' ') ? text.slice(1) : text);
}

/**
 * Scores the predictions of one task, which are read once and not kept.
 *
 * `strict`: each sample counts once, found by id; the denominator is the number of samples; a sample without a
 * prediction is `missing` and scores 0; of several predictions with one id the first counts.
 *
 * `reference`: as `scorer.reference` says; samples that a run passes over as unusable are not there.
 * reference: stops with a KeyError at an unknown id and a ZeroDivisionError at an empty file /
 * here: unknown ids are left out and counted in `extra`; nothing counted gives 0 %.
 */
export function scorePredictions<Truth>(
  scorer: Scorer<Truth>,
  mode: ScoringMode,
  all: readonly TestSample<Truth>[],
  predictions: Iterable<Prediction>,
  model: ScoredModel = 'llava',
): TaskScore {
  const samples = mode === 'strict' ? all : all.filter(isUsable);
  const rule = ruleOf(scorer, mode, model);
  const { percent = percentOf, counts = () => true } = rule;
  const { scores, ...ids } = countScores(rule, samples, ofUsable(predictions, all));
  let correct = 0;
  let unreadable = 0;
  for (const { score, verdict } of scores) {
    correct += score;
    if (verdict === 'unparseable') unreadable++;
  }
  return {
    mode,
    accuracy: scores.length === 0 ? 0 : percent(correct, scores.length),
    correct,
    denominator: scores.length,
    expected: mode === 'strict' ? samples.length : samples.filter(counts).length,
    unparseable: unreadable,
    ...ids,
    samples: scores,
  };
}

function ruleOf<Truth>(scorer: Scorer<Truth>, mode: ScoringMode, model: ScoredModel): CountingRule<Truth> {
  if (mode === 'reference') return { ...scorer.reference, ...scorer.referenceOf?.[model] };
  const judge = scorer.strictOf?.[model] ?? scorer.strict;
  return { judge, pairing: 'firstOfEachId', missing: 'wrong' };
}

function percentOf(sum: number, denominator: number): number {
  return (100 * sum) / denominator;
}

/** Without answers to samples that became unusable after they were given: nothing is known that they could be held against. */
function* ofUsable<Truth>(
  predictions: Iterable<Prediction>,
  samples: readonly TestSample<Truth>[],
): Generator<Prediction> {
  const unusable = new Set(samples.filter((sample) => !isUsable(sample)).map(({ id }) => id));
  for (const prediction of predictions) if (!unusable.has(prediction.question_id)) yield prediction;
}

interface Counted {
  /** In the order of the lines, or of the samples where each counts once. */
  readonly scores: readonly SampleScore[];
  readonly missing: number;
  readonly extra: number;
  readonly duplicate: number;
}

function countScores<Truth>(
  rule: CountingRule<Truth>,
  samples: readonly TestSample<Truth>[],
  predictions: Iterable<Prediction>,
): Counted {
  const { judge, pairing = 'lines', missing = 'leftOut', counts = () => true } = rule;
  const indexOfId = new Map(samples.map(({ id }, index) => [id, index]));
  const linesOfSample = new Uint32Array(samples.length);
  const extra = new Set<string>();
  const scoreOfSample: SampleScore[] = new Array(pairing.endsWith('OfEachId') ? samples.length : 0);
  const scoreOfLine: SampleScore[] = [];
  let line = 0;
  for (const { question_id: id, text } of predictions) {
    const named = indexOfId.get(id);
    if (named === undefined) extra.add(id);
    else linesOfSample[named] = (linesOfSample[named] ?? 0) + 1;
    const index = pairing === 'positions' ? line : named;
    line++;
    const sample = index === undefined ? undefined : samples[index];
    if (index === undefined || sample === undefined || !counts(sample)) continue;
    if (pairing === 'firstOfEachId' && scoreOfSample[index] !== undefined) continue;
    const score = { id, ...judge(sample, text) };
    if (pairing === 'lines' || pairing === 'positions') scoreOfLine.push(score);
    else scoreOfSample[index] = score;
  }
  // Indices of an array of holes, so that the samples without a score are visited too.
  for (const [index, sample] of samples.entries()) {
    const known = scoreOfSample[index];
    if (known !== undefined) scoreOfLine.push(known);
    else if (missing === 'wrong' && linesOfSample[index] === 0 && counts(sample)) {
      scoreOfLine.push({ id: sample.id, verdict: 'missing', score: 0, parsed: null });
    }
  }
  return {
    scores: scoreOfLine,
    missing: samples.filter((sample, index) => linesOfSample[index] === 0 && counts(sample)).length,
    extra: extra.size,
    duplicate: linesOfSample.reduce((sum, lines) => sum + (lines > 1 ? 1 : 0), 0),
  };
}

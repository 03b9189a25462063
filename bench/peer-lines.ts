// What the peer is measured at. Which way is fastest for it is found out on the spot, and that way is compared with.
import type { Line, Prepared, Round, Worker } from './protocol.ts';

const precisions = ['fp32', 'bf16-autocast', 'bf16-weights'] as const;
type Precision = (typeof precisions)[number];

export interface PeerLines {
  /** As the reference trains: random batches, padded to the longest. */
  readonly trainFloat: string;
  readonly trainBfloat: string;
  /** The faster of the two precisions on our own batches. */
  readonly trainBucketed: string;
  readonly trainLoop: string;
  readonly trainBatched: string;
  readonly answerFloat: string;
  readonly answerBfloat: string;
  readonly answerLoop: string;
}

export interface Calibration {
  readonly lines: PeerLines;
  /** Seconds of one pass, by line. */
  readonly seconds: ReadonlyMap<string, number>;
  readonly prepared: Prepared;
  /** Of the first pass in float32 over our own batches. */
  readonly loss: number;
}

const trainName = (method: string, precision: Precision, batches: string) =>
  `train ${method} ${precision}, ${batches} batches`;
const answerName = (method: string, precision: Precision) =>
  `answer ${method === 'none' ? 'lora (merged)' : method} ${precision}`;

/** Every line that may turn out to be wanted. */
export function candidateLines(): Line[] {
  const training = ['lora', 'moelora-loop', 'moelora-batched'].flatMap((method) =>
    precisions.flatMap((precision) =>
      (method === 'lora' ? ['random', 'bucketed'] : ['random']).map(
        (batches): Line => ({
          name: trainName(method, precision, batches),
          kind: 'train',
          options: { method, precision, batches },
        }),
      ),
    ),
  );
  const answering = ['none', 'moelora-loop'].flatMap((method) =>
    precisions.map(
      (precision): Line => ({
        name: answerName(method, precision),
        kind: 'evaluate',
        options: { method, precision },
      }),
    ),
  );
  return [...training, ...answering];
}

/** Passes shorter than this are run again, since the first one warms up. */
const WARM_SECONDS = 3;

/**
 * Runs the candidates, one in memory at a time, keeps the better way of bfloat16, and the better precision for the lines
 * that follow. Leaves the lines that it chose prepared.
 */
export async function calibrate(peer: Worker, workload: string): Promise<Calibration> {
  const seconds = new Map<string, number>();
  const first = new Map<string, Round>();
  const candidates = new Map(candidateLines().map((line) => [line.name, line]));
  const prepare = (names: readonly string[]) =>
    peer.prepare(
      workload,
      [...new Set(names)].map((name) => candidates.get(name) as Line),
    );
  const time = async (name: string): Promise<number> => {
    await prepare([name]);
    let round = await peer.round(name);
    first.set(name, round);
    if (round.seconds < WARM_SECONDS) round = await peer.round(name);
    seconds.set(name, round.seconds);
    return round.seconds;
  };
  const best = async (name: (precision: Precision) => string, among: readonly Precision[]) => {
    const timed: { readonly precision: Precision; readonly time: number }[] = [];
    for (const precision of among) timed.push({ precision, time: await time(name(precision)) });
    return timed.reduce((a, b) => (b.time < a.time ? b : a)).precision;
  };
  const train = (precision: Precision) => trainName('lora', precision, 'random');
  const answer = (precision: Precision) => answerName('none', precision);
  const fastest = async (name: (precision: Precision) => string) => {
    const bfloat = await best(name, ['bf16-autocast', 'bf16-weights']);
    const float = await time(name('fp32'));
    return { bfloat, overall: float < (seconds.get(name(bfloat)) as number) ? ('fp32' as const) : bfloat };
  };
  const training = await fastest(train);
  const answering = await fastest(answer);
  const reference = trainName('lora', 'fp32', 'bucketed');
  const lines: PeerLines = {
    trainFloat: train('fp32'),
    trainBfloat: train(training.bfloat),
    trainBucketed: trainName('lora', training.overall, 'bucketed'),
    trainLoop: trainName('moelora-loop', training.overall, 'random'),
    trainBatched: trainName('moelora-batched', training.overall, 'random'),
    answerFloat: answer('fp32'),
    answerBfloat: answer(answering.bfloat),
    answerLoop: answerName('moelora-loop', answering.overall),
  };
  for (const name of [
    reference,
    lines.trainBucketed,
    lines.trainLoop,
    lines.trainBatched,
    lines.answerLoop,
  ]) {
    if (!seconds.has(name)) await time(name);
  }
  const prepared = await prepare(Object.values(lines));
  return { lines, seconds, prepared, loss: first.get(reference)?.loss ?? Number.NaN };
}

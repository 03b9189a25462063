// From measured rounds to what is said of them: a line's rates, ratios between lines of the same round, tables.
import { availableParallelism, cpus, totalmem } from 'node:os';
import { openCheckpoint } from '../src/formats/weights/checkpoint.ts';
import { ENCODE, type ShapeMeasurements, type Side } from './measure.ts';
import type { Round } from './protocol.ts';
import { larger, rates, ratesWithImages, ratios, type Spread, spreadOf } from './statistics.ts';
import { paddingShare, type Workload } from './workload.ts';

export interface LineReport {
  readonly side: Side;
  readonly name: string;
  readonly samplesPerSecond: Spread;
  readonly tokensPerSecond: Spread;
  /** Of matrix products; only our side counts them. */
  readonly flopsPerSecond?: Spread;
  /** Of the machine's float32 peak right before. */
  readonly shareOfPeak?: Spread;
  readonly rounds: readonly Omit<Round, 'answers'>[];
}

export interface RatioReport {
  readonly what: string;
  readonly ratio: Spread;
}

export interface ShapeReport {
  readonly name: string;
  readonly weights: number;
  readonly samples: { readonly train: number; readonly batch: number; readonly test: number };
  readonly tokensPerSample: number;
  readonly padding: { readonly bucketed: number; readonly random: number };
  /** FLOP/s. */
  readonly peak: Spread;
  readonly lines: readonly LineReport[];
  readonly ratios: readonly RatioReport[];
  readonly memory: Readonly<Record<string, number>>;
  readonly losses: ShapeMeasurements['losses'];
  /** Questions that both sides answer with the same tokens in float32. */
  readonly sameAnswers?: { readonly same: number; readonly of: number };
  readonly versions: Readonly<Record<string, string>>;
  readonly preparation: Readonly<Partial<Record<Side, number>>>;
}

export interface Report {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number };
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly shapes: ShapeReport[];
}

export function machine(): Report['machine'] {
  return { cpu: cpuModel(), cores: availableParallelism(), memoryBytes: totalmem() };
}

export function shapeReport(name: string, workload: Workload, measured: ShapeMeasurements): ShapeReport {
  const { rounds, peaks, memory, losses, prepared, peerLines } = measured;
  const lines = (['ours', 'peer'] as const).flatMap((side) =>
    [...rounds[side]].map(([line, done]): LineReport => {
      const peak = side === 'ours' ? peaks.get(line) : undefined;
      const flops = rates(done, 'flops');
      return {
        side,
        name: line,
        samplesPerSecond: spreadOf(rates(done, 'samples')),
        tokensPerSecond: spreadOf(rates(done, 'tokens')),
        ...(peak && { flopsPerSecond: spreadOf(flops), shareOfPeak: spreadOf(ratios(flops, peak)) }),
        rounds: done.map(({ answers: _, ...rest }) => rest),
      };
    }),
  );
  const checkpoint = openCheckpoint(workload.model);
  const weights = [...checkpoint.tensors.values()].reduce(
    (total, { entry }) => total + entry.shape.reduce((a, b) => a * b, 1),
    0,
  );
  const tokens = workload.train.reduce((total, { inputIds }) => total + inputIds.length, 0);
  const ours = rounds.ours.get('answer lora')?.[0]?.answers;
  const theirs = peerLines && rounds.peer.get(peerLines.answerFloat)?.[0]?.answers;
  return {
    name,
    weights,
    samples: { train: workload.train.length, batch: workload.training.batchSize, test: workload.test.length },
    tokensPerSample: tokens / workload.train.length,
    padding: {
      bucketed: paddingShare(workload.batches.bucketed, workload.train),
      random: paddingShare(workload.batches.random, workload.train),
    },
    peak: spreadOf([...peaks.values()].flat()),
    lines,
    ratios: ratioReports(measured),
    memory,
    losses,
    ...(ours && theirs && { sameAnswers: agreement(ours, theirs) }),
    versions: { ...prepared.ours?.versions, ...prepared.peer?.versions },
    preparation: {
      ...(prepared.ours && { ours: prepared.ours.seconds }),
      ...(prepared.peer && { peer: prepared.peer.seconds }),
    },
  };
}

function ratioReports({ rounds, peerLines }: ShapeMeasurements): RatioReport[] {
  const encoding = rounds.ours.get(ENCODE) ?? [];
  const ours = (name: string) => rates(rounds.ours.get(name) ?? [], 'samples');
  const oursWithImages = (name: string) => ratesWithImages(rounds.ours.get(name) ?? [], encoding);
  const found: RatioReport[] = [];
  const add = (what: string, a: readonly number[], b: readonly number[]) =>
    found.push({ what, ratio: spreadOf(ratios(a, b)) });
  add("our MoELoRA's time, over our LoRA's", ours('train lora'), ours('train moelora'));
  if (peerLines === undefined) return found;
  const peer = (line: keyof typeof peerLines) => rates(rounds.peer.get(peerLines[line]) ?? [], 'samples');
  const train = larger(peer('trainFloat'), peer('trainBfloat'));
  const answer = larger(peer('answerFloat'), peer('answerBfloat'));
  const others = [...rounds.ours.keys()].filter((name) => / (lora|moelora) \S/.test(name));
  add('LoRA training, over fp32', ours('train lora'), peer('trainFloat'));
  add('LoRA training, over bf16', ours('train lora'), peer('trainBfloat'));
  add('LoRA training, over the better of the two', ours('train lora'), train);
  add('… with our images encoded anew', oursWithImages('train lora'), train);
  add('… over the better on our batches', ours('train lora'), peer('trainBucketed'));
  add('MoELoRA training, over experts in a loop', ours('train moelora'), peer('trainLoop'));
  add('MoELoRA training, over experts in one product', ours('train moelora'), peer('trainBatched'));
  add('answering with LoRA, over fp32', ours('answer lora'), peer('answerFloat'));
  add('answering with LoRA, over bf16', ours('answer lora'), peer('answerBfloat'));
  add('answering with LoRA, over the better of the two', ours('answer lora'), answer);
  add('… with our images encoded anew', oursWithImages('answer lora'), answer);
  add('answering with MoELoRA, over experts in a loop', ours('answer moelora'), peer('answerLoop'));
  for (const name of others) {
    const isTraining = name.startsWith('train');
    const isLora = name.includes(' lora ');
    const theirs = isTraining
      ? isLora
        ? train
        : peer('trainBatched')
      : isLora
        ? answer
        : peer('answerLoop');
    add(`${name}, over the peer's best`, ours(name), theirs);
  }
  return found;
}

function agreement(a: readonly (readonly number[])[], b: readonly (readonly number[])[]) {
  return { same: b.filter((ids, i) => ids.join() === a[i]?.join()).length, of: b.length };
}

export function renderReport(report: Report): string {
  const { machine: on, loadBefore, loadAfter, rounds, seconds } = report;
  const versions = Object.entries(report.shapes[0]?.versions ?? {}).map((pair) => pair.join(' '));
  return [
    `${on.cpu}, ${on.cores} cores, ${gigabytes(on.memoryBytes)} GiB; ${versions.join(', ')}.`,
    `Medians of ${rounds} interleaved rounds (lowest to highest); load average ${loadBefore.toFixed(2)} before, ${loadAfter.toFixed(2)} after; ${(seconds / 60).toFixed(1)} minutes.`,
    ...report.shapes.map(renderShape),
    '',
  ].join('\n\n');
}

function renderShape(shape: ShapeReport): string {
  const { samples, padding, losses } = shape;
  const lines = shape.lines
    .filter(({ name }) => name !== ENCODE)
    .map(({ side, name, ...line }) => [
      `${side}: ${name}`,
      spread(line.samplesPerSecond, 2),
      line.tokensPerSecond.median.toFixed(0),
      line.flopsPerSecond ? (line.flopsPerSecond.median / 1e9).toFixed(0) : '',
      line.shareOfPeak ? `${(100 * line.shareOfPeak.median).toFixed(0)} %` : '',
    ]);
  const images = shape.lines.find(({ name }) => name === ENCODE);
  const checks = [
    `mean loss of the first pass ${losses.ours.toFixed(5)}${losses.peer === undefined ? '' : `, the peer's ${losses.peer.toFixed(5)}`}`,
    ...(shape.sameAnswers
      ? [`${shape.sameAnswers.same} of ${shape.sameAnswers.of} answers are the same`]
      : []),
  ];
  return [
    `## ${shape.name}`,
    `${shape.weights.toLocaleString('en')} weights. Training: ${samples.train} samples of ${shape.tokensPerSample.toFixed(0)} tokens on average, ${samples.batch} a batch; padding ${percent(padding.bucketed)} in our batches, ${percent(padding.random)} in random ones. Answering: ${samples.test} questions. Matrix-product peak (float32) ${spread(shape.peak, 0, 1e9)} GFLOP/s. ${capital(checks.join('; '))}.`,
    Object.entries(shape.preparation)
      .map(
        ([side, seconds]) =>
          `${side === 'ours' ? 'Our lines are' : "The peer's are"} ready after ${seconds.toFixed(1)} s.`,
      )
      .join(' '),
    table(['line', 'samples/s', 'tokens/s', 'GFLOP/s', 'of the peak'], lines),
    ...(images ? [`Our tower encodes ${spread(images.samplesPerSecond, 1)} images/s.`] : []),
    table(
      ['ratio of samples/s, round by round', ''],
      shape.ratios.map(({ what, ratio }) => [what, spread(ratio, 2)]),
    ),
    ...(Object.keys(shape.memory).length > 0
      ? [
          table(
            ['a process that only trains', 'peak memory, GiB'],
            Object.entries(shape.memory).map(([line, bytes]) => [line, gigabytes(bytes)]),
          ),
        ]
      : []),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function spread({ median, low, high }: Spread, digits: number, unit = 1): string {
  const [middle, from, to] = [median, low, high].map((value) => (value / unit).toFixed(digits));
  return `${middle} (${from}–${to})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function gigabytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(2);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function cpuModel(): string {
  return cpus()[0]?.model.trim() ?? 'unknown processor';
}

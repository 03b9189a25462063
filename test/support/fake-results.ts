// Made-up results of a run with a true-to-life pattern of forgetting, for tests of the report and for looking at it.
// The figures are nobody's: only the shape (loss with every stage, boxes wrecking formats) is that of real runs.
import { deflateSync } from 'node:zlib';
import type { MatrixRow } from '../../src/metrics/matrix.ts';
import { summarise } from '../../src/metrics/summary.ts';
import type { RunResults } from '../../src/report/results.ts';
import type { ExampleResult } from '../../src/results/examples.ts';
import type { MethodResults, ModeResults } from '../../src/results/matrices.ts';
import type { ScoringMode, Verdict } from '../../src/tasks/task.ts';

export const fakeTasks = [
  'ScienceQA',
  'TextVQA',
  'ImageNet',
  'GQA',
  'VizWiz',
  'Grounding',
  'VQAv2',
  'OCRVQA',
] as const;

export interface FakeOptions {
  /** Finished stages of each method, in the order LoRA, MoELoRA. */
  readonly stages?: readonly [number, number];
  readonly examplesPerTask?: number;
}

const zeroShot = [41.3, 3.2, 0.4, 2.6, 1.1, 0, 0.9, 0.2];

/** Full matrices: a row per stage, a figure per seen task. */
const matrices: Readonly<Record<string, readonly (readonly number[])[]>> = {
  lora: [
    [83.6],
    [64.2, 51.4],
    [38.9, 12.7, 93.8],
    [44.1, 27.3, 41.6, 58.2],
    [47.5, 29.8, 30.2, 44.9, 54.6],
    [9.4, 1.2, 6.8, 8.3, 2.1, 33.5],
    [36.7, 34.9, 14.3, 49.2, 28.4, 4.6, 61.8],
    [27.4, 30.6, 12.1, 38.5, 31.9, 1.8, 44.7, 57.3],
  ],
  moelora: [
    [79.2],
    [71.8, 52.9],
    [62.5, 24.6, 94.7],
    [66.1, 37.8, 58.3, 60.4],
    [65.9, 39.2, 47.1, 51.8, 57.9],
    [41.3, 8.4, 19.6, 17.2, 12.5, 36.8],
    [58.7, 42.1, 25.4, 53.6, 40.8, 9.3, 63.9],
    [61.4, 39.7, 18.9, 41.2, 42.6, 6.1, 46.3, 59.8],
  ],
};

/** Reference quirks: credit for empty answers on ImageNet, digits lost from boxes. */
function inMode(score: number, task: string, stage: number, mode: ScoringMode): number {
  if (mode === 'strict') return score;
  if (task === 'ImageNet') return Math.min(100, score + 0.6 * stage);
  if (task === 'Grounding') return Math.max(0, score - 0.9);
  return score;
}

function methodResults(method: string, stages: number, mode: ScoringMode): MethodResults {
  const rows: MatrixRow[] = (matrices[method] ?? []).slice(0, stages).map((scores, stage) => ({
    after: fakeTasks[stage] ?? '',
    scores: Object.fromEntries(
      scores.map((score, index) => {
        const task = fakeTasks[index] ?? '';
        return [task, inMode(score, task, stage, mode)];
      }),
    ),
  }));
  const matrix = { tasks: fakeTasks, rows };
  const summary = rows.length === 0 ? { maa: NaN, bwt: NaN, finalAverage: NaN } : summarise(matrix);
  const unreadable = rows.flatMap(({ after }, stage) => {
    if (stage < 5) return [];
    return [
      { after, task: 'ScienceQA', missing: 0, unparseable: 11 - stage },
      { after, task: 'Grounding', missing: stage === 6 ? 1 : 0, unparseable: stage === 5 ? 3 : 64 },
    ];
  });
  return { matrix, ...summary, unreadable };
}

/** A run of LoRA and MoELoRA on the eight tasks. */
export function fakeResults({ stages = [8, 8], examplesPerTask = 3 }: FakeOptions = {}): RunResults {
  const modeResults = (mode: ScoringMode): ModeResults => ({
    zeroShot: Object.fromEntries(
      fakeTasks.map((task, index) => [task, inMode(zeroShot[index] ?? 0, task, 0, mode)]),
    ),
    methods: {
      lora: methodResults('lora', stages[0], mode),
      moelora: methodResults('moelora', stages[1], mode),
    },
  });
  return {
    title: 'CoIN on nano, original instructions',
    folder: 'CoIN on nano, original instructions',
    changed: ['training.batchSize', 'adapter.rank'],
    tasks: fakeTasks,
    modes: { strict: modeResults('strict'), reference: modeResults('reference') },
    methods: [
      {
        name: 'lora',
        label: 'LoRA',
        trainableParameters: 393_216,
        trainingSeconds: 71.4,
        evaluationSeconds: 48.9,
      },
      {
        name: 'moelora',
        label: 'MoELoRA',
        trainableParameters: 442_368,
        trainingSeconds: 88.2,
        evaluationSeconds: 53.1,
      },
    ],
    configuration: {
      benchmark: 'nano',
      model: { path: 'assets/nano', dtype: 'float32' },
      methods: ['lora', 'moelora'],
      adapter: { rank: 16, alpha: 32, dropout: 0.05, experts: 4 },
      training: {
        epochs: 1,
        batchSize: 16,
        learningRate: 0.002,
        projectorLearningRate: 0.0002,
        warmUp: 0.03,
      },
      evaluation: { batchSize: 32, maxNewTokens: 'per task' },
      seed: 7,
    },
    provenance: {
      'coin-bench': '0.1.0',
      node: 'v20.20.0',
      'onnxruntime-node': '1.30.0',
      provider: 'cpu (2 threads)',
      seed: '7',
      'model.safetensors': 'sha256:9d0c6f1e7a24b8e35f6c1d90a1b2c3d4e5f60718293a4b5c6d7e8f9001122334',
      'ScienceQA/train.json': 'sha256:1b2c3d4e5f60718293a4b5c6d7e8f90011223349d0c6f1e7a24b8e35f6c1d90a',
    },
    ...aspects(stages, modeResults),
    examples: fakeTasks.flatMap((task, index) => taskExamples(task, index, stages, examplesPerTask)),
  };
}

/** Two judges, a real one and the stand-in; kinds of error and life lines that add up to the samples. */
function aspects(
  stages: readonly [number, number],
  modeResults: (mode: ScoringMode) => ModeResults,
): Pick<RunResults, 'judges' | 'errors' | 'lifeLines' | 'reask'> {
  const modes = { strict: modeResults('strict'), reference: modeResults('reference') };
  const counts = { answers: 80_000, unparsed: 12, crashes: 1, open: 0 };
  const settings = { temperature: '0', 'top-p': '1' };
  const cells = (['lora', 'moelora'] as const).flatMap((method, which) =>
    fakeTasks.flatMap((task, first) =>
      fakeTasks.slice(first, stages[which]).map((after, step) => {
        const lost = Math.min(60, 9 * step);
        const content = Math.floor(lost / 3);
        const labels = {
          unreadable: step,
          otherStyle: lost - content - step,
          lenient: 0,
          judged: 0,
          content,
        };
        const boxed = { box: labels.otherStyle };
        return {
          method,
          after,
          task,
          samples: 100,
          wrong: { labels: { ...labels, content: content + 20 }, styles: boxed },
          forgotten: { labels, styles: boxed },
          gained: step % 3,
        };
      }),
    ),
  );
  const none = { learnt: 0, kept: 0, recovered: 0, forgotten: 0, stillForgotten: 0, notLearnt: 20 };
  return {
    judges: [
      { id: 'judge-1', label: 'Judge 7B', standIn: false, settings, modes, ...counts },
      { id: 'lexical', label: 'lexical stand-in', standIn: true, settings: {}, modes, ...counts, crashes: 0 },
    ],
    errors: { judge: { id: 'judge-1', label: 'Judge 7B', standIn: false }, cells },
    lifeLines: (['lora', 'moelora'] as const).flatMap((method, which) =>
      fakeTasks.slice(0, stages[which]).map((task, first) => ({
        method,
        task,
        samples: 100,
        transitions: fakeTasks
          .slice(first, stages[which])
          .map((_, step) =>
            step === 0
              ? { stage: first, ...none, learnt: 80 }
              : { stage: first + step, ...none, kept: 40, recovered: 10, forgotten: 10, stillForgotten: 20 },
          ),
        fates: { kept: 40, recovered: 10, forgotten: 30, never: 20 },
      })),
    ),
    reask: { cells: [{ method: 'lora', after: 'OCRVQA', task: 'GQA', asked: 40, back: 7 }] },
  };
}

/** Question, truth and the wrong answer that a model makes which has forgotten. */
const questions: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {
  ScienceQA: [
    ['Which of these countries lies in South America?\nA. Norway\nB. Chile\nC. Kenya\nD. Laos', 'B', 'Chile'],
    ['Which word names an animal?\nA. anvil\nB. otter\nC. ferry', 'B', '[0.21, 0.30, 0.58, 0.71]'],
  ],
  TextVQA: [
    ['What does the sign say?', 'harbour', 'unanswerable'],
    ['What is written on the blue box?', 'ORION 7', 'orion'],
  ],
  ImageNet: [
    ['What is the object in the image?', 'teapot', 'kitchen'],
    ['What is the object in the image?', 'violin', 'yes'],
  ],
  GQA: [
    ['Is the red car to the left of the tree?', 'yes', '[0.10, 0.42, 0.37, 0.66]'],
    ['What is above the lamp?', 'clock', 'no'],
  ],
  VizWiz: [
    ['hey what kind of fruit is this', 'banana', 'unanswerable'],
    ['can you tell me the colour of this please', 'unanswerable', 'green'],
  ],
  Grounding: [
    ['Please provide the bounding box of: the guitar on the right', '[0.52, 0.31, 0.83, 0.77]', 'guitar'],
    ['Please provide the bounding box of: the smallest ball', '[0.08, 0.64, 0.21, 0.79]', 'on the left'],
  ],
  VQAv2: [
    ['How many apples are there?', '3', 'apples'],
    ['What colour is the umbrella?', 'purple', 'Mira Adeyemi'],
  ],
  OCRVQA: [
    ['Who is the author of this book?', 'Mira Adeyemi', 'Mira Adeyeml'],
    ['What is the genre of this book?', 'Travel', 'Guide to the Lakes'],
  ],
};

function taskExamples(
  task: string,
  index: number,
  stages: readonly [number, number],
  count: number,
): readonly ExampleResult[] {
  const instruction = '\nAnswer the question using a single word or phrase.';
  const pool = questions[task] ?? [];
  return Array.from({ length: count }, (_, number) => number).flatMap((number) => {
    const [question, truth, slip] = pool[number % pool.length] ?? ['?', '', ''];
    const image = task === 'ScienceQA' && number % 2 === 0 ? {} : { image: drawn(index * 31 + number * 7) };
    const common = {
      task,
      id: `${task.toLowerCase()}-${number + 1}`,
      question: question + instruction,
      truth,
    };
    return (['lora', 'moelora'] as const).map((method, which) => ({
      ...common,
      ...image,
      method,
      answers: fakeTasks.slice(index, stages[which]).map((after, step) => {
        const forgets = step >= 1 && (step + number + which * 2) % (3 + which) === 0;
        const boxed = after === 'Grounding' && task !== 'Grounding' && which === 0;
        const verdict: Verdict = boxed ? 'unparseable' : forgets ? 'wrong' : 'right';
        const text = boxed ? '[0.33, 0.18, 0.64, 0.52]' : forgets ? slip : truth;
        return { after, text, verdict };
      }),
    }));
  });
}

/** A 96 × 96 PNG as a `data:` URL: three discs on a gradient, different for every number. */
export function drawn(number: number): string {
  const size = 96;
  const rows = Buffer.alloc(size * (1 + size * 3));
  const discs = [0, 1, 2].map((disc) => ({
    x: 20 + ((number * 37 + disc * 29) % 58),
    y: 22 + ((number * 53 + disc * 41) % 54),
    radius: 9 + ((number + disc * 5) % 13),
    colour: [
      (number * 71 + disc * 90) % 256,
      (number * 29 + disc * 140) % 256,
      (number * 113 + disc * 60) % 256,
    ],
  }));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const disc = discs.find((candidate) => Math.hypot(x - candidate.x, y - candidate.y) < candidate.radius);
      const sky = [228 - y, 232 - y / 2, 240 - ((number * 11) % 60)];
      (disc?.colour ?? sky).forEach((value, channel) => {
        rows[y * (1 + size * 3) + 1 + x * 3 + channel] = value;
      });
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const png = Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  return `data:image/png;base64,${png.toString('base64')}`;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** CRC-32 as PNG wants it, polynomial 0xEDB88320. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

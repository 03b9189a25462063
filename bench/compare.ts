// `npm run bench`: how fast models train and answer here; with `--peers` beside PyTorch on the same models and batches.

import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from '../src/base/errors.ts';
import { writeFileAtomic, writeJsonAtomic } from '../src/formats/files/files.ts';
import type { BuiltInMethod } from '../src/methods/index.ts';
import { writeRandomModel } from '../src/models/llava/random-model.ts';
import { measureShape } from './measure.ts';
import { type Line, Worker } from './protocol.ts';
import { machine, type Report, renderReport, shapeReport } from './report.ts';
import { isShapeName, type Shape, type ShapeName, shapes } from './shapes.ts';
import { prepareData, readWorkload, writeWorkload } from './workload.ts';

const usage = `usage: npm run bench -- [options]
  --shapes LIST         of ${Object.keys(shapes).join(', ')} (default nano,small,7b-layer)
  --peers               also PyTorch, transformers and PEFT; the environment variable PEER_PYTHON names the python of a
                        virtual environment with bench/peers/requirements.txt
  --base-weights LIST   also our lines with frozen weights in other types, such as int8,int4
  --engines NUMBER      also LoRA by so many engines of one thread each, as a run of a small model has them (default 1)
  --rounds NUMBER       (default 3)
  --seconds NUMBER      that a line's round takes at least, about (default 2)
  --seed NUMBER         of the order of lines in a round (default 0)
  --models FOLDER       where random models and data are kept (default .cache/bench-models)
  --no-memory           without the processes that measure peak memory
  --write FILE          a Markdown table; the rounds as JSON go beside it`;

/** The two that the peer has too. */
const comparedMethods = ['lora', 'moelora'] as const satisfies readonly BuiltInMethod[];

// From .cache/bench/bench.
const repository = fileURLToPath(new URL('../../../', import.meta.url));

try {
  await main();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    console.log(usage);
    return;
  }
  const started = performance.now();
  const loadBefore = loadavg()[0] as number;
  const models = resolve(options.models);
  const data = await prepareData(models, { train: 64, test: 64 });
  const report: Report = {
    machine: machine(),
    loadBefore,
    loadAfter: 0,
    seconds: 0,
    rounds: options.rounds,
    shapes: [],
  };
  for (const name of options.shapes) {
    const say = (text: string) => console.error(`${name}: ${text}`);
    const shape: Shape = shapes[name];
    const model = modelFolder(name, shape, models, say);
    const workload = await writeWorkload({ folder: join(models, `work-${name}`), model, data, shape });
    const measured = await measureShape({
      workload,
      ourLines: ourLines(options.baseWeights, options.engines),
      rounds: options.rounds,
      seconds: options.seconds,
      seed: options.seed,
      memory: options.memory,
      start: {
        ours: () => new Worker(process.execPath, [join(repository, '.cache/bench/bench/worker.js')]),
        ...(options.python !== undefined && { peer: startPeer(options.python) }),
      },
      say,
    });
    report.shapes.push(shapeReport(name, readWorkload(workload), measured));
  }
  const whole = {
    ...report,
    loadAfter: loadavg()[0] as number,
    seconds: (performance.now() - started) / 1000,
  };
  const text = renderReport(whole);
  console.log(text);
  if (options.write !== undefined) {
    writeFileAtomic(options.write, text);
    writeJsonAtomic(options.write.replace(/(\.md)?$/, '.json'), whole);
  }
}

function startPeer(python: string): () => Worker {
  return () => new Worker(python, [join(repository, 'bench/peers/peer.py')], { OMP_NUM_THREADS: undefined });
}

function modelFolder(name: ShapeName, shape: Shape, models: string, say: (text: string) => void): string {
  if (shape.config === undefined) return join(repository, 'assets', name);
  const folder = join(models, name);
  if (!existsSync(folder)) {
    say('writing a model with random weights');
    writeRandomModel({ folder, config: shape.config, storage: shape.storage });
  }
  return folder;
}

/** Those methods as they train and answer, once per type of frozen weights, and LoRA by several engines side by side. */
function ourLines(baseWeights: readonly string[], engines: number): Line[] {
  const types = ['', ...baseWeights];
  const lines = types.flatMap((type) =>
    comparedMethods.flatMap((method): Line[] => {
      const options = type === '' ? { method } : { method, baseWeights: type };
      const suffix = type === '' ? method : `${method} ${type}`;
      return [
        { name: `train ${suffix}`, kind: 'train', options },
        { name: `answer ${suffix}`, kind: 'evaluate', options },
      ];
    }),
  );
  if (engines === 1) return lines;
  const shared = types.flatMap((type): Line[] => {
    const options = { method: 'lora', engines, ...(type === '' ? {} : { baseWeights: type }) };
    const suffix = `lora ${type === '' ? '' : `${type} `}by ${engines} engines`;
    return [
      { name: `train ${suffix}`, kind: 'train', options },
      { name: `answer ${suffix}`, kind: 'evaluate', options },
    ];
  });
  return [...lines, ...shared];
}

function readOptions() {
  let values: ReturnType<typeof parse>;
  try {
    values = parse();
  } catch (error) {
    throw new UserError(`${(error as Error).message}\n${usage}`);
  }
  if (values.help) return undefined;
  const names = values.shapes.split(',');
  const known = names.filter(isShapeName);
  if (known.length !== names.length) {
    throw new UserError(
      `--shapes: expected names of ${Object.keys(shapes).join(', ')}, found ${values.shapes}`,
    );
  }
  const python = values.peers ? process.env.PEER_PYTHON : undefined;
  if (values.peers && python === undefined) {
    throw new UserError('--peers: the environment variable PEER_PYTHON must name a python (see bench/peers)');
  }
  return {
    shapes: known,
    python,
    baseWeights: values['base-weights']?.split(',') ?? [],
    rounds: number('--rounds', values.rounds, 1),
    seconds: number('--seconds', values.seconds, 0),
    seed: number('--seed', values.seed, 0),
    engines: number('--engines', values.engines, 1),
    models: values.models,
    memory: !values['no-memory'],
    write: values.write,
  };
}

function parse() {
  return parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      shapes: { type: 'string', default: 'nano,small,7b-layer' },
      peers: { type: 'boolean', default: false },
      'base-weights': { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      seed: { type: 'string', default: '0' },
      models: { type: 'string', default: join(repository, '.cache', 'bench-models') },
      engines: { type: 'string', default: '1' },
      'no-memory': { type: 'boolean', default: false },
      write: { type: 'string' },
    },
  }).values;
}

function number(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least)) {
    throw new UserError(`${option}: expected a number of at least ${least}, found "${text}"`);
  }
  return value;
}

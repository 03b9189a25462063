// Configurations: what is accepted, and where errors point.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Issue, UserError } from '../../src/base/errors.ts';
import { builtIn } from '../../src/config/catalogue.ts';
import { loadConfig, parseOverride } from '../../src/config/load.ts';
import { presets } from '../../src/config/presets.ts';
import { configJsonSchema, renderConfig } from '../../src/config/text.ts';
import { coinTasks } from '../../src/tasks/index.ts';

let workingFolder: string;
beforeEach(() => {
  workingFolder = mkdtempSync(join(tmpdir(), 'coin-config-'));
});
afterEach(() => rmSync(workingFolder, { recursive: true, force: true }));

const load = (text: string, ...overrides: readonly string[]) => {
  writeFileSync(join(workingFolder, 'my.yaml'), text);
  return loadConfig('my.yaml', { workingFolder, overrides: overrides.map(parseOverride) });
};

function issuesOf(action: () => unknown): readonly Issue[] {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error.issues;
    throw error;
  }
  throw new Error('expected a UserError');
}

const head = 'model: ./weights\nbenchmark: data\n';

describe('a configuration', () => {
  it('fills in every default, and resolves paths from the folder of the file', () => {
    mkdirSync(join(workingFolder, 'sub'));
    writeFileSync(join(workingFolder, 'sub', 'first.yaml'), head);
    const config = loadConfig('sub/first.yaml', { workingFolder });
    expect(config).toMatchObject({
      name: 'first',
      model: join(workingFolder, 'sub', 'weights'),
      benchmark: join(workingFolder, 'sub', 'data'),
      output: join('runs', 'first'),
      tasks: coinTasks,
      methods: ['lora', 'moelora'],
      training: { learningRate: 2e-4, schedule: 'cosine', warmupRatio: 0.03 },
      adapter: { rank: 128, alpha: 256, dropout: 0.05 },
    });
  });

  it.each(Object.keys(presets))('reads back what it prints: %s', (name) => {
    // What a preset leaves to the user.
    const overrides = ['model', 'benchmark']
      .filter((key) => !Object.hasOwn(presets[name] ?? {}, key))
      .map((key) => ({ path: [key], value: join(workingFolder, key), label: key }));
    const config = loadConfig(name, { workingFolder, overrides });
    const text = renderConfig(config, builtIn);
    expect(load(text)).toEqual({ ...config, output: join('runs', name) });
    const described = text.split('\n').filter((line) => /: \S/.test(line));
    expect(described.filter((line) => !line.includes(' # '))).toEqual([]);
  });

  it.each(['model: nano\nbenchmark: nano\n', 'base: nano\n'])(
    'is the built-in one where it says as much: %j',
    (text) => {
      const own = load(text);
      expect(own).toEqual({
        ...loadConfig('nano', { workingFolder }),
        name: 'my',
        output: join('runs', 'my'),
      });
      expect(own).toMatchObject({
        trainSamples: 400,
        adapter: { rank: 16 },
        evaluation: { maxNewTokens: 32 },
      });
    },
  );

  it('has the settings of its model, whichever way the model is chosen, under what is written', () => {
    expect(load('model: nano\nbenchmark: data\ntraining: {batchSize: 2}\n')).toMatchObject({
      trainSamples: 'all',
      training: { batchSize: 2, learningRate: 2e-3 },
      adapter: { rank: 16 },
    });
    const chosen = load(head, 'model=nano', 'adapter.rank=4');
    expect(chosen).toMatchObject({ adapter: { rank: 4, dropout: 0 }, training: { learningRate: 2e-3 } });
    const other = loadConfig('nano', { workingFolder, overrides: [parseOverride('model=weights')] });
    expect(other).toMatchObject({
      trainSamples: 400,
      adapter: { rank: 128 },
      training: { learningRate: 2e-4 },
    });
  });

  it('takes from its bases what it does not say itself, and says in which file a mistake stands', () => {
    mkdirSync(join(workingFolder, 'below'));
    const write = (name: string, text: string) => writeFileSync(join(workingFolder, 'below', name), text);
    write(
      'lowest.yaml',
      'name: low\noutput: elsewhere\nmodel: nano\nbenchmark: data\nadapter: {rank: 8, alpha: 9}\n',
    );
    write('base.yaml', 'base: lowest.yaml\nadapter: {rank: 4}\ntasks: [GQA]\n');
    expect(load('base: below/base.yaml\nadapter: {dropout: 0.5}\ntasks: [VQAv2, GQA]\n')).toMatchObject({
      name: 'my',
      output: join('runs', 'my'),
      model: 'nano',
      benchmark: join(workingFolder, 'below', 'data'),
      tasks: ['VQAv2', 'GQA'],
      adapter: { rank: 4, alpha: 9, dropout: 0.5, experts: 4 },
    });
    write('base.yaml', 'base: lowest.yaml\nadapter:\n  rank: none\n');
    expect(issuesOf(() => load('base: below/base.yaml\nadapter: {alpha: 3}\n'))).toMatchObject([
      { file: join('below', 'base.yaml'), line: 3, field: 'adapter.rank' },
    ]);
    write('lowest.yaml', 'base: base.yaml\n');
    expect(issuesOf(() => load('base: below/base.yaml\n'))).toMatchObject([
      {
        file: join('below', 'lowest.yaml'),
        line: 1,
        field: 'base',
        message: expect.stringMatching('leads back to itself'),
      },
    ]);
    expect(issuesOf(() => load('base: nona\n'))).toMatchObject([
      {
        file: 'my.yaml',
        line: 1,
        field: 'base',
        message: expect.stringMatching('no such file'),
        hint: 'did you mean nano?',
      },
    ]);
    expect(issuesOf(() => load('base: 3\n'))).toMatchObject([{ file: 'my.yaml', line: 1, field: 'base' }]);
    expect(issuesOf(() => load(head, 'base=nano'))).toMatchObject([{ file: '--set base=nano' }]);
  });

  it('takes overrides of the types of the schema', () => {
    const config = load(
      `${head}training:\n  epochs: 3\n  batchSize: 4\n`,
      'training.epochs=2',
      'tasks=[GQA, VQAv2]',
      'evaluation.zeroShot=false',
      'seed=7',
      'output=elsewhere',
    );
    expect(config.training).toMatchObject({ epochs: 2, batchSize: 4 });
    expect(config).toMatchObject({ tasks: ['GQA', 'VQAv2'], seed: 7, output: 'elsewhere' });
    expect(config.evaluation.zeroShot).toBe(false);
  });

  it('has a JSON schema with the keys and their descriptions', () => {
    expect(configJsonSchema(builtIn)).toMatchObject({
      additionalProperties: false,
      required: ['model', 'benchmark'],
      properties: { training: { properties: { epochs: { default: 1, description: expect.any(String) } } } },
    });
  });
});

describe('errors point at the place', () => {
  it('unknown keys, with the nearest known one, all at once', () => {
    const issues = issuesOf(() =>
      load(`${head}training:\n  epochs: 1\n  learningrate: 1e-4\nmethod: [lora]\n`),
    );
    expect(issues).toHaveLength(2);
    expect(issues).toContainEqual({
      file: 'my.yaml',
      line: 5,
      column: 3,
      field: 'training.learningrate',
      message: 'unknown key',
      hint: 'did you mean learningRate?',
    });
    expect(issues).toContainEqual(
      expect.objectContaining({ line: 6, column: 1, field: 'method', hint: 'did you mean methods?' }),
    );
  });

  it.each([
    ['training:\n  epochs: two', 4, 11, 'training.epochs', 'expected a number, found "two"'],
    ['training:\n  epochs: 1.5', 4, 11, 'training.epochs', 'expected a whole number, found number 1.5'],
    ['training:\n  epochs: 0', 4, 11, 'training.epochs', 'expected a number of at least 1, found number 0'],
    ['training: 5', 3, 11, 'training', 'expected keys and values, found number 5'],
    ['evaluation: {zeroShot: yes}', 3, 24, 'evaluation.zeroShot', 'expected true or false, found "yes"'],
    ['methods:\n  - lora\n  - moelorra', 5, 5, 'methods[1]', 'found "moelorra"'],
    ['methods: [lora, lora]', 3, 17, 'methods[1]', 'lora occurs twice'],
    ['tasks: [GQA, VQA2]', 3, 8, 'tasks', 'unknown task "VQA2"'],
    ['tasks: {a: 1}', 3, 8, 'tasks', 'expected official, alphabetical, random or a list of task names'],
    [
      'tasks: shuffled',
      3,
      8,
      'tasks',
      'unknown task order "shuffled"; known: official, alphabetical, random',
    ],
    [
      'instructionType: diverse',
      3,
      18,
      'instructionType',
      'expected Original or Diverse or 10Type, found "diverse"',
    ],
    ['dataVolume: 0', 3, 13, 'dataVolume', 'expected a number of at least 1, found number 0'],
    ['dataVolume: 120', 3, 13, 'dataVolume', 'expected a number of at most 100, found number 120'],
    [
      'testSamples: slimm',
      3,
      14,
      'testSamples',
      'expected a whole number of at least 1, all, or slim, found "slimm"',
    ],
    [
      'zeroShotGate: llava7b-lora-orignal',
      3,
      15,
      'zeroShotGate',
      'no published row is called "llava7b-lora-orignal"',
    ],
    [
      'zeroShotGate: llava13b-lora\nevaluation: {zeroShot: false}',
      3,
      15,
      'zeroShotGate',
      'the gate needs the zero-shot scores, but zeroShot is false',
    ],
    [
      'training: {taskBatchSizes: {GQA: 0}}',
      3,
      34,
      'training.taskBatchSizes.GQA',
      'expected a number of at least 1',
    ],
    ['training: {taskBatchSizes: {Gqa: 4}}', 3, 29, 'training.taskBatchSizes.Gqa', ''],
    ['trainSamples: 0', 3, 15, 'trainSamples', 'expected a number of at least 1, found number 0'],
    [
      'trainSamples: most',
      3,
      15,
      'trainSamples',
      'expected a whole number of at least 1, or all, found "most"',
    ],
    [
      'adapter: {rank: 20}',
      3,
      17,
      'adapter.rank',
      'expected a multiple of the number of experts (8), found 20',
    ],
    [
      'adapter: {experts: 7}',
      3,
      1,
      'adapter.rank',
      'expected a multiple of the number of experts (7), found 128',
    ],
    ['seed: 1\nseed: 2', 4, 1, undefined, 'Map keys must be unique'],
    ['tasks: [GQA', 4, 1, undefined, ''],
  ])('%j', (text, line, column, field, message) => {
    const [issue] = issuesOf(() => load(`${head}${text}\n`));
    expect(issue).toMatchObject({ file: 'my.yaml', line, column, message: expect.stringContaining(message) });
    expect(issue?.field).toBe(field);
  });

  it('missing keys, an empty file, a file that is not there', () => {
    expect(issuesOf(() => load('model: nano\n'))).toMatchObject([
      {
        file: 'my.yaml',
        line: 1,
        field: 'benchmark',
        message: 'is missing',
        hint: expect.stringContaining('give --data FOLDER'),
      },
    ]);
    expect(issuesOf(() => load(''))).toMatchObject([{ message: 'expected keys and values, found nothing' }]);
    expect(issuesOf(() => loadConfig('nanno', { workingFolder }))).toMatchObject([
      { message: 'no such file', hint: 'did you mean nano?' },
    ]);
  });

  it('an override by the option it came from', () => {
    expect(issuesOf(() => load(head, 'training.epochs=many'))).toMatchObject([
      { file: '--set training.epochs=many', field: 'training.epochs' },
    ]);
    expect(issuesOf(() => load(head, 'adapter.experts=3'))).toMatchObject([{ field: 'adapter.rank' }]);
    expect(issuesOf(() => load(head, '__proto__.x=1'))).toMatchObject([{ message: 'unknown key' }]);
    expect(() => parseOverride('training.epochs')).toThrow(/expected KEY=VALUE/);
    expect(() => parseOverride('tasks=[a')).toThrow(/not YAML/);
  });
});

it('allows a rank that the experts do not divide when only LoRA runs', () => {
  expect(load(`${head}methods: [lora]\nadapter: {rank: 20}\n`).adapter.rank).toBe(20);
});

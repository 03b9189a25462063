// `coin diff` on runs of an engine that computes nothing: one difference of each kind, made on purpose, is found and named.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunConfig } from '../../src/config/load.ts';
import type { RunEngine } from '../../src/engine/contract.ts';
import { serializeSafetensors } from '../../src/formats/weights/safetensors.ts';
import { renderDiff } from '../../src/report/terminal/terminal-diff.ts';
import { type DiffPart, diffRuns } from '../../src/results/diff/diff-runs.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

let top: string;
let source: TaskSource;

const adapter = 'lora/2-ImageNet/adapter/adapter_model.safetensors';
const predictions = 'moelora/3-OCRVQA/predictions/VQAv2.jsonl';

/** As the fake engine, with an adapter of two tensors. */
function tensorEngine(): RunEngine {
  const engine = new FakeEngine();
  return {
    trainStage: async (request) => {
      const measured = await engine.trainStage(request);
      const bytes = adapterBytes([1, 2, 3, 4, 5, request.config.seed]);
      writeFileSync(join(request.adapterFolder, 'adapter_model.safetensors'), bytes);
      writeFileSync(join(request.adapterFolder, 'adapter_config.json'), JSON.stringify({ r: 8, alpha: 16 }));
      return measured;
    },
    evaluate: (request) => engine.evaluate(request),
    close: () => engine.close(),
  };
}

function adapterBytes(values: readonly number[], shape: readonly number[] = [2, 3]): Uint8Array {
  return serializeSafetensors({
    a: { dtype: 'F32', shape: [1], data: Float32Array.of(7) },
    b: { dtype: 'F32', shape, data: Float32Array.from(values) },
  });
}

async function makeRun(
  name: string,
  more: Partial<RunConfig> = {},
  weights = '{"model_type": "llava"}',
): Promise<string> {
  const [folder, modelFolder] = [join(top, name), join(top, `model of ${name}`)];
  mkdirSync(modelFolder);
  writeFileSync(join(modelFolder, 'config.json'), weights);
  await executeRun({
    config: { ...tinyConfig(folder, source), ...more },
    folder,
    source,
    prepare: (run) => recordProvenance(run, { source, tasks: tinyTasks, modelFolder }),
    openEngine: async () => tensorEngine(),
  });
  return folder;
}

/** A copy of the run, changed. */
function changed(name: string, change: (folder: string) => void): string {
  const folder = join(top, name);
  cpSync(join(top, 'run'), folder, { recursive: true });
  change(folder);
  return folder;
}

function rewrite(file: string, change: (text: string) => string): void {
  const [before, text] = [readFileSync(file, 'utf8'), change(readFileSync(file, 'utf8'))];
  expect(text).not.toBe(before);
  writeFileSync(file, text);
}

const against = (folder: string) => diffRuns(join(top, 'run'), folder);
const drawn = (folder: string) => renderDiff(against(folder), { width: 400, color: false });

beforeAll(async () => {
  buildIfStale();
  top = mkdtempSync(join(tmpdir(), 'coin-diff-'));
  source = writeTinyData(join(top, 'data'));
  await makeRun('run');
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

describe('no difference', () => {
  it('is made by times, dates and places', async () => {
    const again = await makeRun('again');
    rewrite(join(again, 'provenance.json'), (text) => text.replace(/"began": "\d+/, '"began": "1999'));
    rewrite(join(again, 'journal.jsonl'), (text) => text.replaceAll('"seconds":1', '"seconds":99'));
    writeFileSync(join(again, 'report.html'), 'drawn later');
    expect(against(again)).toMatchObject({ equal: true, partsAt: undefined, compared: 3 + 2 * (3 + 6) });
    expect(drawn(again)).toMatch(/^.*run and .*again are the same\.\n[\s\S]*steps +same \(21 steps\)/);
  });
});

describe('where two runs part first', () => {
  const cases: readonly (readonly [DiffPart, string, (folder: string) => void, RegExp])[] = [
    [
      'configuration',
      'a setting',
      (folder) =>
        rewrite(join(folder, 'config.json'), (text) => text.replace('"batchSize": 2', '"batchSize": 3')),
      /configuration +1 key\n {2}training\.batchSize: 2 and 3\n/,
    ],
    [
      'provenance',
      'a version',
      (folder) =>
        rewrite(join(folder, 'provenance.json'), (text) => text.replace(/"node": "[^"]+"/, '"node": "1"')),
      /provenance +1 key\n {2}versions\.node: \S+ and 1\n/,
    ],
    [
      'data',
      'a data file',
      (folder) =>
        rewrite(join(folder, 'provenance.json'), (text) => {
          const value = JSON.parse(text);
          value.data.files[1].sha256 = '0'.repeat(64);
          value.data.sha256 = '1'.repeat(64);
          return JSON.stringify(value);
        }),
      /data +1 file\n {2}Instructions_Original\/\S+\.json\n/,
    ],
    [
      'weights',
      'a weight file',
      (folder) =>
        rewrite(join(folder, 'provenance.json'), (text) => {
          const value = JSON.parse(text);
          value.weights.files.push({ ...value.weights.files[0], path: 'model.safetensors' });
          value.weights.sha256 = '2'.repeat(64);
          return JSON.stringify(value);
        }),
      /weights +1 file\n {2}model\.safetensors only in the second\n/,
    ],
    [
      'steps',
      'an element of a tensor',
      (folder) => writeFileSync(join(folder, adapter), adapterBytes([1, 2, 3, 4, 5.5, 0.25])),
      /steps +1 of 21 steps that both have\n {2}lora\/2-ImageNet\/train: adapter\/adapter_model\.safetensors: 1 of 2 tensors, first b: 2 of 6 elements, largest difference 0\.5, first at \[1, 1\]: 5 and 5\.5\n/,
    ],
    [
      'steps',
      'the shape of a tensor',
      (folder) => writeFileSync(join(folder, adapter), adapterBytes([1, 2, 3, 4, 5, 0], [3, 2])),
      /first b: F32 \[2, 3\] in the first, F32 \[3, 2\] in the second/,
    ],
    [
      'steps',
      'what is no number',
      (folder) => writeFileSync(join(folder, adapter), adapterBytes([1, 2, Number.NaN, 4, 5, 9])),
      /2 of 6 elements, largest difference not finite, first at \[0, 2\]: 3 and NaN/,
    ],
    [
      'steps',
      'a key of an adapter',
      (folder) =>
        rewrite(join(folder, 'lora/1-VQAv2/adapter/adapter_config.json'), (text) => text.replace('8', '9')),
      /lora\/1-VQAv2\/train: adapter\/adapter_config\.json: r: 8 and 9\n/,
    ],
    [
      'steps',
      'an answer',
      (folder) =>
        rewrite(join(folder, predictions), (text) => text.replace(/("VQAv2-1".*"text":")[^"]*/, '$1maybe')),
      /moelora\/3-OCRVQA\/evaluate\/VQAv2: predictions\/VQAv2\.jsonl: 1 of 4 samples, first VQAv2-1: text "[^"]+" and "maybe"\n/,
    ],
    [
      'steps',
      'an answer that is not there',
      (folder) => rewrite(join(folder, predictions), (text) => text.replace(/^.*"VQAv2-2".*\n/m, '')),
      /1 of 4 samples, first VQAv2-2: only in the first\n/,
    ],
    [
      'steps',
      'the order of answers',
      (folder) =>
        rewrite(join(folder, predictions), (text) => `${text.trim().split('\n').reverse().join('\n')}\n`),
      /the same predictions in another order, first VQAv2-0: order\n/,
    ],
    [
      'steps',
      'a step that is not done',
      (folder) =>
        rewrite(join(folder, 'journal.jsonl'), (text) =>
          text.replace(/^.*"lora\/3-OCRVQA\/evaluate\/VQAv2".*\n/m, ''),
        ),
      /steps +0 of 20 steps that both have, 1 only in one\n {2}lora\/3-OCRVQA\/evaluate\/VQAv2: only in the first\n/,
    ],
    [
      'other files',
      'a judging',
      (folder) => {
        mkdirSync(join(folder, 'judging/lexical/zero-shot'), { recursive: true });
        writeFileSync(join(folder, 'judging/lexical/zero-shot/VQAv2.jsonl'), '{}\n');
      },
      /other files +1 file\n {2}judging\/lexical\/zero-shot\/VQAv2\.jsonl only in the second$/,
    ],
  ];
  it.each(cases)('%s: %s', (part, name, change, shown) => {
    const folder = changed(name, change);
    expect(against(folder)).toMatchObject({ equal: false, partsAt: part });
    expect(drawn(folder)).toMatch(shown);
    // From the other side the same parts differ.
    expect(diffRuns(folder, join(top, 'run'))).toMatchObject({ equal: false, partsAt: part });
  });

  it('another seed: first in the configuration, then in every training of it', async () => {
    const diff = against(await makeRun('seed', { seed: 1 }));
    expect(diff.configuration).toEqual([{ path: ['seed'], first: 0, second: 1 }]);
    expect(diff.steps[0]?.step).toBe('lora/1-VQAv2/train');
    expect(
      diff.steps[0]?.files.find(({ path }) => path.endsWith('model.safetensors'))?.tensors?.first,
    ).toMatchObject({ tensor: 'b', index: [1, 2], largest: 1, values: ['0', '1'] });
  });

  it('takes only the parts that are asked for', () => {
    const folder = join(top, 'a setting');
    expect(diffRuns(join(top, 'run'), folder, ['data', 'steps'])).toMatchObject({
      equal: true,
      configuration: [],
    });
  });
});

describe('the command', () => {
  const coin = (...parameters: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, 'diff', ...parameters], {
      cwd: top,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

  it('ends with 0, 1 or 2', () => {
    expect(coin('run', 'again')).toMatchObject({ status: 0, stderr: '' });
    const different = coin('run', 'an answer', '--json');
    expect(different).toMatchObject({ status: 1, stderr: '' });
    expect(JSON.parse(different.stdout)).toMatchObject({
      equal: false,
      partsAt: 'steps',
      steps: [{ files: [{ predictions: { samples: 1, of: 4, first: { id: 'VQAv2-1', field: 'text' } } }] }],
    });
    expect(coin('run', 'an answer', '--only', 'configuration,data').status).toBe(0);
    expect(coin('run')).toMatchObject({ status: 2, stderr: 'expected the folders of two runs, found 1\n' });
    expect(coin('run', 'run', '--only', 'weight').stderr).toMatch(/^--only: .*weight/);
  });

  it.each<[string, (folder: string) => void, RegExp]>([
    ['no run', (folder) => rmSync(join(folder, 'config.json')), /config\.json: no such file/],
    [
      'no journal line',
      (folder) => appendFileSync(join(folder, 'journal.jsonl'), 'x\n'),
      /journal\.jsonl:22/,
    ],
    [
      'a file that is gone',
      (folder) => rmSync(join(folder, adapter)),
      /adapter_model\.safetensors: no such file, though the journal/,
    ],
    ['a torn tensor file', (folder) => writeFileSync(join(folder, adapter), 'x'), /truncated: 1 bytes/],
    [
      'a torn prediction file',
      (folder) => rewrite(join(folder, predictions), (text) => text.slice(0, -9)),
      /VQAv2\.jsonl:4/,
    ],
    [
      'a path out of the run',
      (folder) =>
        rewrite(join(folder, 'journal.jsonl'), (text) => text.replace('"files":{"', '"files":{"../')),
      /a path outside the run/,
    ],
  ])('says in one error what is wrong with a folder: %s', (name, change, message) => {
    const folder = changed(name, change);
    const { status, stdout, stderr } = coin('run', folder);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('This is a bug');
  });
});

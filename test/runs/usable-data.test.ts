// Rows and images that cannot be used: all are known before the first step, refused by name or passed over by name.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { packageFolder } from '../../src/base/package.ts';
import { builtIn } from '../../src/config/catalogue.ts';
import type { RunConfig } from '../../src/config/load.ts';
import { computeResults } from '../../src/report/compute.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { readJournal } from '../../src/runs/journal.ts';
import { readProvenance, recordProvenance } from '../../src/runs/provenance.ts';
import { runFiles } from '../../src/runs/run-folder.ts';
import { readSkipped } from '../../src/runs/skipped-file.ts';
import { goOnWithChangedData, usableData } from '../../src/runs/usable-data.ts';
import { readPredictions } from '../../src/tasks/predictions.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { artefacts, tinyConfig, writeTinyData } from '../support/tiny-run.ts';

const top = mkdtempSync(join(tmpdir(), 'coin-usable-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

let [folder, source]: [string, TaskSource] = ['', { root: '', instructionType: '' }];
let count = 0;
const modelFolder = join(packageFolder, 'assets', 'nano');
const image = (name: string) => join(source.root, 'cl_dataset', name);
const rowsOf = (path: string) =>
  JSON.parse(readFileSync(join(source.root, 'Instructions_Original', path), 'utf8'));
const change = (path: string, edit: (rows: Record<string, unknown>[]) => void) => {
  const rows = rowsOf(path);
  edit(rows);
  writeFileSync(join(source.root, 'Instructions_Original', path), JSON.stringify(rows));
};

beforeEach(async () => {
  const root = join(top, String(count++));
  folder = join(root, 'run');
  source = writeTinyData(join(root, 'data'));
  const pixels = { create: { width: 4, height: 3, channels: 3, background: '#123456' } } as const;
  const bytes = await sharp(pixels).png().toBuffer();
  const [shown] = rowsOf('VQAv2/train.json') as { readonly image: string }[];
  writeFileSync(image(shown?.image ?? ''), bytes);
  writeFileSync(image('damaged.png'), bytes.subarray(0, 60));
});

/** Makes four rows of three files unusable, each in another way. */
function damage(): void {
  change('VQAv2/train.json', (rows) => {
    Object.assign(rows[1] as object, { image: 'damaged.png' });
    Object.assign(rows[2] as object, {
      conversations: [
        { from: 'human', value: 'What is it?' },
        { from: 'gpt', value: '' },
      ],
    });
  });
  change('ImageNet/train.json', (rows) => Object.assign(rows[5] as object, { image: 'absent.png' }));
  change('OCRVQA/test.json', (rows) => Object.assign(rows[0] as object, { image: 'damaged.png' }));
}

function run(config: Partial<RunConfig> = {}) {
  const notices: string[] = [];
  const trained: string[][] = [];
  const all = { ...tinyConfig(folder, source), ...config };
  const engine = new FakeEngine();
  const trainStage = engine.trainStage.bind(engine);
  engine.trainStage = async (request) => {
    trained.push(request.samplesOf(request.task).map(({ id }) => id));
    return trainStage(request);
  };
  const executed = executeRun({
    config: all,
    folder,
    source,
    prepare: () => recordProvenance(folder, { source, tasks: all.tasks, modelFolder }),
    checkData: () =>
      usableData({ config: all, catalogue: builtIn, source, folder, notice: (text) => notices.push(text) }),
    openEngine: async () => engine,
  });
  return { executed, notices, trained };
}

describe('unusable rows', () => {
  it('are refused before the first step, all of them, by name', async () => {
    damage();
    const error: unknown = await run().executed.catch((reason: unknown) => reason);
    const lines = String(error).split('\n');
    expect(lines[0]).toMatch(/4 rows of the data cannot be used$/);
    expect(lines.slice(1, 5)).toEqual([
      expect.stringMatching(/VQAv2 train, row 3 \(2\): conversations\[1\]\.value: expected text/),
      expect.stringMatching(/ImageNet train, row 6 \(5\): image not found: .*absent\.png/),
      expect.stringMatching(/VQAv2 train, row 2 \(1\): .*damaged\.png: /),
      expect.stringMatching(/OCRVQA test, row 1 \(OCRVQA-0\): .*damaged\.png: /),
    ]);
    expect(lines.at(-1)).toMatch(/onBadSample to skip/);
    expect(existsSync(runFiles.journal(folder))).toBe(false);
    // Mended, the same command begins.
    source = writeTinyData(source.root);
    writeFileSync(image('damaged.png'), '');
    await expect(run({ methods: ['lora'] }).executed).rejects.toThrow(/cannot be used/);
  });

  it('are passed over where that is asked for: named, counted, and missing where they are tested', async () => {
    damage();
    const { executed, notices, trained } = run({ onBadSample: 'skip' });
    expect(await executed).toBeGreaterThan(0);
    expect(notices.join()).toMatch(/2 of train VQAv2, 1 of train ImageNet, 1 of test OCRVQA/);
    expect(trained[0]).toEqual(['0', '3', '4', '5']);
    expect(readSkipped(folder).map(({ task, part, row }) => `${task} ${part} ${row}`)).toEqual([
      'VQAv2 train 3',
      'ImageNet train 6',
      'VQAv2 train 2',
      'OCRVQA test 1',
    ]);
    expect(readJournal(runFiles.journal(folder)).filter(({ kind }) => kind === 'skip')).toMatchObject([
      { measured: { 'train VQAv2': 2, 'train ImageNet': 1, 'test OCRVQA': 1 } },
    ]);
    expect(
      readPredictions(join(folder, 'zero-shot/OCRVQA.jsonl')).map(({ question_id }) => question_id),
    ).toEqual(['OCRVQA-1', 'OCRVQA-2', 'OCRVQA-3']);
    const results = await computeResults(folder);
    expect(results.provenance['passed over as unusable']).toMatch(/1 of test OCRVQA/);
    // One of four is missing, whatever is answered to the others.
    const { strict, reference } = results.modes;
    expect(strict.zeroShot.OCRVQA).toBeCloseTo((reference.zeroShot.OCRVQA ?? Number.NaN) * 0.75, 10);
    expect(strict.methods.lora?.unreadable).toContainEqual(
      expect.objectContaining({ task: 'OCRVQA', missing: 1 }),
    );
    // Again: nothing to do; what was mended meanwhile stays passed over.
    expect(await run({ onBadSample: 'skip' }).executed).toBe(0);
    expect(await computeResults(folder)).toEqual(results);
  });

  it('that are found when the run goes on are refused, or added to what is passed over', async () => {
    writeFileSync(image('second.png'), readFileSync(image('image.png')));
    change('VQAv2/train.json', (rows) => Object.assign(rows[3] as object, { image: 'second.png' }));
    const executed = await run({ methods: ['lora'], onBadSample: 'skip' }).executed;
    expect(existsSync(runFiles.skipped(folder))).toBe(false);
    writeFileSync(image('second.png'), 'no image');
    const methods = ['lora', 'moelora'] as const;
    await expect(run({ methods: [...methods] }).executed).rejects.toThrow(/1 row of the data cannot be used/);
    const again = run({ methods: [...methods], onBadSample: 'skip' });
    // Zero-shot answers are shared; nothing of the first method is done again.
    expect(await again.executed).toBe(executed - 3);
    expect(again.trained[0]).toEqual(['0', '1', '2', '4', '5']);
    expect(again.notices.join()).toMatch(/1 of train VQAv2; the first: VQAv2 train, row 4/);
  });
});

describe('data that were mended after the run began', () => {
  const start = (config: Partial<RunConfig>, accept: boolean) => {
    const all = { ...tinyConfig(folder, source), ...config };
    const made = { source, tasks: all.tasks, modelFolder, acceptChangedData: accept };
    const done: string[] = [];
    const said: (string | undefined)[] = [];
    const executed = executeRun({
      config: all,
      folder,
      source,
      prepare: async () => {
        const files = recordProvenance(folder, made);
        if (accept)
          said.push(await goOnWithChangedData({ config: all, catalogue: builtIn, source, folder }, files));
      },
      checkData: () => usableData({ config: all, catalogue: builtIn, source, folder }),
      observer: { stepFinished: ({ key }) => done.push(key) },
      openEngine: async () => new FakeEngine(),
    });
    return { executed, done, said };
  };

  it('are refused, or accepted: what was made from them is done again, and nothing else', async () => {
    const config = { methods: ['lora' as const] };
    await start(config, false).executed;
    const whole = artefacts(folder);
    change('ImageNet/train.json', (rows) => Object.assign(rows[0] as object, { id: 'mended' }));
    change('OCRVQA/test.json', (rows) => Object.assign(rows[0] as object, { text: 'What is that?' }));
    await expect(start(config, false).executed).rejects.toThrow(
      /the data changed since the run began: .*ImageNet\/train.json, .*OCRVQA\/test.json\n.*--accept-changed-data/,
    );
    const accepted = start(config, true);
    await accepted.executed;
    expect(accepted.done).toContain('zero-shot/OCRVQA');
    expect(accepted.done).toContain('lora/2-ImageNet/train');
    expect(accepted.done).not.toContain('zero-shot/VQAv2');
    expect(accepted.done).not.toContain('lora/1-VQAv2/train');
    expect(accepted.said.join()).toMatch(
      /^Changed since the run began: .*; done again: zero-shot\/OCRVQA, lora\/2-/,
    );
    expect(readProvenance(folder).changes).toMatchObject([{ files: [{}, {}] }]);
    const results = await computeResults(folder);
    expect(Object.keys(results.provenance).filter((key) => key.startsWith('data changed'))).toHaveLength(1);
    // The same as a run that began with the mended data.
    const changed = artefacts(folder);
    expect(changed).not.toEqual(whole);
    folder = `${folder}-anew`;
    await start(config, false).executed;
    expect(changed).toEqual(artefacts(folder));
    expect(await start(config, true).executed).toBe(0);
  });

  it('bring back what was passed over', async () => {
    const config = { methods: ['lora' as const], onBadSample: 'skip' as const };
    const good = readFileSync(image('image.png'));
    change('OCRVQA/test.json', (rows) => Object.assign(rows[0] as object, { image: 'damaged.png' }));
    await start(config, false).executed;
    writeFileSync(image('damaged.png'), good);
    expect(await start(config, false).executed).toBe(0);
    const { done, executed } = start(config, true);
    await executed;
    expect(done).toEqual(['zero-shot/OCRVQA', 'lora/3-OCRVQA/evaluate/OCRVQA']);
    expect(readPredictions(join(folder, 'zero-shot/OCRVQA.jsonl'))).toHaveLength(4);
    expect(readSkipped(folder)).toEqual([]);
  });
});

describe('images that were decoded once', () => {
  it('are not decoded again, unless they changed', async () => {
    await run({ methods: ['lora'] }).executed;
    const kept = join(folder, '..', 'feature-cache', 'decoded.txt');
    const size = statSync(kept).size;
    const again = { config: tinyConfig(folder, source), catalogue: builtIn, source, folder };
    await usableData(again);
    expect(statSync(kept).size).toBe(size);
    const [shown] = rowsOf('VQAv2/train.json') as { readonly image: string }[];
    writeFileSync(image(shown?.image ?? ''), 'no image');
    await expect(usableData(again)).rejects.toThrow(/cannot be used/);
  });
});

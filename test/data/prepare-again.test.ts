// `coin data prepare` as a command, and what becomes of preparation that was stopped: run again it ends with the same bytes.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareTask } from '../../src/data/preparation/prepare.ts';
import { listFiles, sha256OfFile } from '../../src/formats/files/files.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { Download, drawImage, writeDownload } from '../support/files/raw-downloads.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-prepare-again-'));
const raw = (task: string) => join(root, 'raw', task);

beforeAll(async () => {
  for (const task of ['ImageNet', 'GQA', 'VizWiz', 'Grounding'] as const)
    await writeDownload(task, raw(task));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('running again', () => {
  it('does nothing when all is there, and everything anew when the download changed', async () => {
    const [from, folder] = [join(root, 'changing'), join(root, 'changed')];
    await writeDownload('VizWiz', from);
    const options = { task: 'VizWiz', from, to: folder } as const;
    expect(await prepareTask(options)).toMatchObject({ form: 'official files', complete: false });
    const file = join(folder, 'Instructions_Original/VizWiz/train.json');
    const { mtimeMs } = statSync(file);
    expect((await prepareTask(options)).complete).toBe(true);
    expect(statSync(file).mtimeMs).toBe(mtimeMs);
    const annotations = join(from, 'Annotations/train.json');
    writeFileSync(annotations, readFileSync(annotations, 'utf8').replaceAll('soda', 'cola'));
    expect((await prepareTask(options)).complete).toBe(false);
    expect(readFileSync(file, 'utf8')).toContain('cola');
  });

  it('after it was stopped at any entry ends with the same bytes, and shows nothing half-written before', async () => {
    for (const task of ['GQA', 'Grounding'] as const) {
      for (let stopAt = 1; stopAt <= 5; stopAt++) {
        const folder = join(root, `stopped ${task} ${stopAt}`);
        let seen = 0;
        const onProgress = () => {
          if (++seen === stopAt) throw new Error('stopped');
        };
        const options = { task, from: raw(task), to: folder, images: 'copy' } as const;
        await expect(prepareTask({ ...options, onProgress })).rejects.toThrow('stopped');
        const whole = contentsOf(join(root, `whole ${task}`));
        for (const [path, hash] of Object.entries(contentsOf(folder))) {
          if (Object.keys(whole).length > 0) expect(hash, path).toBe(whole[path]);
        }
        await prepareTask(options);
        await prepareTask({ ...options, to: join(root, `whole ${task}`) });
        expect(contentsOf(folder)).toEqual(contentsOf(join(root, `whole ${task}`)));
      }
    }
  });
});

describe('coin data prepare', () => {
  const coin = (...parameters: readonly string[]) =>
    spawnSync(process.execPath, [commandLine, 'data', 'prepare', ...parameters], {
      cwd: root,
      encoding: 'utf8',
    });

  beforeAll(buildIfStale);

  it('says what it made and what comes next', () => {
    const result = coin('--task', 'GQA', '--from', 'raw/GQA', '--to', 'cli', '--instructions', 'diverse');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toBe(`GQA: prepared from official files
  cl_dataset/GQA/testdev_balanced_questions.json
  Instructions_Diverse/GQA/train.json  2 entries, 3 questions
  Instructions_Diverse/GQA/test.json  3 entries
next: coin data doctor cli
`);
    const again = coin('--task', 'GQA', '--from', 'raw/GQA', '--to', 'cli', '--instructions', 'diverse');
    expect(again.stdout).toMatch(/^GQA: nothing to do, all is there\n/);
  });

  it.each([
    [
      ['--task', 'GQAA', '--from', 'raw/GQA', '--to', 'x'],
      '--task: expected ScienceQA, TextVQA, ImageNet, GQA, VizWiz, Grounding, VQAv2, OCRVQA; found "GQAA"\n  hint: did you mean GQA?\n',
    ],
    [['--task', 'GQA', '--from', 'nowhere', '--to', 'x'], 'nowhere: no such folder\n'],
    [
      ['--task', 'GQA', '--from', 'raw/VizWiz', '--to', 'x'],
      `raw/VizWiz/train_balanced_questions.json: no such file, nor questions1.2/train_balanced_questions.json or questions/train_balanced_questions.json
  hint: from the GQA site: questions1.2.zip (balanced questions) and images.zip
  expected: train_balanced_questions.json, testdev_balanced_questions.json, images/<imageId>.jpg
          or Parquet (lmms-lab/GQA): {train,testdev}_balanced_{instructions,images}/*.parquet\n`,
    ],
    [
      ['--task', 'ImageNet', '--from', 'raw/ImageNet', '--to', 'x', '--classes', 'nowhere.txt'],
      'nowhere.txt: no such file\n',
    ],
    [
      ['--task', 'GQA', '--from', 'raw/GQA', '--to', 'x', '--limit', '0'],
      '--limit: expected a whole number of at least 1, found "0"\n',
    ],
    [
      ['--task', 'GQA', '--from', 'raw/GQA', '--to', 'x', '--images', 'everything'],
      '--images: expected link, copy, none; found "everything"\n',
    ],
  ])('%j is a mistake that is said', (parameters, message) => {
    expect(coin(...parameters)).toMatchObject({ status: 2, stdout: '', stderr: message });
  });

  it('killed half-way and run again ends with the same bytes', async () => {
    const from = join(root, 'many');
    const download = new Download(from, 0);
    const image = await drawImage(1);
    const questions = Array.from({ length: 1000 }, (_, id) => {
      download.file(`images/p${id}.jpg`, image);
      return [
        String(id),
        { imageId: `p${id}`, question: `What is ${id}?`, answer: 'it', isBalanced: true },
      ] as const;
    });
    download.json('train_balanced_questions.json', Object.fromEntries(questions));
    download.json('testdev_balanced_questions.json', Object.fromEntries(questions.slice(0, 10)));
    const folder = join(root, 'killed');
    const parameters = ['--task', 'GQA', '--from', from, '--images', 'copy', '--to'];
    const all = [commandLine, 'data', 'prepare', ...parameters, folder];
    const env = { ...process.env, COIN_KILL: 'rename:41:after:cl_dataset' };
    expect(spawnSync(process.execPath, all, { env })).toMatchObject({ signal: 'SIGKILL' });
    // It was killed in the middle.
    expect(existsSync(join(folder, 'cl_dataset/GQA/images/p999.jpg'))).toBe(false);
    expect(existsSync(join(folder, 'Instructions_Original/GQA/train.json'))).toBe(false);
    expect(coin(...parameters, folder).status).toBe(0);
    expect(coin(...parameters, 'whole').status).toBe(0);
    expect(contentsOf(folder)).toEqual(contentsOf(join(root, 'whole')));
  });
});

function contentsOf(folder: string): Record<string, string> {
  const files = listFiles(folder).filter((path) => !path.startsWith('.preparation'));
  return Object.fromEntries(files.map((path) => [path, sha256OfFile(join(folder, path))]));
}

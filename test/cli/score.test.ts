// `coin score` as a user runs it: what it prints, what it refuses, and that a large file needs no large process.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale, commandLine } from '../support/built.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-score-'));
beforeAll(buildIfStale);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function score(parameters: readonly string[], flags: readonly string[] = []) {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, commandLine, 'score', ...parameters],
    { cwd: folder, encoding: 'utf8', env, maxBuffer: 1 << 28 },
  );
  return { status, stdout, stderr };
}

function file(name: string, content: unknown): string {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return name;
}

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('books', () => {
  const annotations = file('books/test.json', [
    { question_id: 1, answer: 'Travel' },
    { question_id: '2', answer: 'Unanswerable' },
    { question_id: 3, answer: 'Ada' },
  ]);
  const predictions = file(
    'merge.jsonl',
    lines([
      { question_id: 1, prompt: 'Which?', text: 'travel', answer_id: 'x', model_id: 'm', metadata: {} },
      { question_id: '2', text: 'Unanswerable' },
      { question_id: 1, text: ' travel' },
      { question_id: 9, text: 'no one asked' },
    ]),
  );
  const given = ['--task', 'OCRVQA', '--predictions', predictions, '--annotations', annotations];

  it('as JSON, for scripts', () => {
    expect(score([...given, '--json'])).toEqual({
      status: 0,
      stderr: '1 id that the annotations do not have is left out.\n',
      stdout:
        '{"task":"OCRVQA","mode":"reference","accuracy":33.333333333333336,"correct":1,"samples":3,"expected":3,"missing":1,"duplicate":1,"unparseable":0,"perSample":[{"id":"1","score":1,"parsed":"travel"},{"id":"2","score":0,"parsed":"unanswerable"},{"id":"1","score":0,"parsed":" travel"}]}\n',
    });
    const strict = JSON.parse(score([...given, '--json', '--mode', 'strict']).stdout);
    expect(strict).toMatchObject({ mode: 'strict', correct: 2, samples: 2, expected: 3, missing: 1 });
    expect(strict.perSample.at(-1)).toEqual({ id: '3', score: 0, parsed: null });
    const qwen = JSON.parse(score([...given, '--json', '--model', 'qwen']).stdout);
    expect(qwen.perSample.map((sample: { score: number }) => sample.score)).toEqual([1, 0, 1]);
  });

  it('as a table, both scorings unless one is asked for', () => {
    const both = score(given).stdout;
    expect(both).toMatch(/^OCRVQA: reading book covers/);
    expect(both).toMatch(/^reference +33\.33 +1 +3 +3 +1 +1 +0$/m);
    expect(both).toMatch(/^strict +66\.67 +2 +2 +3 +1 +1 +0$/m);
    expect(score([...given, '--mode', 'strict']).stdout).not.toMatch(/^reference/m);
  });

  it('finds the file in a folder', () => {
    const inFolder = score([
      '--task',
      'OCRVQA',
      '--predictions',
      predictions,
      '--annotations',
      'books',
      '--json',
    ]);
    expect(inFolder.stdout).toBe(score([...given, '--json']).stdout);
  });

  it.each([
    [['--task', 'OCR'], /^--task: expected ScienceQA, .*; found "OCR"\n/],
    [['--task', 'VQA2'], /found "VQA2"\n {2}hint: did you mean VQAv2/],
    [['--mode', 'lenient'], /^--mode: expected reference, strict; found "lenient"\n$/],
    [['--model', 'qwenn'], /^--model: expected llava, qwen, minigpt; found "qwenn"\n$/],
    [['--predictions', 'none.jsonl'], /^none\.jsonl: no such file\n$/],
    [['--annotations', 'none.json'], /^none\.json: no such file or folder\n$/],
    [['--task', 'TextVQA'], /^books.test\.json:1:1: JSON syntax: expected \{/],
    [
      ['--task', 'ScienceQA'],
      /^books.test\.json: expected a folder with problems\.json and pid_splits\.json\n/,
    ],
    [
      ['--predictions', file('other.jsonl', lines([{ question_id: 'x', text: 'y' }]))],
      /^other\.jsonl: question_id: none of the ids is in books.test\.json\n {2}hint: the predictions are of other data/,
    ],
    [
      ['--predictions', file('no-text.jsonl', lines([{ question_id: 1, text: 'a' }, { question_id: 2 }]))],
      /^no-text\.jsonl:2: text: expected string, found nothing \(row 2\)\n {2}hint: /,
    ],
    [['--predictions', file('cut.jsonl', '{"question_id": 1, "te')], /^cut\.jsonl:1:23: JSON syntax/],
  ])('refuses %j with exit code 2', (changed, message) => {
    // The later of two options holds.
    const { status, stdout, stderr } = score([...given, ...changed]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

it.each([
  ['an empty file', '', 'holds no answer'],
  ['CSV', 'question_id,text\n1,Travel\n', 'JSON syntax'],
  ['an array', '[{"question_id": 1, "text": "Travel"}]', 'expected object'],
])('%s is no file of predictions, and it is said what is', (name, content, message) => {
  const annotations = file('none/test.json', [{ question_id: 1, answer: 'Travel' }]);
  const predictions = file(`${name.replaceAll(' ', '-')}.jsonl`, content);
  const { status, stderr } = score([
    '--task',
    'OCRVQA',
    '--predictions',
    predictions,
    '--annotations',
    annotations,
  ]);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).toContain('hint: expected a line for each answer: {"question_id": ');
});

it('80 MB of predictions are scored in a process that could not hold them', () => {
  const annotations = Array.from({ length: 100 }, (_, index) => ({ question_id: index, answer: 'yes' }));
  file('large/val.json', annotations);
  const prompt = 'What? '.repeat(330);
  const block = lines(
    annotations.map(({ question_id }) => ({
      question_id,
      prompt,
      text: question_id % 2 === 0 ? 'Yes' : 'no',
    })),
  );
  const descriptor = openSync(join(folder, 'large.jsonl'), 'w');
  for (let index = 0; index < 400; index++) writeSync(descriptor, block);
  closeSync(descriptor);
  const { status, stdout } = score(
    ['--task', 'VQAv2', '--predictions', 'large.jsonl', '--annotations', 'large', '--json'],
    ['--max-old-space-size=40'],
  );
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    accuracy: 50,
    samples: 40_000,
    correct: 20_000,
    duplicate: 100,
  });
});

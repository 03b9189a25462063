// ScienceQA as published: problems.json, pid_splits.json and an image per problem, or Hugging Face's Parquet files.
// The pieces of a question are put together as LLaVA does it: context, question, lettered choices.
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { checkRow, readJsonObject, rowError } from '../../formats/records/json.ts';
import type { RawFolder } from '../downloads/raw-folder.ts';
import { embeddedImage, imageOf, parquetFiles, parquetRows } from '../downloads/raw-rows.ts';
import type { RawData, RawEntry, RawSource, RawSplit } from '../downloads/source.ts';
import { readAnnotationList } from '../layout/annotations.ts';

const hint =
  'from github.com/lupantech/ScienceQA: data/scienceqa/problems.json, pid_splits.json and the images';
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const question = {
  question: z.string().min(1),
  choices: z.array(z.string()).min(2).max(letters.length),
  answer: z.int().nonnegative(),
  hint: z.string().default(''),
};
const problem = z.object({ ...question, image: z.string().nullish() });
const parquetProblem = z.object({ ...question, hint: z.string(), image: embeddedImage.nullish() });
const parquetText = z.object({
  ...question,
  hint: z.string(),
  task: z.string(),
  subject: z.string(),
  topic: z.string(),
});

type Problem = Omit<z.output<typeof problem>, 'image'>;

function turnOf({ question: text, choices, answer, hint: context }: Problem) {
  const lines = [
    ...(context.trim() === '' ? [] : [`Context: ${context}`]),
    text,
    ...choices.map((choice, index) => `${letters[index]}. ${choice}`),
  ];
  return { question: lines.join('\n'), answer: letters[answer] ?? '' };
}

export const scienceqaSource: RawSource = {
  testFile: 'test.json',
  expects: [
    'problems.json, pid_splits.json, images/{train,test}/<id>/image.png',
    'or Parquet (derek-thomas/ScienceQA): data/{train,test}-*.parquet',
  ],
  open(from) {
    const places = (name: string) => [name, `data/scienceqa/${name}`, `scienceqa/${name}`];
    if (from.find(places('problems.json')) === undefined) {
      const parquet = { train: parquetFiles(from, 'train'), test: parquetFiles(from, 'test') };
      if (parquet.train.length > 0) return openParquet(parquet);
    }
    const problems = from.require(places('problems.json'), hint);
    const splits = from.require(places('pid_splits.json'), hint);
    return {
      form: 'official files',
      annotations: [
        { path: 'ScienceQA/problems.json', content: problems },
        { path: 'ScienceQA/pid_splits.json', content: splits },
      ],
      entries: (split) => officialEntries(from, problems, splits, split),
    };
  },
};

function* officialEntries(
  from: RawFolder,
  file: string,
  splitFile: string,
  split: RawSplit,
): Generator<RawEntry> {
  const problems = readJsonObject(file);
  const rowOf = new Map(Object.keys(problems).map((id, index) => [id, index + 1]));
  for (const [index, value] of readAnnotationList(splitFile, split).entries()) {
    const id = String(value);
    const row = rowOf.get(id);
    if (row === undefined) {
      throw new DataError({
        file: splitFile,
        field: `${split}[${index}]`,
        message: `"${id}" is not in ${file}`,
      });
    }
    const checked = checkRow(problem, problems[id], { file, row });
    if (checked.answer >= checked.choices.length) {
      throw rowError(
        { file, row },
        'answer',
        `expected the index of one of ${checked.choices.length} choices`,
      );
    }
    const place = `${split}/${id}/image.png`;
    const places = ['images/', '', 'data/scienceqa/images/', 'scienceqa/images/'].map(
      (folder) => folder + place,
    );
    yield {
      id,
      ...(checked.image && { image: from.image(`ScienceQA/images/${place}`, places) }),
      turns: [turnOf(checked)],
    };
  }
}

/** These files have no ids: a problem is called by its split and row. */
const parquetId = (split: RawSplit, row: number) => `${split}-${row}`;

function openParquet(files: Readonly<Record<RawSplit, readonly string[]>>): RawData {
  async function* problemsJson(): AsyncGenerator<string> {
    let separator = '{';
    for (const split of ['train', 'test'] as const) {
      let row = 0;
      for await (const value of parquetRows(files[split], parquetText)) {
        const id = JSON.stringify(parquetId(split, ++row));
        yield `${separator}\n${id}: ${JSON.stringify({ ...value, split })}`;
        separator = ',';
      }
    }
    yield '\n}\n';
  }
  async function* splitsJson(): AsyncGenerator<string> {
    const ids: Record<RawSplit | 'val', string[]> = { train: [], val: [], test: [] };
    for (const split of ['train', 'test'] as const) {
      const rows = parquetRows(files[split], z.object({ answer: z.int() }));
      for await (const _ of rows) ids[split].push(parquetId(split, ids[split].length + 1));
    }
    yield `${JSON.stringify(ids)}\n`;
  }
  return {
    form: 'Parquet',
    annotations: [
      { path: 'ScienceQA/problems.json', content: problemsJson },
      { path: 'ScienceQA/pid_splits.json', content: splitsJson },
    ],
    async *entries(split) {
      let row = 0;
      for await (const { image, ...rest } of parquetRows(files[split], parquetProblem)) {
        const id = parquetId(split, ++row);
        const path = `ScienceQA/images/${split}/${id}/image.png`;
        yield { id, ...(image && { image: imageOf(path, image) }), turns: [turnOf(rest)] };
      }
    },
  };
}

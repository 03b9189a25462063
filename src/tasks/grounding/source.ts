// RefCOCO, RefCOCO+ and RefCOCOg as published: a list of references (Python pickle, or the same as JSON) and COCO's
// instances with boxes and sizes; images are COCO 2014's training images, in the test splits too.
// In training, all expressions about an image of one data set are one entry; the data sets are merged and shuffled.
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { checkRow, describe } from '../../formats/records/json.ts';
import { streamJson } from '../../formats/records/json-stream.ts';
import { readPlainPickle } from '../../formats/weights/plain-pickle.ts';
import { RandomStream } from '../../tensor/random.ts';
import type { RawFolder } from '../downloads/raw-folder.ts';
import { jsonRows, rawText } from '../downloads/raw-rows.ts';
import {
  groupedByImage,
  type RawEntry,
  type RawQuestion,
  type RawSource,
  type RawSplit,
  singly,
} from '../downloads/source.ts';

const hint =
  'from github.com/lichengunc/refer: refcoco.zip, refcoco+.zip, refcocog.zip, each unpacked in its folder';

/** CoIN's numbers of entries are those of the UNC splits, and of the UMD split of RefCOCOg, which has a test part. */
const dataSets = [
  { folder: 'refcoco', refs: 'refs(unc)' },
  { folder: 'refcoco+', refs: 'refs(unc)' },
  { folder: 'refcocog', refs: 'refs(umd)' },
] as const;

const reference = z.object({
  ann_id: z.int(),
  image_id: z.int(),
  split: rawText,
  sentences: z.array(z.object({ sent_id: z.int(), sent: rawText })).min(1, 'expected expressions'),
});
const annotation = z.object({ id: z.int(), bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]) });
const image = z.object({
  id: z.int(),
  file_name: rawText,
  width: z.int().positive(),
  height: z.int().positive(),
});

/** Training, and every test part: `test` of RefCOCOg, `testA` (people) and `testB` (the rest) of the others. */
const belongs: Readonly<Record<RawSplit, (split: string) => boolean>> = {
  train: (split) => split === 'train',
  test: (split) => split.startsWith('test'),
};

export const groundingSource: RawSource = {
  testFile: 'test.json',
  expects: [
    'refcoco/refs(unc).p, refcoco+/refs(unc).p, refcocog/refs(umd).p (pickle, or the same as .json)',
    'an instances.json in each of the three, train2014/COCO_train2014_*.jpg',
  ],
  open(from) {
    const files = dataSets.map(({ folder, refs }) => ({
      name: folder,
      refs: from.require([`${folder}/${refs}.p`, `${folder}/${refs}.json`], hint),
      instances: from.require([`${folder}/instances.json`], hint),
    }));
    return {
      form: 'official files',
      annotations: [],
      entries: (split) => {
        const entries = files.flatMap((dataSet) => [...entriesOf(from, dataSet, split)]);
        return new RandomStream(0, `Grounding ${split}`).shuffle(entries);
      },
    };
  },
};

interface DataSetFiles {
  readonly name: string;
  readonly refs: string;
  readonly instances: string;
}

interface Instances {
  readonly boxes: ReadonlyMap<number, readonly [number, number, number, number]>;
  readonly images: ReadonlyMap<number, z.output<typeof image>>;
}

function readInstances(file: string): Instances {
  const boxes = new Map<number, readonly [number, number, number, number]>();
  for (const { value } of jsonRows(file, annotation, 'annotations')) boxes.set(value.id, value.bbox);
  const images = new Map<number, z.output<typeof image>>();
  for (const { value } of jsonRows(file, image, 'images')) images.set(value.id, value);
  return { boxes, images };
}

function* entriesOf(from: RawFolder, dataSet: DataSetFiles, split: RawSplit): Generator<RawEntry> {
  const { boxes, images } = readInstances(dataSet.instances);
  function* questions(): Generator<RawQuestion> {
    for (const { row, value } of references(dataSet.refs)) {
      const { ann_id, image_id, sentences, ...rest } = checkRow(reference, value, {
        file: dataSet.refs,
        row,
      });
      if (!belongs[split](rest.split)) continue;
      const [box, image] = [boxes.get(ann_id), images.get(image_id)];
      if (box === undefined || image === undefined) {
        const [field, id] = box === undefined ? ['ann_id', ann_id] : ['image_id', image_id];
        throw new DataError({
          file: dataSet.refs,
          line: row,
          field: String(field),
          message: `${id} is not in ${dataSet.instances} (row ${row})`,
        });
      }
      const { width, height } = image;
      const padded = formatBox(paddedBox(box, width, height));
      const fields = {
        answer_bbox: padded,
        origin_answer_bbox: formatBox(plainBox(box, width, height)),
        size: [width, height],
      };
      for (const { sent_id, sent } of sentences) {
        const turn = { question: sent.trim(), answer: padded, fields };
        yield { id: `${dataSet.name}_${sent_id}`, imageId: String(image_id), turn };
      }
    }
  }
  const imageOf = (id: string) => {
    const place = `train2014/${images.get(Number(id))?.file_name}`;
    return from.image(`COCO2014/${place}`, [place, `images/${place}`, `COCO2014/${place}`]);
  };
  if (split === 'test') yield* singly(questions(), imageOf);
  else {
    for (const entry of groupedByImage(questions(), imageOf)) {
      yield { ...entry, id: `${dataSet.name}_${entry.id}` };
    }
  }
}

function references(file: string): Iterable<{ readonly row: number; readonly value: unknown }> {
  if (file.endsWith('.json')) return streamJson(file);
  const value = readPlainPickle(file, 'list of references');
  if (!Array.isArray(value)) {
    throw new DataError({ file, message: `expected a list of references, found ${describe(value)}` });
  }
  return value.map((reference: unknown, index) => ({ row: index + 1, value: reference }));
}

type Edges = readonly [number, number, number, number];

/** x, y, width, height in pixels to x1, y1, x2, y2 as fractions of the image centred in a square. */
export function paddedBox([x, y, w, h]: Edges, width: number, height: number): Edges {
  const side = Math.max(width, height);
  const [left, top] = [(side - width) / 2, (side - height) / 2];
  return [(x + left) / side, (y + top) / side, (x + w + left) / side, (y + h + top) / side];
}

/** As `paddedBox`, as fractions of width and height. */
export function plainBox([x, y, w, h]: Edges, width: number, height: number): Edges {
  return [x / width, y / height, (x + w) / width, (y + h) / height];
}

/** Two decimals, as in LLaVA-1.5's training data. Boxes that reach over the edge by rounding stay inside. */
export function formatBox(box: Edges): string {
  return `[${box.map((edge) => Math.min(1, Math.max(0, edge)).toFixed(2)).join(', ')}]`;
}

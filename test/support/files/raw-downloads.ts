// Miniatures of the raw downloads of all ten data sets, each in its official format, with real JPEG and PNG images.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { CoinTask } from '../../../src/tasks/index.ts';
import { RandomStream } from '../../../src/tensor/random.ts';
import { pickle } from './pickle.ts';

export interface ImageShape {
  readonly width?: number;
  readonly height?: number;
  readonly format?: 'jpeg' | 'png';
}

/** An image of coloured squares. Different seeds give images that no perceptual hash takes for one another. */
export async function drawImage(seed: number, shape: ImageShape = {}): Promise<Buffer> {
  const { width = 48, height = 36, format = 'jpeg' } = shape;
  const random = new RandomStream(seed, 'picture');
  const squares = Uint8Array.from({ length: 12 * 12 * 3 }, () => random.integer(256));
  const image = sharp(squares, { raw: { width: 12, height: 12, channels: 3 } }).resize(width, height, {
    kernel: 'nearest',
    fit: 'fill',
  });
  return format === 'png' ? image.png().toBuffer() : image.jpeg({ quality: 90 }).toBuffer();
}

export class Download {
  readonly root: string;
  #seed: number;

  constructor(root: string, seed: number) {
    this.root = root;
    this.#seed = seed;
  }

  file(path: string, content: string | Uint8Array): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  json(path: string, value: unknown): void {
    this.file(path, JSON.stringify(value));
  }

  async image(path: string, shape: ImageShape = {}): Promise<void> {
    this.file(
      path,
      await drawImage(this.#seed++, { format: path.endsWith('.png') ? 'png' : 'jpeg', ...shape }),
    );
  }
}

const ten = (answer: string, other = `not ${answer}`) => [
  other,
  ...Array.from({ length: 7 }, () => answer),
  other,
  'maybe',
];
const asObjects = (answers: readonly string[]) =>
  answers.map((answer) => ({ answer, answer_confidence: 'yes' }));
const cocoName = (folder: string, id: number) => `COCO_${folder}_${String(id).padStart(12, '0')}.jpg`;

const writers: { readonly [Task in CoinTask]: (to: Download) => Promise<void> } = {
  async ScienceQA(to) {
    const problem = (split: string, image: string | null, answer: number, hint = '') => ({
      question: `Which one is number ${answer}?`,
      choices: ['zero', 'one', 'two'],
      answer,
      hint,
      image,
      task: 'closed choice',
      grade: 'grade2',
      subject: 'natural science',
      topic: 'physics',
      category: 'Materials',
      skill: 'Count',
      lecture: '',
      solution: '',
      split,
    });
    to.json('problems.json', {
      '1': problem('train', 'image.png', 1),
      '2': problem('train', null, 2, 'Numbers count.'),
      '3': problem('val', null, 0),
      '4': problem('test', 'image.png', 0, 'The image shows it.'),
      '5': problem('test', null, 2),
      '6': problem('train', 'image.png', 0),
    });
    to.json('pid_splits.json', {
      train: ['1', '2', '6'],
      val: ['3'],
      test: ['4', '5'],
      trainval: ['1', '2', '6', '3'],
      minitest: ['4'],
    });
    for (const path of ['train/1', 'train/6', 'test/4']) await to.image(`images/${path}/image.png`);
  },

  async TextVQA(to) {
    const row = (id: number, image: string, answer: string, split: string) => ({
      question: `what brand is number ${id}?`,
      image_id: image,
      image_classes: ['Bottle'],
      flickr_original_url: `https://example.org/${image}.jpg`,
      image_width: 48,
      image_height: 36,
      answers: ten(answer),
      question_tokens: ['what'],
      question_id: id,
      set_name: split,
    });
    const file = (split: string, data: readonly unknown[]) =>
      to.json(`TextVQA_0.5.1_${split}.json`, {
        dataset_type: split,
        dataset_name: 'textvqa',
        dataset_version: '0.5.1',
        data,
      });
    file('train', [
      row(0, 'aa00', 'nokia', 'train'),
      row(1, 'aa00', 'red', 'train'),
      row(2, 'aa01', '7', 'train'),
    ]);
    file('val', [row(34602, 'bb00', 'dakota digital', 'val'), row(34603, 'bb01', 'clos', 'val')]);
    for (const id of ['aa00', 'aa01', 'bb00', 'bb01']) await to.image(`train_images/${id}.jpg`);
  },

  async ImageNet(to) {
    to.file(
      'LOC_synset_mapping.txt',
      'n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n',
    );
    to.file('classes.txt', '# two of a hundred\nn01440764\nn01443537 gold fish\n');
    for (const id of ['n01440764', 'n01443537']) {
      for (const number of [18, 36]) await to.image(`train/${id}/${id}_${number}.JPEG`);
      await to.image(`val/${id}/ILSVRC2012_val_0000${id.slice(-4)}.JPEG`);
    }
    await to.image('train/n99999999/n99999999_1.JPEG');
  },

  async GQA(to) {
    const question = (imageId: string, text: string, answer: string) => ({
      semantic: [],
      entailed: [],
      equivalent: [],
      question: text,
      imageId,
      isBalanced: true,
      groups: { global: null, local: '10-that_color' },
      answer,
      semanticStr: '',
      annotations: {},
      types: { detailed: 'chooseAttr', semantic: 'attr', structural: 'query' },
      fullAnswer: `It is ${answer}.`,
    });
    to.json('train_balanced_questions.json', {
      '02930152': question('2354786', 'Is the sky dark?', 'yes'),
      '07333408': question('2375429', 'What is on the white wall?', 'pipe'),
      '02930153': question('2354786', 'Is the sky clear?', 'no'),
    });
    to.json('testdev_balanced_questions.json', {
      '201307251': question('n161313', 'Is it overcast?', 'no'),
      '201307252': question('n161313', 'What is that?', 'table'),
      '201640614': question('n435808', 'Who is wearing the dress?', 'woman'),
    });
    for (const id of ['2354786', '2375429', 'n161313', 'n435808']) await to.image(`images/${id}.jpg`);
  },

  async VizWiz(to) {
    const row = (split: string, index: number, answer: string) => ({
      image: `VizWiz_${split}_${String(index).padStart(8, '0')}.jpg`,
      question: `What is number ${index}?`,
      answers: asObjects(ten(answer)),
      answer_type: answer === 'unanswerable' ? 'unanswerable' : 'other',
      answerable: answer === 'unanswerable' ? 0 : 1,
    });
    const rows = {
      train: [row('train', 0, 'basil leaves'), row('train', 1, 'unanswerable'), row('train', 2, 'soda')],
      val: [row('val', 0, 'unanswerable'), row('val', 1, 'beige')],
    };
    for (const split of ['train', 'val'] as const) {
      to.json(`Annotations/${split}.json`, rows[split]);
      for (const { image } of rows[split]) await to.image(`${split}/${image}`);
    }
  },

  async Grounding(to) {
    const images = [
      { id: 581857, width: 64, height: 48 },
      { id: 19399, width: 48, height: 64 },
      { id: 222, width: 60, height: 60 },
      { id: 333, width: 64, height: 40 },
    ];
    const instances = {
      info: {},
      images: images.map(({ id, width, height }) => ({
        license: 1,
        id,
        file_name: cocoName('train2014', id),
        width,
        height,
      })),
      annotations: images.map(({ id }, index) => ({
        id: 1700 + index,
        image_id: id,
        bbox: [8, 4, 32, 24],
        category_id: 1,
        area: 768,
        iscrowd: 0,
        segmentation: [],
      })),
      categories: [{ id: 1, name: 'person', supercategory: 'person' }],
    };
    let sentence = 0;
    const reference = (index: number, split: string, ...texts: readonly string[]) => {
      const sentences = texts.map((sent) => ({
        tokens: sent.split(' '),
        raw: sent,
        sent_id: sentence++,
        sent,
      }));
      const { id } = images[index]!;
      return {
        sent_ids: sentences.map(({ sent_id }) => sent_id),
        file_name: cocoName('train2014', id).replace('.jpg', '_16.jpg'),
        ann_id: 1700 + index,
        ref_id: 10 + index,
        image_id: id,
        split,
        sentences,
        category_id: 1,
      };
    };
    const write = (folder: string, name: string, references: readonly unknown[]) => {
      if (folder === 'refcoco+') to.json(`${folder}/${name}.json`, references);
      else to.file(`${folder}/${name}.p`, pickle(references));
      to.json(`${folder}/instances.json`, instances);
    };
    write('refcoco', 'refs(unc)', [
      reference(0, 'train', 'the lady with the blue shirt', 'lady'),
      reference(1, 'testA', 'man on left'),
      reference(2, 'val', 'not used'),
    ]);
    write('refcoco+', 'refs(unc)', [reference(0, 'train', 'blue'), reference(1, 'testB', 'tall thing')]);
    write('refcocog', 'refs(umd)', [
      reference(2, 'train', 'a square of squares'),
      reference(3, 'test', 'a wide picture', 'the wide one'),
    ]);
    for (const { id, width, height } of images) {
      await to.image(`train2014/${cocoName('train2014', id)}`, { width, height });
    }
  },

  async VQAv2(to) {
    const write = (folder: string, rows: readonly (readonly [number, number, string, string])[]) => {
      to.json(`v2_OpenEnded_mscoco_${folder}_questions.json`, {
        info: { year: 2017 },
        task_type: 'Open-Ended',
        data_type: 'mscoco',
        license: {},
        data_subtype: folder,
        questions: rows.map(([question_id, image_id, question]) => ({ image_id, question, question_id })),
      });
      to.json(`v2_mscoco_${folder}_annotations.json`, {
        info: { year: 2017 },
        annotations: rows.map(([question_id, image_id, , answer]) => ({
          question_type: 'what',
          multiple_choice_answer: answer,
          answers: asObjects(ten(answer)),
          image_id,
          answer_type: 'other',
          question_id,
        })),
      });
    };
    write('train2014', [
      [458752000, 458752, 'What is this photo taken looking through?', 'net'],
      [262146000, 262146, 'What color is the snow?', 'white'],
      [458752001, 458752, 'What position is this man playing?', 'pitcher'],
    ]);
    write('val2014', [
      [262148000, 262148, 'Where is he looking?', 'down'],
      [262148001, 262148, 'How many people are there?', '10'],
      [393225000, 393225, 'Is the soup hot?', 'yes'],
    ]);
    for (const id of [458752, 262146]) await to.image(`train2014/${cocoName('train2014', id)}`);
    for (const id of [262148, 393225]) await to.image(`val2014/${cocoName('val2014', id)}`);
  },

  async OCRVQA(to) {
    const book = (split: number, extension: string, title: string) => ({
      imageURL: `http://example.org/images/${title}${extension}`,
      questions: ['What is the title of this book?', 'Is this a sociopolitical book?'],
      answers: [title, 'No'],
      title,
      authorName: 'Somebody',
      genre: 'Travel',
      split,
    });
    to.json('dataset.json', {
      '0060732660': book(1, '.jpg', 'Old Roads'),
      '0135119000': book(3, '.jpg', 'New Roads'),
      '0394500000': book(2, '.jpg', 'No Roads'),
      '0471000000': book(1, '.png', 'High Roads'),
    });
    await to.image('images/0060732660.jpg');
    await to.image('images/0135119000.jpg');
    await to.image('images/0471000000.png');
  },
};

/** Writes one task's raw download to a folder. */
export async function writeDownload(task: CoinTask, root: string): Promise<void> {
  const seeds = Object.keys(writers).indexOf(task) * 100;
  await writers[task](new Download(root, seeds));
}

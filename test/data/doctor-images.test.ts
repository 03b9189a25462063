// What the doctor says of images: missing, broken, of another size, in training and test alike, known to the base model.
// Everything else it can find is in doctor.test.ts.
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examineData } from '../../src/data/doctor/doctor.ts';
import { sha256OfFile } from '../../src/formats/files/files.ts';
import { readImage } from '../../src/formats/images/image.ts';
import { formatHash, hashImage } from '../../src/formats/images/image-hash.ts';
import { drawImage } from '../support/files/raw-downloads.ts';
import { editRows, only, ordinary, SickData } from '../support/sick-data.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-doctor-images-'));
const data = new SickData(root);
const findingsOf = data.findingsOf.bind(data);

beforeAll(() => data.prepare(['GQA', 'VQAv2', 'Grounding', 'OCRVQA']));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('images', () => {
  const images = 'cl_dataset/GQA/images';

  it('that are missing', async () => {
    const found = await findingsOf('GQA', (folder) => rmSync(join(folder, images, 'n435808.jpg')));
    expect(found).toEqual(
      only(
        'error',
        'image-missing',
        'Instructions_Original/GQA/test.json: 1 of 2 images is not there; the first: cl_dataset/GQA/images/n435808.jpg (row 3)',
        'a run stops at a missing image: put it there, or prepare the data without it (--missing skip)',
      ),
    );
    expect(
      await findingsOf('GQA', (folder) => rmSync(join(folder, images), { recursive: true }), {
        images: 'none',
      }),
    ).toEqual([]);
  });

  it('that cannot be decoded', async () => {
    const [finding, ...others] = await findingsOf('GQA', (folder) => {
      const file = join(folder, images, '2375429.jpg');
      writeFileSync(file, readFileSync(file).subarray(0, 300));
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ severity: 'error', code: 'image-undecodable', hint: 'fetch it again' });
    expect(finding?.message).toMatch(
      /^Instructions_Original\/GQA\/train\.json: 1 of 2 images looked at cannot be decoded; the first: cl_dataset\/GQA\/images\/2375429\.jpg \(row 2\): the image cannot be decoded: /,
    );
    const empty = await findingsOf('GQA', (folder) => writeFileSync(join(folder, images, '2375429.jpg'), ''));
    expect(empty).toEqual(
      only(
        'error',
        'image-undecodable',
        'Instructions_Original/GQA/train.json: 1 of 2 images looked at cannot be decoded; the first: cl_dataset/GQA/images/2375429.jpg (row 2): not an image: the file is empty',
      ),
    );
  });

  it('that are placeholders of a pixel', async () => {
    const change = async (folder: string) =>
      writeFileSync(join(folder, images, '2375429.jpg'), await drawImage(5, { width: 1, height: 1 }));
    expect(await findingsOf('GQA', change)).toEqual(
      only(
        'error',
        'image-tiny',
        'Instructions_Original/GQA/train.json: 1 of 2 images looked at has a side of less than 8 pixels; the first: cl_dataset/GQA/images/2375429.jpg (row 2)',
        'servers send such placeholders for images that they lack: fetch it again, or leave it out',
      ),
    );
  });

  it('that are placeholders among too many to decode', async () => {
    const names = Array.from({ length: 400 }, (_, index) => `${index}.jpg`);
    const folder = join(root, 'many images');
    cpSync(data.healthy('GQA'), folder, { recursive: true });
    for (const name of names) copyFileSync(join(folder, images, '2375429.jpg'), join(folder, images, name));
    writeFileSync(join(folder, images, '333.jpg'), await drawImage(5, { width: 1, height: 1 }));
    editRows(folder, 'GQA/train.json', (rows) => {
      const [row] = rows;
      rows.push(...names.map((name) => ({ ...row, id: name, image: `GQA/images/${name}` })));
    });
    const { findings, tasks } = await examineData({ folder });
    expect(tasks[0]?.decoded).toBe(202);
    expect(findings.filter(({ code }) => code === 'image-tiny')).toHaveLength(1);
  });

  it('that are not as large as their row says', async () => {
    const image = 'cl_dataset/COCO2014/train2014/COCO_train2014_000000000333.jpg';
    const [finding, ...others] = await findingsOf('Grounding', async (folder) => {
      writeFileSync(join(folder, image), await drawImage(999, { width: 40, height: 64 }));
    });
    expect(others).toEqual([]);
    expect(finding?.message).toMatch(
      /^Instructions_Original\/Grounding\/test\.json: 1 of 2 images looked at have another size; the first: cl_dataset\/COCO2014\/train2014\/COCO_train2014_000000000333\.jpg is 40 × 64, row \d says 64 × 40$/,
    );
    expect(finding?.code).toBe('image-size');
  });
});

describe('leaks from training to test', () => {
  const hint =
    'the test score then shows memory: leave the images out of one side, or say so beside the score';
  const images = 'cl_dataset/GQA/images';

  it('the same file', async () => {
    const change = (folder: string) =>
      editRows(folder, 'GQA/test.json', (rows) => {
        rows[2]!.image = 'GQA/images/2354786.jpg';
      });
    expect(await findingsOf('GQA', change)).toEqual(
      only(
        'warning',
        'leak-path',
        '1 test image is trained on too; the first: cl_dataset/GQA/images/2354786.jpg',
        hint,
      ),
    );
  });

  it('the same file in another task', async () => {
    const folder = join(root, 'two tasks');
    cpSync(data.healthy('GQA'), folder, { recursive: true });
    cpSync(data.healthy('OCRVQA'), folder, { recursive: true });
    editRows(folder, 'OCRVQA/test.json', (rows) => {
      rows[0]!.image = 'GQA/images/2354786.jpg';
    });
    const { findings } = await examineData({ folder });
    expect(findings.filter(ordinary)).toEqual(
      only(
        'warning',
        'leak-path',
        '1 test image is trained on by GQA; the first: cl_dataset/GQA/images/2354786.jpg',
      ),
    );
  });

  it('the same bytes under another name', async () => {
    const change = (folder: string) =>
      copyFileSync(join(folder, images, '2354786.jpg'), join(folder, images, 'n435808.jpg'));
    expect(await findingsOf('GQA', change)).toEqual(
      only(
        'warning',
        'leak-content',
        '1 test image has the same bytes as a training image; the first: cl_dataset/GQA/images/n435808.jpg = cl_dataset/GQA/images/2354786.jpg',
        hint,
      ),
    );
  });

  it('nearly the same image', async () => {
    const [finding, ...others] = await findingsOf('GQA', async (folder) => {
      const twin = await sharp(join(folder, images, '2354786.jpg'))
        .resize(96, 72)
        .jpeg({ quality: 70 })
        .toBuffer();
      writeFileSync(join(folder, images, 'n435808.jpg'), twin);
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ severity: 'warning', code: 'leak-near', hint });
    expect(finding?.message).toMatch(
      /^1 test image looks like a training image; the first: cl_dataset\/GQA\/images\/n435808\.jpg ≈ cl_dataset\/GQA\/images\/2354786\.jpg \(\d of 128 bits differ\)$/,
    );
  });
});

describe("images of the base model's training", () => {
  const list = join(root, 'seen.txt');
  const image = (folder: string) => join(folder, 'cl_dataset/COCO2014/val2014/COCO_val2014_000000262148.jpg');
  const expected = only(
    'warning',
    'contamination',
    'the base model was trained on 1 of 2 test images; the first: cl_dataset/COCO2014/val2014/COCO_val2014_000000262148.jpg',
  );

  it.each([
    ['a name of another release', async () => 'coco/train2017/000000262148.jpg'],
    ['the same name', async () => 'COCO_val2014_000000262148.jpg'],
    ['a SHA-256', async () => sha256OfFile(image(data.healthy('VQAv2')))],
    ['a perceptual hash', async () => formatHash(hashImage(await readImage(image(data.healthy('VQAv2'))))!)],
  ])('by %s', async (_, line) => {
    writeFileSync(list, `000000000001.jpg\n${await line()}\n`);
    expect(await findingsOf('VQAv2', () => {}, { baseImages: list })).toEqual(expected);
  });

  it('in training are a note; an empty list is a mistake', async () => {
    writeFileSync(list, '000000458752\n');
    expect(await findingsOf('VQAv2', () => {}, { baseImages: list })).toEqual(
      only(
        'note',
        'contamination',
        'the base model was trained on 1 of 2 training images; the first: cl_dataset/COCO2014/train2014/COCO_train2014_000000458752.jpg',
      ),
    );
    writeFileSync(list, '\n');
    await expect(findingsOf('VQAv2', () => {}, { baseImages: list })).rejects.toThrow(
      `${list}: expected an image a line (a name, a SHA-256 or a perceptual hash), found nothing`,
    );
  });
});

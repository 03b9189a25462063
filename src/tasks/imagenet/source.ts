// ImageNet as published: a folder of images per class in `train` and `val`, and a user's list of classes, one
// `n01440764` or `n01440764 tench` a line. Names that the list lacks come from LOC_synset_mapping.txt (first synonym).
// The 100 classes that CoIN drew are not public; the list is the user's.
import { z } from 'zod';
import { DataError, UserError } from '../../base/errors.ts';
import { counted } from '../../base/small.ts';
import { readText } from '../../formats/records/json.ts';
import { RandomStream } from '../../tensor/random.ts';
import type { RawFolder } from '../downloads/raw-folder.ts';
import type { RawSource, RawSplit } from '../downloads/source.ts';

const hint = 'a text file with a WordNet id a line, e.g. "n01440764" or "n01440764 tench"';
const wordNetId = /^n\d{8}$/;
const isImage = /\.(jpe?g|png)$/i;
const listNames = ['classes.txt', 'imagenet100.txt', 'Labels.txt'];
const line = z.string().regex(/^n\d{8}(\s+\S.*)?$/);

export const imagenetSource: RawSource = {
  testFile: 'test.json',
  expects: [
    'train/<WordNet id>/*.JPEG, val/<WordNet id>/*.JPEG, classes.txt (or --classes FILE), LOC_synset_mapping.txt',
  ],
  open(from) {
    const list = from.classes ?? from.require(listNames, hint);
    const classes = readClasses(from, list);
    const folders = { train: splitFolder(from, ['train']), test: splitFolder(from, ['val', 'test']) };
    return {
      form: 'class folders',
      annotations: [],
      *entries(split) {
        // Mixed, so that the first entries are not all of one class.
        const order = new RandomStream(0, `ImageNet ${split}`).shuffle(
          [...classes].flatMap(([id, name]) =>
            filesOf(from, folders[split], id).map((file) => ({ id, name, file })),
          ),
        );
        for (const { id, name, file } of order) {
          const place = `${folders[split]}/${id}/${file}`;
          const target = `ImageNet_withlabel/${targetOf[split]}/${id}/${file}`;
          // The question is part of the instruction.
          const turns = [{ question: '', answer: name }];
          yield { id: file.replace(/\.\w+$/, ''), image: from.image(target, [place]), turns };
        }
      },
    };
  },
};

const targetOf: Readonly<Record<RawSplit, string>> = { train: 'train', test: 'val' };

/** Names by WordNet ids, in the order of the list. */
function readClasses(from: RawFolder, file: string): ReadonlyMap<string, string> {
  const mapping = from.find(['LOC_synset_mapping.txt', '../LOC_synset_mapping.txt']);
  const synsets = new Map(
    mapping === undefined
      ? []
      : linesOf(mapping).map(({ id, name }) => [id, name.split(',')[0]?.trim() ?? '']),
  );
  const classes = new Map<string, string>();
  for (const { id, name, row } of linesOf(file)) {
    if (classes.has(id))
      throw new DataError({ file, line: row, message: `the class ${id} occurs twice (row ${row})` });
    const known = name === '' ? synsets.get(id) : name;
    if (known === undefined || known === '') {
      throw new DataError({
        file,
        line: row,
        message: `the class ${id} has no name (row ${row})`,
        hint: 'write the name after the id, or put LOC_synset_mapping.txt beside the images',
      });
    }
    classes.set(id, known);
  }
  if (classes.size === 0) throw new DataError({ file, message: 'the list of classes is empty', hint });
  return classes;
}

function linesOf(file: string) {
  return readText(file, { hint })
    .split(/\r?\n/)
    .map((text, index) => ({ text: text.trim(), row: index + 1 }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'))
    .map(({ text, row }) => {
      if (!line.safeParse(text).success) {
        throw new DataError({
          file,
          line: row,
          message: `expected a WordNet id and a name, found "${text}" (row ${row})`,
          hint,
        });
      }
      return { id: text.slice(0, 9), name: text.slice(9).trim(), row };
    });
}

function splitFolder(from: RawFolder, names: readonly string[]): string {
  const bases = ['', 'ILSVRC/Data/CLS-LOC/', 'Data/CLS-LOC/'];
  const places = bases.flatMap((base) => names.map((name) => base + name));
  const found = places.find((place) => from.list(place).length > 0);
  if (found !== undefined) return requireClassFolders(from, found);
  throw new UserError({
    file: `${from.path}/${names[0]}`,
    message: `no images: expected a folder per class in ${names.join(' or ')}`,
    hint: 'from image-net.org (ILSVRC2012); the validation images must be sorted into class folders',
  });
}

/** Kaggle's validation images lie in one folder, with their classes in LOC_val_solution.csv. */
function requireClassFolders(from: RawFolder, folder: string): string {
  const names = from.list(folder);
  const flat = names.filter((name) => isImage.test(name));
  if (flat.length === 0 || names.some((name) => wordNetId.test(name))) return folder;
  throw new UserError({
    file: `${from.path}/${folder}`,
    message: `expected a folder per class, found ${counted(flat.length, 'image')} in no class, e.g. ${flat[0]}`,
    hint: "sort them into folders named by WordNet id; of Kaggle's validation images LOC_val_solution.csv says which",
  });
}

function filesOf(from: RawFolder, folder: string, id: string): readonly string[] {
  const files = from.list(`${folder}/${id}`).filter((name) => isImage.test(name));
  if (files.length > 0) return files;
  throw new UserError({
    file: `${from.path}/${folder}/${id}`,
    message: 'the class is on the list, but there are no images of it',
  });
}

// A target per reader: the files of a small valid case, and how they are read. Reads go as far as values are used.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetWriteFile } from 'hyparquet-writer';
import { readAdapter, readProjector } from '../../dist/adapters/peft.js';
import { loadConfig } from '../../dist/config/load.js';
import { decodeImage, encodePng } from '../../dist/formats/images/image.js';
import { readParquet } from '../../dist/formats/records/parquet.js';
import { loadTokenizer } from '../../dist/formats/text/tokenizer.js';
import { openCheckpoint } from '../../dist/formats/weights/checkpoint.js';
import { readPlainPickle } from '../../dist/formats/weights/plain-pickle.js';
import { openSafetensors, serializeSafetensors } from '../../dist/formats/weights/safetensors.js';
import { readFloat32 } from '../../dist/formats/weights/tensor-file.js';
import { openTorchFile } from '../../dist/formats/weights/torch-checkpoint.js';
import { methods } from '../../dist/methods/index.js';
import { readStage } from '../../dist/methods/shared/stage-files.js';
import { chatTemplate, findChatTemplate } from '../../dist/models/llava/chat-template.js';
import { openSources } from '../../dist/models/llava/sources.js';
import { readImageTransform } from '../../dist/models/parts/clip/processor.js';
import { readJournal } from '../../dist/runs/journal.js';
import { readCoinAnnotations } from '../../dist/tasks/layout/annotations.js';
import { readTestInstructions, readTrainInstructions } from '../../dist/tasks/layout/instructions.js';
import { streamPredictions } from '../../dist/tasks/prediction-file.js';
import { readPredictions } from '../../dist/tasks/predictions.js';
import { readState, serializeState } from '../../dist/training/checkpoint.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const fixture = (...parts) => readFileSync(join(fixtures, ...parts));
const json = (value) => Buffer.from(JSON.stringify(value));
const lines = (values) => Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
const floats = (length) => Float32Array.from({ length }, (_, i) => Math.sin(i));
const tensor = (shape) => ({ dtype: 'F32', shape, data: floats(shape.reduce((a, b) => a * b, 1)) });
const host = (shape) => ({ dtype: 'float32', shape, data: floats(shape.reduce((a, b) => a * b, 1)) });

/** All values of a file of tensors. */
const values = (file) => {
  for (const [name, { dtype }] of file.tensors)
    if (['F32', 'F16', 'BF16'].includes(dtype)) readFloat32(file, name);
};
const all = (rows) => {
  for (const row of rows) void row;
};
const adapterFiles = (name) =>
  Object.fromEntries(
    readdirSync(join(fixtures, 'parity/adapters', name))
      .filter((file) => !file.startsWith('expected'))
      .map((file) => [file, fixture('parity/adapters', name, file)]),
  );
const rows = [0, 1, 2].map((i) => ({
  question_id: `q${i}`,
  image: './COCO2014/a.jpg',
  text: 'What is it?\nAnswer in a word.',
  answer: 'a dog',
}));
const trainRows = [0, 1, 2].map((i) => ({
  id: `t${i}`,
  image: './COCO2014/a.jpg',
  conversations: [
    { from: 'human', value: '<image>\nWhat is it?' },
    { from: 'gpt', value: 'a dog' },
  ],
}));
const instructions = 'Instructions_Original/VQAv2';
const image = await encodePng({ width: 24, height: 16, data: new Uint8Array(24 * 16 * 3).map((_, i) => i) });
const taskSource = (folder) => ({
  task: 'VQAv2',
  source: { root: folder, instructionType: 'Original' },
});
const projectorShapes = new Map([['model.multi_modal_projector.linear_1.weight', { shape: [4, 4] }]]);

function parquetBytes() {
  const file = join(mkdtempSync(join(tmpdir(), 'coin-fuzz-parquet-')), 'x.parquet');
  const count = 40;
  parquetWriteFile({
    filename: file,
    columnData: [
      { name: 'id', data: Array.from({ length: count }, (_, i) => BigInt(i)), type: 'INT64' },
      {
        name: 'question',
        data: Array.from({ length: count }, (_, i) => `What is ${i % 7}?`),
        type: 'STRING',
      },
      { name: 'balanced', data: Array.from({ length: count }, (_, i) => i % 2 === 0), type: 'BOOLEAN' },
    ],
    rowGroupSize: 16,
  });
  return readFileSync(file);
}

/** The files of each target by path; `damage` names those that are damaged, by default all. */
export const targets = {
  safetensors: {
    files: {
      'model.safetensors': Buffer.from(
        serializeSafetensors({ a: tensor([3, 4]), b: { ...tensor([5]), dtype: 'F32' } }, { format: 'pt' }),
      ),
    },
    read: (folder) => values(openSafetensors(join(folder, 'model.safetensors'))),
  },
  'sharded checkpoint': {
    files: Object.fromEntries(
      readdirSync(join(fixtures, 'parity/layouts/hub/model')).map((name) => [
        name,
        fixture('parity/layouts/hub/model', name),
      ]),
    ),
    damage: ['model.safetensors.index.json', 'model-00002-of-00003.safetensors', 'config.json'],
    read: (folder) => {
      openSources(folder);
      values(openCheckpoint(folder).tensors.values().next().value.file);
    },
  },
  'model config': {
    files: {
      'config.json': fixture('parity/layouts/qwen2-siglip/model/config.json'),
      'model.safetensors': fixture('parity/layouts/qwen2-siglip/model/model.safetensors'),
    },
    damage: ['config.json'],
    read: (folder) => void openSources(folder),
  },
  'processor config': {
    files: {
      'processor_config.json': json({
        image_processor: {
          image_processor_type: 'CLIPImageProcessor',
          do_resize: true,
          size: { shortest_edge: 24 },
          crop_size: { height: 24, width: 24 },
          image_mean: [0.5, 0.5, 0.5],
          image_std: [0.2, 0.2, 0.2],
          resample: 3,
          rescale_factor: 1 / 255,
        },
      }),
    },
    read: (folder) => void readImageTransform(folder),
  },
  ...Object.fromEntries(
    ['archive.bin', 'module.bin', 'stream.bin'].map((name) => [
      `torch ${name}`,
      {
        files: { 'pytorch_model.bin': fixture('torch', name) },
        // A whole module is refused: it could run code.
        whole: name !== 'module.bin',
        read: (folder) => values(openTorchFile(join(folder, 'pytorch_model.bin'))),
      },
    ]),
  ),
  'plain pickle': {
    files: {
      'refs.p': Buffer.from('gAR9lCiMAWGUXZQoSwFLAksDZYwBYpR9lIwBY5RHP/AAAAAAAABzjAFklIwCw6mUdS4=', 'base64'),
    },
    read: (folder) => void readPlainPickle(join(folder, 'refs.p'), 'references'),
  },
  ...Object.fromEntries(
    ['prepend', 'bytes'].map((name) => [
      `tokenizer.json ${name}`,
      {
        files: {
          'tokenizer.json': fixture('tokenizer', name, 'tokenizer.json'),
          'tokenizer_config.json': fixture('tokenizer', name, 'tokenizer_config.json'),
        },
        read(folder) {
          const tokenizer = loadTokenizer(folder);
          tokenizer.decode(tokenizer.encode('What is in the image? 日本 <image>'));
        },
      },
    ]),
  ),
  'tokenizer.model': {
    files: { 'tokenizer.model': fixture('tokenizer/sentencepiece/tokenizer.model') },
    read(folder) {
      const tokenizer = loadTokenizer(folder);
      tokenizer.decode(tokenizer.encode('What is in the image? 日本 <image>'));
    },
  },
  'chat template': {
    files: {
      'chat_template.jinja': Buffer.from(
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
      ),
      'tokenizer.json': fixture('tokenizer/bytes/tokenizer.json'),
      'tokenizer_config.json': fixture('tokenizer/bytes/tokenizer_config.json'),
    },
    damage: ['chat_template.jinja'],
    tokenizer: loadTokenizer(join(fixtures, 'tokenizer/bytes')),
    read(folder) {
      const turns = [{ question: 'q', answer: 'a' }];
      chatTemplate(findChatTemplate(folder), this.tokenizer).conversation(turns, { hasImage: true });
    },
  },
  image: {
    files: { 'a.png': Buffer.from(image) },
    read: async (folder) =>
      void (await decodeImage(readFileSync(join(folder, 'a.png')), join(folder, 'a.png'))),
  },
  'train.json': {
    files: { [`${instructions}/train.json`]: json(trainRows), 'cl_dataset/COCO2014/a.jpg': Buffer.from('x') },
    damage: [`${instructions}/train.json`],
    read(folder) {
      for (const sample of readTrainInstructions(taskSource(folder))) void sample.turns;
    },
  },
  'test.json': {
    files: { [`${instructions}/test.json`]: json(rows), 'cl_dataset/COCO2014/a.jpg': Buffer.from('x') },
    damage: [`${instructions}/test.json`],
    read: (folder) => void readTestInstructions(taskSource(folder)),
  },
  annotations: {
    files: { 'val.json': json(rows) },
    read: (folder) => void readCoinAnnotations(join(folder, 'val.json'), 'answer'),
  },
  parquet: {
    files: { 'train.parquet': parquetBytes() },
    async read(folder) {
      for await (const row of readParquet(join(folder, 'train.parquet'), ['id', 'question', 'balanced']))
        void row;
    },
  },
  ...Object.fromEntries(
    ['patterns', 'some-layers', 'coin-moelora'].map((name) => [
      `adapter ${name}`,
      { files: adapterFiles(name), read: (folder) => void readAdapter(folder) },
    ]),
  ),
  projector: {
    files: {
      'non_lora_trainables.safetensors': Buffer.from(
        serializeSafetensors({ 'model.multi_modal_projector.linear_1.weight': tensor([4, 4]) }),
      ),
    },
    read: (folder) => void readProjector(folder, projectorShapes),
  },
  'stage files': {
    files: {
      'method_state.safetensors': Buffer.from(
        serializeSafetensors(
          { 'memory.fisher': tensor([4, 4]), 'trained.gate': tensor([2]) },
          { method: 'ewc', schema: '2', notes: '{"tasks":["a"]}', sampleBytes: '12' },
        ),
      ),
      'non_lora_trainables.safetensors': Buffer.from(
        serializeSafetensors({ 'model.multi_modal_projector.linear_1.weight': tensor([4, 4]) }),
      ),
    },
    read: (folder) =>
      void readStage(folder, { method: methods.ewc, open: {}, model: { alongside: projectorShapes } }),
  },
  checkpoint: {
    files: {
      'checkpoint.safetensors': Buffer.from(
        serializeState(
          {
            step: 3,
            parameters: { a: host([2, 3]) },
            firstMoments: { a: host([2, 3]) },
            secondMoments: { a: host([2, 3]) },
          },
          'identity',
        ),
      ),
    },
    read: (folder) => void readState(join(folder, 'checkpoint.safetensors'), 'identity'),
  },
  journal: {
    files: {
      'journal.jsonl': lines(
        ['a', 'b', 'c'].map((key) => ({
          kind: 'train',
          key,
          at: '2026-01-01T00:00:00Z',
          from: '',
          files: { 'x/y': 'a'.repeat(64) },
          measured: { seconds: 1 },
        })),
      ),
    },
    read: (folder) => void readJournal(join(folder, 'journal.jsonl')),
  },
  configuration: {
    files: {
      'run.yaml': Buffer.from(
        'base: nano\nname: mine\nmethods: [lora, moelora]\nseed: 3\nadapter:\n  rank: 8\n  alpha: 16\ntraining:\n  epochs: 1\nevaluation:\n  slots: 4\n',
      ),
    },
    read: (folder) => void loadConfig(join(folder, 'run.yaml')),
  },
  composition: {
    files: {
      'coin-model.yaml': Buffer.from('decoder: .\nvision: .\nfeatures:\n  layer: -2\n  strategy: default\n'),
      'config.json': fixture('parity/layouts/hub/model/config.json'),
    },
    // Its vision tower is not there: what is read is the composition.
    whole: false,
    read: (folder) => void openSources(folder),
  },
  predictions: {
    files: {
      'a.jsonl': lines(rows.map(({ question_id }) => ({ question_id, prompt: 'p', text: 't' }))),
    },
    read(folder) {
      all(streamPredictions(join(folder, 'a.jsonl')));
      readPredictions(join(folder, 'a.jsonl'));
    },
  },
};

/** Writes a target's files below a folder. */
export function writeFiles(folder, { files }) {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

// A family that has nothing in common with LLaVA but the interface: images of ragged rows from no tower, nothing that
// trains alongside, fused and otherwise named linear layers, three position axes, bytes as tokens, an end of its own.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles } from '../../../src/formats/files/files.ts';
import { readImage } from '../../../src/formats/images/image.ts';
import { readJsonObject } from '../../../src/formats/records/json.ts';
import type { Tokenizer } from '../../../src/formats/text/tokenizer.ts';
import { openCheckpoint } from '../../../src/formats/weights/checkpoint.ts';
import { serializeSafetensors } from '../../../src/formats/weights/safetensors.ts';
import {
  type AdaptableLinear,
  defineFamily,
  type ImageLayout,
  type ModelImages,
  type ModelOutline,
  type ModelPrompts,
  type ModelShape,
  type OpenModel,
} from '../../../src/models/family.ts';
import type { KeyValue, ModelNetwork } from '../../../src/models/network.ts';
import type { TrainingSequence } from '../../../src/models/sequence.ts';
import { ModelWeights } from '../../../src/models/weights.ts';
import { FreshParameters } from '../../../src/nano/pretraining/fresh-parameters.ts';
import {
  attention,
  cachedAttention,
  causalMask,
  mergeHeads,
  rotate,
  rotation,
  splitHeads,
} from '../../../src/nn/attention.ts';
import { linear, rmsNorm } from '../../../src/nn/layers.ts';
import { Scope } from '../../../src/nn/scope.ts';
import type { Tensor } from '../../../src/tensor/graph.ts';
import { add, concat, flatten, gather, input, mul, reshape, silu, slice } from '../../../src/tensor/ops.ts';

const [HIDDEN, HEADS, LAYERS, INNER, FEATURES] = [16, 2, 2, 24, 6];
const SIZE = HIDDEN / HEADS;
/** After the bytes. */
const [END, PAD, IMAGE] = [256, 257, 258];
const VOCABULARY = 259;
const TYPE = 'toy-bytes';

const sizes = {
  'attn.c_attn': [HIDDEN, 3 * HIDDEN],
  'attn.c_proj': [HIDDEN, HIDDEN],
  'mlp.w1': [HIDDEN, INNER],
  'mlp.w2': [HIDDEN, INNER],
} as const;

const adaptable = new Map(
  Array.from({ length: LAYERS }, (_, layer) =>
    Object.entries(sizes).map(([name, [inputs, outputs]]): [string, AdaptableLinear] => [
      `transformer.h.${layer}.${name}`,
      { layer, inputs, outputs },
    ]),
  ).flat(),
);

const shape: ModelShape = {
  vocabularySize: VOCABULARY,
  hiddenSize: HIDDEN,
  layers: LAYERS,
  featureSize: FEATURES,
  positionAxes: 3,
  cache: { heads: HEADS, headSize: SIZE },
  adaptable,
  targetModules: String.raw`transformer\.h\.\d+\.(attn\.(c_attn|c_proj)|mlp\.w[12])`,
  savedModules: [],
  alongside: new Map(),
};

/** Which axis turns a frequency: the first two by time, one by height, one by width. */
const sections = [2, 1, 1];

function turnOf(positions: Tensor) {
  const [, batch, tokens] = positions.shape;
  let first = 0;
  const parts = sections.map((count, axis) => {
    const frequencies = Float32Array.from({ length: count }, (_, i) => 100 ** (-(first + i) / (SIZE / 2)));
    first += count;
    return rotation(reshape(slice(positions, 0, axis, 1), [batch ?? 1, tokens ?? 1]), frequencies);
  });
  return {
    cos: concat(
      parts.map(({ cos }) => cos),
      3,
    ),
    sin: concat(
      parts.map(({ sin }) => sin),
      3,
    ),
  };
}

type Attend = (layer: number, q: Tensor, k: Tensor, v: Tensor) => Tensor;

function decoder(root: Scope, x: Tensor, positions: Tensor, attend: Attend, rows?: Tensor): Tensor {
  const turn = turnOf(positions);
  const epsilon = 1e-6;
  let state = x;
  for (let layer = 0; layer < LAYERS; layer++) {
    const scope = root.child('transformer.h').child(layer);
    const attn = scope.child('attn');
    const normal = rmsNorm(scope.child('norm1'), state, { epsilon });
    const joined = linear(attn.child('c_attn'), normal, { outputs: 3 * HIDDEN, bias: true });
    const [q, k, v] = [0, 1, 2].map((part) => splitHeads(slice(joined, 2, part * HIDDEN, HIDDEN), HEADS)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const mixed = mergeHeads(attend(layer, rotate(q, turn), rotate(k, turn), v));
    const last = rows !== undefined && layer === LAYERS - 1;
    const wanted = (states: Tensor) => (last ? gather(flatten(states, 2), rows) : states);
    const middle = add(wanted(state), linear(attn.child('c_proj'), wanted(mixed), { outputs: HIDDEN }));
    const inner = rmsNorm(scope.child('norm2'), middle, { epsilon });
    const mlp = scope.child('mlp');
    const gate = silu(linear(mlp.child('w2'), inner, { outputs: INNER }));
    const wide = mul(linear(mlp.child('w1'), inner, { outputs: INNER }), gate);
    state = add(middle, linear(mlp.child('out'), wide, { outputs: HIDDEN }));
  }
  return rmsNorm(root.child('transformer.norm'), state, { epsilon });
}

const network: ModelNetwork = {
  images: (root, features) => linear(root.child('visual.proj'), features, { outputs: HIDDEN }),
  table: (root) => root.weight('transformer.wte.weight', [VOCABULARY, HIDDEN]),
  decode: (root, embeddings, { positions, mask = causalMask(embeddings.dim(1)), keep, rows }) =>
    decoder(
      root,
      embeddings,
      positions,
      (layer, q, k, v) => {
        keep?.(layer, { k, v });
        return attention(q, k, v, mask);
      },
      rows,
    ),
  extend: (root, embeddings, { begun, positions, rows }) => {
    const added: KeyValue[] = [];
    const attend: Attend = (layer, q, k, v) => {
      added.push({ k, v });
      const past = begun.caches[layer] as KeyValue;
      return cachedAttention(q, { ...past, length: begun.lengths }, { k, v });
    };
    return { hidden: decoder(root, embeddings, positions, attend, rows), added };
  },
  logits: (root, hidden) => linear(root.child('lm_head'), hidden, { outputs: VOCABULARY }),
};

const tokenizer: Tokenizer = {
  encode: (text) => [...Buffer.from(text)],
  decode: (ids) => Buffer.from([...ids].filter((id) => id < END)).toString(),
  settles: (id) => id < 128,
  tokenId: (token) => (token === '<end>' ? END : undefined),
  controlTokens: ['<end>', '<pad>', '<image>'],
  addsBegin: false,
  vocabularySize: VOCABULARY,
  bosId: undefined,
  eosId: END,
  padId: PAD,
};

/** Rows that follow from what the image shows: its number of colours in a corner. */
export async function toyLayout(file: string): Promise<ImageLayout> {
  const { data } = await readImage(file);
  const colours = new Set(Array.from({ length: 64 }, (_, i) => data.subarray(12 * i, 12 * i + 3).join()));
  const rows = 2 + (colours.size % 5);
  return { rows, grid: [Math.ceil(rows / 2), 2] };
}

const images: ModelImages = {
  layouts: (files) => Promise.all(files.map(toyLayout)),
  identity: () => TYPE,
  trace: () => ({}),
  compile: async () => ({
    features: (files) => Promise.all(files.map(featuresOf)),
    dispose: async () => {},
  }),
};

/** Mean colours of as many bands, and how far they reach. */
async function featuresOf(file: string): Promise<Float32Array> {
  const [{ data }, { rows }] = [await readImage(file), await toyLayout(file)];
  const features = new Float32Array(rows * FEATURES);
  data.forEach((value, i) => {
    const row = Math.min(rows - 1, Math.floor((i * rows) / data.length));
    const at = row * FEATURES + (i % 3);
    features[at] = (features[at] ?? 0) + (value * rows) / (85 * data.length);
    features[at + 3] = Math.max(features[at + 3] ?? 0, value / 255);
  });
  return features;
}

interface Piece {
  readonly ids: readonly number[];
  readonly learnt?: boolean;
}

/** The image first, at positions of its own: a token after it stands nearer than the rows are many. */
function sequence(pieces: readonly Piece[], image: ImageLayout | undefined): TrainingSequence {
  const words = pieces.flatMap(({ ids, learnt = false }) => ids.map((id) => ({ id, learnt })));
  const rows = image?.rows ?? 0;
  const [down, across] = image?.grid ?? [0, 1];
  const start = Math.max(down, image === undefined ? 0 : across);
  const axis = (of: (row: number) => number) => [
    ...Array.from({ length: rows }, (_, row) => of(row)),
    ...words.map((_, i) => start + i),
  ];
  return {
    inputIds: Int32Array.from([...new Array<number>(rows).fill(IMAGE), ...words.map(({ id }) => id)]),
    imageRows: Int32Array.from([...Array.from({ length: rows }, (_, row) => row), ...words.map(() => -1)]),
    trained: Uint8Array.from([
      ...new Array<number>(rows).fill(0),
      ...words.map(({ learnt }) => Number(learnt)),
    ]),
    positions: Int32Array.from([
      ...axis(() => 0),
      ...axis((row) => Math.floor(row / across)),
      ...axis((row) => row % across),
    ]),
    nextPosition: start + words.length,
  };
}

const asked = (text: string, task = ''): Piece => ({ ids: tokenizer.encode(`[${task}] ${text} > `) });

const prompts: ModelPrompts = {
  ask: (text, { image, task } = {}) => sequence([asked(text, task)], image),
  conversation: (turns, { image, task } = {}) =>
    sequence(
      turns.flatMap(({ question, answer }) => [
        asked(question, task),
        { ids: [...tokenizer.encode(answer), END], learnt: true },
      ]),
      image,
    ),
};

function outline(folder: string): ModelOutline {
  const weights = new ModelWeights(openCheckpoint(folder), { canonicalName, label: 'Toy' });
  return { shape, network, weights, matrices: adaptable };
}

const canonicalName = (name: string) => name;
const parts = [
  { name: 'bands', side: 'images' },
  { name: 'decoder', side: 'decoder' },
] as const;
const names = {
  name: TYPE,
  label: 'Toy',
  canonicalName,
  partOf: (name: string) =>
    name.startsWith('visual.') ? parts[0] : /^(transformer|lm_head)\./.test(name) ? parts[1] : undefined,
};

function open(folder: string): OpenModel {
  const opened = outline(folder);
  const computed = new Map(drawn().map(({ name, tensor }) => [name, tensor.shape as readonly number[]]));
  return {
    ...opened,
    family: names,
    folder,
    tokenizer,
    template: 'bytes',
    endTokenIds: [END],
    padTokenId: PAD,
    computed,
    linears: adaptable,
    tied: new Map(),
    images,
    prompts,
  };
}

export const toyFamily = defineFamily({
  ...names,
  layouts: 'of the toy',
  templates: ['bytes'],
  parts,
  recognises: (folder) =>
    existsSync(join(folder, 'config.json')) &&
    readJsonObject(join(folder, 'config.json')).model_type === TYPE,
  files: listFiles,
  outline,
  open,
  inspect: (folder) => ({
    description: 'a toy',
    outline: outline(folder),
    isComplete: true,
    imageRows: 4,
    facts: {},
    issues: [],
  }),
});

/** Every weight, drawn. */
function drawn() {
  const parameters = new FreshParameters(2);
  const root = new Scope(parameters.provider);
  network.images(root, input('features', 'float32', ['rows', FEATURES]));
  network.table(root);
  const embeddings = input('embeddings', 'float32', ['batch', 'tokens', HIDDEN]);
  const positions = input('positions', 'int32', [3, 'batch', 'tokens']);
  network.logits(root, network.decode(root, embeddings, { positions }));
  return parameters.all;
}

/** Writes a model of the family. */
export function writeToyFamilyModel(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: TYPE }));
  const tensors = drawn().map(
    ({ name, tensor, values }) =>
      [name, { dtype: 'F32', shape: tensor.shape as number[], data: values }] as const,
  );
  writeFileSync(join(folder, 'model.safetensors'), serializeSafetensors(Object.fromEntries(tensors)));
}

// What a checkpoint must hold for a configuration, and what it may hold besides: found by tracing the networks, so that
// it cannot differ from what they ask for. Checked when a model is opened, before anything is compiled.
import type { LinearSize } from '../../adapters/adapter.ts';
import { type Issue, UserError } from '../../base/errors.ts';
import type { CheckpointTensor } from '../../formats/weights/checkpoint.ts';
import { readTensor } from '../../formats/weights/tensor-file.ts';
import { Scope } from '../../nn/scope.ts';
import { flatten, input } from '../../tensor/ops.ts';
import type { LlavaConfig } from './config.ts';
import {
  decodeSequence,
  embeddingTable,
  imageFeatures,
  projectFeatures,
  vocabularyLogits,
} from './network.ts';
import { visionStates } from './vision.ts';
import { HEAD, LANGUAGE_MODEL, type LlavaWeights, VISION_TOWER } from './weights.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

/** Buffers that older versions saved, and the ends of vision towers that no features come from. */
const unused = [
  /\.rotary_emb\.inv_freq$/,
  /\.position_ids$/,
  /^model\.vision_tower\.(post_layernorm|head)\./,
];
const shownIssues = 8;

/** Every weight that the model computes with, by canonical name, with its shape. */
export function expectedWeights(config: LlavaConfig): Shapes {
  return traceShapes((root) => traceModel(root, config));
}

/** Every weight of the vision tower's layers, those above the features included. */
export function towerWeights(config: LlavaConfig): Shapes {
  return traceShapes((root) => traceTower(root, config));
}

/** Every linear layer that an adapter can change, by its path. Those of the whole tower are among them. */
export function linearLayers(config: LlavaConfig): ReadonlyMap<string, LinearSize> {
  const layers = new Map<string, LinearSize>();
  const provide = (name: string, shape: readonly number[]) => input(name, 'float32', shape);
  const root = new Scope(provide, '', {
    adapt(name, x, y) {
      layers.set(name, { inputs: x.staticDim(-1), outputs: y.staticDim(-1) });
      return y;
    },
  });
  traceModel(root, config);
  traceTower(root, config);
  return layers;
}

/**
 * The weights that the model computes with. Throws UserError, an issue each, for weights that are missing, misshapen or not known: what is not known changes the
 * arithmetic elsewhere, and would be lost here.
 */
export function checkWeights(config: LlavaConfig, weights: LlavaWeights): Shapes {
  const expected = expectedWeights(config);
  const tower = towerWeights(config);
  const provide = weights.provider();
  const issues = [...expected].flatMap(([name, shape]) => issuesOf(() => provide(name, shape)));
  for (const [name, { file, entry }] of weights.tensors) {
    if (expected.has(name) || tower.has(name) || unused.some((pattern) => pattern.test(name))) continue;
    if (name === `${HEAD}.weight` && isEmbedding(weights)) continue;
    issues.push({
      file: file.path,
      field: entry.name,
      message: 'is not known here: its effect would be lost',
    });
  }
  if (issues.length === 0) return expected;
  const more = issues.length - shownIssues;
  throw new UserError([
    ...issues.slice(0, shownIssues),
    ...(more > 0
      ? [{ file: weights.checkpoint.folder, message: `and ${more} more weights like these` }]
      : []),
  ]);
}

function traceModel(root: Scope, config: LlavaConfig): void {
  projectFeatures(root, config, flatten(imageFeatures(root, config, pixelsOf(config)), 2));
  embeddingTable(root, config);
  const embeddings = input('embeddings', 'float32', ['batch', 'tokens', config.text.hiddenSize]);
  const positions = input('positions', 'int32', [1, 'batch', 'tokens']);
  vocabularyLogits(root, config, decodeSequence(root, config, embeddings, { positions }));
}

function traceTower(root: Scope, config: LlavaConfig): void {
  visionStates(root.child(VISION_TOWER), config.vision, pixelsOf(config));
}

function traceShapes(trace: (root: Scope) => void): Shapes {
  const shapes = new Map<string, readonly number[]>();
  trace(
    new Scope((name, shape) => {
      shapes.set(name, shape);
      return input(name, 'float32', shape);
    }),
  );
  return shapes;
}

function pixelsOf({ vision }: LlavaConfig) {
  return input('pixels', 'float32', ['images', 3, vision.imageSize, vision.imageSize]);
}

function issuesOf(action: () => unknown): Issue[] {
  try {
    action();
    return [];
  } catch (error) {
    if (error instanceof UserError) return [...error.issues];
    throw error;
  }
}

/** Where head and embeddings are one by the configuration, a head that is there as well must be a copy. */
function isEmbedding({ tensors }: LlavaWeights): boolean {
  const [head, table] = [`${HEAD}.weight`, `${LANGUAGE_MODEL}.embed_tokens.weight`].map((name) =>
    tensors.get(name),
  );
  const bytes = ({ file, entry }: CheckpointTensor) => {
    const { buffer, byteOffset, byteLength } = readTensor(file, entry.name);
    return Buffer.from(buffer, byteOffset, byteLength);
  };
  if (head === undefined || table === undefined || head.entry.dtype !== table.entry.dtype) return false;
  return head.entry.byteLength === table.entry.byteLength && bytes(head).equals(bytes(table));
}

// An adapter's folder, read for a model: every layer that it adapts is there, of the right size, and so is the projector
// that was trained along, saved in whichever of the three ways there are. Does not trace or run anything.
import { adaptationOf } from '../../adapters/adapter.ts';
import {
  type ExpectedTensors,
  hasProjector,
  type ReadAdapter,
  readAdapter,
  readProjector,
  type StoredAdapter,
  type TensorValues,
} from '../../adapters/peft.ts';
import { type Issue, UserError } from '../../base/errors.ts';
import { adaptableLayers } from './inventory.ts';
import type { LlavaModel } from './model.ts';
import { canonicalName, HEAD, LANGUAGE_MODEL, PROJECTOR, VISION_TOWER } from './weights.ts';

export interface ModelAdapter extends StoredAdapter {
  /** The trained projector; empty where the adapter leaves the model's own. */
  readonly projector: TensorValues;
}

const shownIssues = 8;

/**
 * Reads an adapter that PEFT, this tool or CoIN saved, for a model.
 * @throws UserError naming every setting, tensor or layer that does not fit.
 */
export function openModelAdapter(
  model: Pick<LlavaModel, 'config' | 'weights'>,
  folder: string,
): ModelAdapter {
  const adapter = readAdapter(folder, { layers: model.config.text.layers, canonicalName });
  const expected = projectorOf(model);
  const beside = hasProjector(folder);
  if (beside && adapter.saved.size > 0) {
    throw new UserError({
      file: folder,
      message: 'holds two projectors: modules_to_save, and one beside the adapter',
    });
  }
  const projector = beside ? readProjector(folder, expected, { canonicalName }) : adapter.saved;
  const issues = [
    ...layerIssues(model, adapter),
    ...copyIssues(model, adapter),
    ...(projector.size > 0 ? differences(projector, expected) : []),
  ];
  if (issues.length > 0) {
    const more = issues.length - shownIssues;
    throw new UserError([
      ...issues.slice(0, shownIssues).map((issue) => ({ ...issue, file: folder })),
      ...(more > 0 ? [{ file: folder, message: `and ${more} more` }] : []),
    ]);
  }
  const { spec, values } = adapter;
  return { spec, values, projector };
}

/** Whether an adapter changes the vision tower, whose features are computed before any adapter is seen. */
export function adaptsTower({ spec }: StoredAdapter): boolean {
  return Object.keys(spec.layers ?? {}).some((layer) => layer.startsWith(`${VISION_TOWER}.`));
}

/** The model's own projector, by name and shape. */
export function projectorOf({ weights }: Pick<LlavaModel, 'weights'>): ExpectedTensors {
  return new Map(
    [...weights.tensors].flatMap(([name, { entry }]) =>
      name.startsWith(`${PROJECTOR}.`) ? [[name, { shape: entry.shape }] as const] : [],
    ),
  );
}

function layerIssues({ config }: Pick<LlavaModel, 'config'>, { spec, values }: ReadAdapter): Issue[] {
  const layers = adaptableLayers(config);
  return [...values].flatMap(([name, { shape }]): Issue[] => {
    const [, layer = '', part] = /^(.*)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if (part === undefined || adaptationOf(spec, layer) === undefined) return [];
    const base = layers.get(layer);
    if (base === undefined) return [{ field: name, message: 'the model has no such layer' }];
    const [outputs = 0, inputs = 0] = base;
    const [found, wanted] = part === 'A' ? [shape[1], inputs] : [shape[0], outputs];
    if (found === wanted) return [];
    const side = part === 'A' ? 'inputs' : 'outputs';
    return [{ field: name, message: `for ${found} ${side}, but the model's layer has ${wanted}` }];
  });
}

/** What a copy of a layer's own weight may differ by: the rounding to bfloat16, of whichever was rounded. */
const COPY_TOLERANCE = 2 ** -7;

/** An adapter that was trained on another head than the model's gives other answers beside this one. */
function copyIssues(
  { config, weights }: Pick<LlavaModel, 'config' | 'weights'>,
  { copies }: ReadAdapter,
): Issue[] {
  return [...copies].flatMap(([field, copy]): Issue[] => {
    const tied = config.text.tiedEmbeddings && field === `${HEAD}.weight`;
    const name = tied ? `${LANGUAGE_MODEL}.embed_tokens.weight` : field;
    if (!weights.tensors.has(name)) return [{ field, message: 'the model has no such layer' }];
    const own = weights.values(name);
    const found = copy.data as Float32Array;
    const same =
      own.shape.join() === copy.shape.join() &&
      own.data.every(
        (value, i) => Math.abs(value - (found[i] ?? Number.NaN)) <= COPY_TOLERANCE * Math.abs(value),
      );
    return same ? [] : [{ field, message: "the layer's own weight, saved along, is not the model's" }];
  });
}

function differences(found: TensorValues, expected: ExpectedTensors): Issue[] {
  return [...new Set([...found.keys(), ...expected.keys()])].flatMap((field): Issue[] => {
    const [theirs, ours] = [found.get(field)?.shape, expected.get(field)?.shape];
    if (theirs?.join() === ours?.join()) return [];
    const shown = (shape: readonly number[] | undefined) =>
      shape === undefined ? 'nothing' : `[${shape.join(', ')}]`;
    return [{ field, message: `the model has ${shown(ours)}, the adapter ${shown(theirs)}` }];
  });
}

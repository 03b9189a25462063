// An adapter's folder, read for a model: every layer that it adapts is there, of the right size, and so is what was trained
// alongside, saved in whichever of the three ways there are. Does not trace or run anything.
import {
  type ExpectedTensors,
  hasProjector,
  type ReadAdapter,
  readAdapter,
  readProjector,
  type StoredAdapter,
  type TensorValues,
} from '../adapters/peft.ts';
import { type Issue, UserError } from '../base/errors.ts';
import { float32 } from '../tensor/dtype.ts';
import type { ModelAdapter, OpenModel } from './family.ts';

const shownIssues = 8;

/** What of a model an adapter is checked against. */
export type AdaptedModel = Pick<OpenModel, 'family' | 'shape' | 'weights' | 'linears' | 'tied'>;

/**
 * Reads an adapter that PEFT, this tool or CoIN saved, for a model.
 * @throws UserError naming every setting, tensor or layer that does not fit.
 */
export function openModelAdapter(model: AdaptedModel, folder: string): ModelAdapter {
  const { canonicalName } = model.family;
  const expected = model.shape.alongside;
  const adapter = readAdapter(folder, { targets: model.shape, canonicalName });
  const beside = hasProjector(folder);
  if (beside && adapter.saved.size > 0) {
    throw new UserError({
      file: folder,
      message: 'holds two projectors: modules_to_save, and one beside the adapter',
    });
  }
  const alongside = beside ? readProjector(folder, expected, { canonicalName }) : adapter.saved;
  const issues = [
    ...layerIssues(model, adapter),
    ...copyIssues(model, adapter),
    ...(alongside.size > 0 ? differences(alongside, expected) : []),
  ];
  if (issues.length > 0) {
    const more = issues.length - shownIssues;
    throw new UserError([
      ...issues.slice(0, shownIssues).map((issue) => ({ ...issue, file: folder })),
      ...(more > 0 ? [{ file: folder, message: `and ${more} more` }] : []),
    ]);
  }
  const { spec, values } = adapter;
  return { spec, values, alongside };
}

/** Whether an adapter changes what is computed of images before any adapter is seen. */
export function adaptsImages(
  { partOf }: Pick<OpenModel['family'], 'partOf'>,
  { spec }: StoredAdapter,
): boolean {
  return Object.keys(spec.layers ?? {}).some((layer) => partOf(layer)?.side === 'images');
}

/** The model's own values of what trains alongside, by canonical name. */
export function ownAlongside({ shape, weights }: Pick<OpenModel, 'shape' | 'weights'>): TensorValues {
  return new Map(
    [...shape.alongside.keys()].map((name) => {
      const { data, shape: dims } = weights.values(name);
      return [name, float32(data, dims)] as const;
    }),
  );
}

function layerIssues({ linears }: Pick<OpenModel, 'linears'>, { values }: ReadAdapter): Issue[] {
  return [...values].flatMap(([name, { shape }]): Issue[] => {
    const [, layer = '', part] = /^(.*)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if (part === undefined) return [];
    const size = linears.get(layer);
    if (size === undefined) return [{ field: name, message: 'the model has no such layer' }];
    const side = part === 'A' ? 'inputs' : 'outputs';
    const [found, wanted] = [part === 'A' ? shape[1] : shape[0], size[side]];
    if (found === wanted) return [];
    return [{ field: name, message: `for ${found} ${side}, but the model's layer has ${wanted}` }];
  });
}

/** What a copy of a layer's own weight may differ by: the rounding to bfloat16, of whichever was rounded. */
const COPY_TOLERANCE = 2 ** -7;

/** An adapter that was trained on another head than the model's gives other answers beside this one. */
function copyIssues(
  { tied, weights }: Pick<OpenModel, 'tied' | 'weights'>,
  { copies }: ReadAdapter,
): Issue[] {
  return [...copies].flatMap(([field, copy]): Issue[] => {
    const name = tied.get(field) ?? field;
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

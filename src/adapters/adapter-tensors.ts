// The tensors of an adapter's file, sorted: what belongs to which adapted layer, in the spellings of PEFT, of PEFT's raw
// state and of CoIN's experts. Shapes and names only; values are read by whoever wants them.
import type { Issue } from '../base/errors.ts';
import type { AdapterKind } from './adapter.ts';

/** What PEFT puts before a module's path. */
export const PREFIX = 'base_model.model.';

export interface FileTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One tensor of a layer: the files' tensors that it is made of, in order. */
export interface LayerPart {
  /** One tensor; for CoIN's experts one each. */
  readonly sources: readonly FileTensor[];
  /** How the sources lie in the whole: experts' A below one another, their B side by side. */
  readonly axis: 0 | 1;
  readonly shape: readonly number[];
}

export interface LayerTensors {
  /** Path as in the file, without PEFT's prefix. */
  readonly filePath: string;
  readonly parts: ReadonlyMap<string, LayerPart>;
}

export interface SortedTensors {
  /** By canonical path. */
  readonly layers: ReadonlyMap<string, LayerTensors>;
  /** Whole weights saved along, by canonical name. */
  readonly saved: ReadonlyMap<string, FileTensor>;
  /** Copies of adapted layers' own weights, which PEFT saves along for embeddings and heads; by canonical name. */
  readonly copies: ReadonlyMap<string, FileTensor>;
  readonly issues: readonly Issue[];
}

/** The tensors that every adapted layer has. */
export const partNames: { readonly [K in AdapterKind]: readonly string[] } = {
  lora: ['lora_A', 'lora_B'],
  moelora: ['lora_A', 'lora_B', 'lora_router'],
};

/**
 * Sorts the tensors of a file. `canonicalName` gives a weight's name in our spelling for one in any other;
 * `isSaved` says whether a module of this path was saved whole.
 */
export function sortTensors(
  tensors: Iterable<FileTensor>,
  {
    canonicalName,
    isSaved,
  }: { readonly canonicalName: (name: string) => string; readonly isSaved: (path: string) => boolean },
): SortedTensors {
  const issues: Issue[] = [];
  const saved = new Map<string, FileTensor>();
  const copies = new Map<string, FileTensor>();
  const found = new Map<string, { filePath: string; parts: Map<string, Map<number, FileTensor>> }>();
  for (const tensor of tensors) {
    if (!tensor.name.startsWith(PREFIX)) {
      issues.push({ field: tensor.name, message: `unknown tensor: names begin with "${PREFIX}"` });
      continue;
    }
    const name = tensor.name.slice(PREFIX.length);
    const match = tensorName.exec(name);
    if (match?.groups === undefined) {
      const whole = name.replace(/\.modules_to_save(\.default)?\./, '.');
      const copied = /^(.*)\.base_layer\.weight$/.exec(name)?.[1];
      if (copied !== undefined) copies.set(canonicalName(`${copied}.weight`), tensor);
      else if (isSaved(whole)) saved.set(canonicalName(whole), tensor);
      else issues.push({ field: name, message: 'unknown tensor in an adapter' });
      continue;
    }
    const { path: filePath = '', part = '', expert = '-1' } = match.groups;
    const path = canonicalName(`${filePath}.weight`).replace(/\.weight$/, '');
    const layer = found.get(path) ?? { filePath, parts: new Map() };
    found.set(path, layer);
    const part_ = layer.parts.get(part) ?? new Map<number, FileTensor>();
    layer.parts.set(part, part_);
    // PyTorch's state names an expert's weight twice, as itself and as its inner layer's.
    part_.set(Number(expert), part_.get(Number(expert)) ?? tensor);
  }
  const layers = new Map<string, LayerTensors>();
  for (const [path, { filePath, parts }] of found) {
    const joined = [...parts].map(
      ([part, sources]) => [part, joinExperts(path, part, sources, issues)] as const,
    );
    layers.set(path, { filePath, parts: new Map(joined) });
  }
  return { layers, saved, copies, issues };
}

/**
 * `….lora_A.weight`, with the adapter's name as in a raw state (`….lora_A.default.weight`), or of one of CoIN's experts
 * (`….lora_A.loraA.3.mlp.weight`).
 */
const tensorName =
  /^(?<path>.*)\.(?<part>lora_\w+)(?:\.default)?(?:\.lora[AB]\.(?<expert>\d+)(?:\.mlp)?)?\.weight$/;

function joinExperts(
  path: string,
  part: string,
  sources: ReadonlyMap<number, FileTensor>,
  issues: Issue[],
): LayerPart {
  const ordered = [...sources].sort(([a], [b]) => a - b);
  const tensors = ordered.map(([, tensor]) => tensor);
  const axis = part === 'lora_B' ? 1 : 0;
  const [first] = tensors as [FileTensor];
  const field = `${path}.${part}`;
  if (ordered.length > 1 && ordered.some(([expert], i) => expert !== i)) {
    const numbers = ordered.map(([expert]) => (expert < 0 ? 'all' : expert)).join(', ');
    issues.push({ field, message: `experts ${numbers} are there, expected 0 to ${ordered.length - 1}` });
  }
  const other = tensors.find(({ shape }) => shape.join() !== first.shape.join());
  if (other !== undefined) {
    issues.push({
      field,
      message: `experts of unequal shape: [${first.shape.join(', ')}] and [${other.shape.join(', ')}]`,
    });
  }
  const shape = first.shape.map((size, i) => (i === axis ? size * tensors.length : size));
  return { sources: tensors, axis, shape };
}

/** Experts' values joined along the part's axis: [experts·r/N, inputs] or [outputs, experts·r/N]. */
export function joinValues(part: LayerPart, values: readonly Float32Array[]): Float32Array {
  const [only] = values;
  if (values.length === 1 && only !== undefined) return only;
  const [rows = 0, columns = 0] = part.shape;
  const joined = new Float32Array(rows * columns);
  values.forEach((expert, index) => {
    if (part.axis === 0) {
      joined.set(expert, index * expert.length);
      return;
    }
    const width = columns / values.length;
    for (let row = 0; row < rows; row++) {
      joined.set(expert.subarray(row * width, (row + 1) * width), row * columns + index * width);
    }
  });
  return joined;
}

// Adapter folders as PEFT writes them (LoRA), our extension of that layout (MoELoRA), and the projector trained along.
// Gives bytes and reads folders; it writes no file. The layout is described in docs/adapters.md.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Issue, present, UserError } from '../base/errors.ts';
import { openSafetensors, serializeSafetensors } from '../formats/weights/safetensors.ts';
import { readFloat32, type TensorEntry, type TensorFile } from '../formats/weights/tensor-file.ts';
import { openTorchFile } from '../formats/weights/torch-checkpoint.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { type AdapterSpec, type AdapterTargets, adaptationOf, type LayerSize } from './adapter.ts';
import {
  joinValues,
  type LayerTensors,
  PREFIX,
  partNames,
  type SortedTensors,
  sortTensors,
} from './adapter-tensors.ts';
import {
  adapts,
  CONFIG_FILE,
  type PeftConfig,
  peftConfigOf,
  peftTypes,
  readPeftConfig,
} from './peft-config.ts';
import { isWithin, sizeOf } from './peft-modules.ts';

export { CONFIG_FILE, readAdapterSpec } from './peft-config.ts';
export const WEIGHTS_FILE = 'adapter_model.safetensors';
export const PROJECTOR_FILE = 'non_lora_trainables.safetensors';

/** Tensors by canonical name, such as "model.language_model.layers.0.self_attn.q_proj.lora_A.weight". */
export type TensorValues = ReadonlyMap<string, HostTensor>;

/** The names and shapes that a traced model has; `Adapter.parameters` is one. */
export type ExpectedTensors = ReadonlyMap<string, { readonly shape: readonly number[] }>;

export interface StoredAdapter {
  readonly spec: AdapterSpec;
  readonly values: TensorValues;
}

/** An adapter as its folder holds it. */
export interface ReadAdapter extends StoredAdapter {
  /** Weights that were saved whole (`modules_to_save`), by canonical name. */
  readonly saved: TensorValues;
  /** Copies of adapted layers' own weights, by canonical name: they say what the adapter was trained on. */
  readonly copies: TensorValues;
}

export interface ReadAdapterOptions {
  /** The parameters of the traced adapter: the tensors must be exactly those. */
  readonly expected?: ExpectedTensors;
  /**
   * The model's layers: what the settings ask for of them must be there. Without it an adapter is what its file
   * holds.
   */
  readonly targets?: AdapterTargets;
  /** A weight's name in our spelling, of one in that of another version or layout. */
  readonly canonicalName?: (name: string) => string;
}

/**
 * The files of an adapter folder. `targets`: those of the model it adapts; `baseModel`: the model's name or path, for the
 * reader's information. `projector`: its trained weights by canonical name, which PEFT then loads along; without, they are a file of their own.
 * Throws when the tensors do not make up an adapter of this specification (a bug of the caller).
 */
export function serializeAdapter({
  spec,
  values,
  targets,
  baseModel,
  projector = new Map(),
}: StoredAdapter & {
  readonly targets: AdapterTargets;
  readonly baseModel?: string | undefined;
  readonly projector?: TensorValues;
}): {
  readonly [CONFIG_FILE]: string;
  readonly [WEIGHTS_FILE]: Uint8Array;
} {
  const [problem] = problemsOfValues(spec, values, targets);
  if (problem !== undefined) throw new Error(`adapter: ${problem.field}: ${problem.message}`);
  const prefixed = new Map([...values, ...projector].map(([name, tensor]) => [PREFIX + name, tensor]));
  const config = peftConfigOf(spec, { targets, projector: projector.size > 0, baseModel });
  return {
    [CONFIG_FILE]: `${JSON.stringify(config, undefined, 2)}\n`,
    [WEIGHTS_FILE]: tensorBytes(prefixed),
  };
}

/**
 * Reads an adapter folder. With `expected` the tensors must be exactly those; with `targets` they must be a complete
 * adapter of that model.
 * @throws UserError naming every setting that is not supported and every tensor that is missing, unknown or misshapen.
 */
export function readAdapter(folder: string, options: ReadAdapterOptions = {}): ReadAdapter {
  const { expected, targets, canonicalName = (name) => name } = options;
  const config = readPeftConfig(folder, targets);
  const file = openTensors(folder, WEIGHTS_FILE);
  const { modulesToSave } = config.modules;
  const sorted = sortTensors(file.tensors.values(), {
    canonicalName,
    isSaved: (path) => modulesToSave.some((module) => isWithin(path, module)),
  });
  const issues = [...sorted.issues];
  if (expected !== undefined) issues.push(...differences(shapesOf(sorted), expected));
  refuse(file, issues.length > 0 ? issues : adapterProblems(config, sorted, targets));
  const values = [...sorted.layers].flatMap(([path, { parts }]) =>
    [...parts].map(([name, part]) => {
      const whole = joinValues(
        part,
        part.sources.map((source) => readFloat32(file, source.name)),
      );
      return [`${path}.${name}.weight`, float32(whole, part.shape)] as const;
    }),
  );
  const read = (tensors: SortedTensors['saved']): TensorValues =>
    new Map(
      [...tensors].map(([name, { name: inFile, shape }]) => [
        name,
        float32(readFloat32(file, inFile), shape),
      ]),
    );
  return {
    spec: specOf(config, sorted.layers, targets),
    values: new Map(values),
    saved: read(sorted.saved),
    copies: read(sorted.copies),
  };
}

/** The bytes of `non_lora_trainables.safetensors`: the projector's tensors under their canonical names. */
export function serializeProjector(values: TensorValues): Uint8Array {
  return tensorBytes(values);
}

/**
 * Reads the projector beside an adapter. The tensors must be exactly those expected.
 * @throws UserError naming every tensor that is missing, unknown or misshapen.
 */
export function readProjector(
  folder: string,
  expected: ExpectedTensors,
  { canonicalName = (name) => name }: Pick<ReadAdapterOptions, 'canonicalName'> = {},
): TensorValues {
  const file = openTensors(folder, PROJECTOR_FILE);
  const named = new Map<string, TensorEntry>();
  for (const tensor of file.tensors.values()) {
    const bare = tensor.name.startsWith(PREFIX) ? tensor.name.slice(PREFIX.length) : tensor.name;
    const name = canonicalName(bare);
    if (named.has(name)) refuse(file, [{ field: tensor.name, message: `stands twice, as ${name}` }]);
    named.set(name, tensor);
  }
  refuse(file, differences(named, expected));
  return new Map(
    [...expected.keys()].map((name) => {
      const tensor = present(named.get(name), name);
      return [name, float32(readFloat32(file, tensor.name), tensor.shape)];
    }),
  );
}

/** Whether a folder has a projector beside its adapter. */
export function hasProjector(folder: string): boolean {
  return [PROJECTOR_FILE, torchName(PROJECTOR_FILE)].some((name) => existsSync(join(folder, name)));
}

/** A folder's file of tensors, or the one of the same name in PyTorch's format, as older versions of PEFT wrote it. */
function openTensors(folder: string, name: string): TensorFile {
  const torch = join(folder, torchName(name));
  const file =
    existsSync(join(folder, name)) || !existsSync(torch)
      ? openSafetensors(join(folder, name))
      : openTorchFile(torch);
  refuse(
    file,
    [...file.unusable].map(([field, message]) => ({ field, message })),
  );
  return file;
}

const torchName = (name: string): string => name.replace(/\.safetensors$/, '.bin');

type Layers = ReadonlyMap<string, LayerTensors>;
type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** The specification with the layers that are really there; without them where it is all that the model offers, alike. */
function specOf(
  { spec, sizes }: PeftConfig,
  layers: Layers,
  targets: AdapterTargets | undefined,
): AdapterSpec {
  const own = [...layers].map(([path, { filePath }]): [string, LayerSize] => [path, sizeOf(filePath, sizes)]);
  const { adaptable } = targets ?? {};
  const isWhole =
    layers.size === adaptable?.size &&
    own.every(([path, { rank, alpha }]) => adaptable.has(path) && rank === spec.rank && alpha === spec.alpha);
  return isWhole ? spec : { ...spec, layers: Object.fromEntries(own) };
}

/** What keeps the tensors of a file from being the adapter that its configuration describes. */
function adapterProblems(
  config: PeftConfig,
  { layers }: SortedTensors,
  targets: AdapterTargets | undefined,
): Issue[] {
  if (layers.size === 0) return [{ field: 'lora_A', message: 'the file holds no adapted layer' }];
  const issues: Issue[] = [];
  const { kind, experts } = config.spec;
  for (const [path, { filePath, parts }] of layers) {
    const size = { ...sizeOf(filePath, config.sizes), experts };
    const shapes = new Map([...parts].map(([part, { shape }]) => [`${path}.${part}.weight`, { shape }]));
    if (!adapts(config, filePath)) {
      const [field] = shapes.keys();
      const reason = `target_modules of ${CONFIG_FILE} does not name its layer`;
      issues.push({ field, message: `unknown tensor in a ${peftTypes[kind]} adapter: ${reason}` });
      continue;
    }
    for (const part of parts.keys()) {
      if (partNames[kind].includes(part)) continue;
      issues.push({
        field: `${path}.${part}.weight`,
        message: `unknown tensor in a ${peftTypes[kind]} adapter`,
      });
    }
    issues.push(...layerProblems(kind, size, shapes, path));
  }
  return targets === undefined ? issues : [...issues, ...missingLayers(config, layers, targets)];
}

/** Layers of the model that the configuration asks for and the file does not have. */
function missingLayers(config: PeftConfig, layers: Layers, { adaptable }: AdapterTargets): Issue[] {
  const known = [...layers].find(([path]) => adaptable.has(path));
  if (known === undefined) return [];
  const [canonical, inFile] = prefixes(known[0], known[1].filePath);
  return [...adaptable.keys()].flatMap((wanted) => {
    if (layers.has(wanted) || !wanted.startsWith(canonical)) return [];
    if (!adapts(config, inFile + wanted.slice(canonical.length))) return [];
    return partNames[config.spec.kind].map((part) => ({
      field: `${wanted}.${part}.weight`,
      message: 'tensor is missing',
    }));
  });
}

/** What stands before the end that two spellings of a path share. */
function prefixes(path: string, other: string): readonly [string, string] {
  const [mine, theirs] = [path.split('.'), other.split('.')];
  while (mine.length > 0 && mine.at(-1) === theirs.at(-1)) {
    mine.pop();
    theirs.pop();
  }
  return [mine, theirs].map((parts) => parts.map((part) => `${part}.`).join('')) as [string, string];
}

function layerProblems(
  kind: AdapterSpec['kind'],
  { rank, experts }: { readonly rank: number; readonly experts?: number | undefined },
  tensors: Shapes,
  path: string,
): Issue[] {
  const issues: Issue[] = [];
  const inputs = tensors.get(`${path}.lora_A.weight`)?.shape[1];
  const outputs = tensors.get(`${path}.lora_B.weight`)?.shape[0];
  const shapes: Readonly<Record<string, readonly (number | undefined)[]>> = {
    lora_A: [rank, inputs],
    lora_B: [outputs, rank],
    lora_router: [experts, inputs],
  };
  for (const part of partNames[kind]) {
    const field = `${path}.${part}.weight`;
    const found = tensors.get(field)?.shape;
    const wanted = present(shapes[part], part);
    if (found === undefined) issues.push({ field, message: 'tensor is missing' });
    else if (found.join() !== wanted.join()) {
      const size = (value: number | undefined, axis: number) => value ?? (axis === 0 ? 'outputs' : 'inputs');
      issues.push({ field, message: misshapen(wanted.map(size), found) });
    }
  }
  return issues;
}

/** What keeps values from being a complete adapter of a specification: every adapted layer has all parts. */
function problemsOfValues(spec: AdapterSpec, values: Shapes, { adaptable }: AdapterTargets): Issue[] {
  const issues: Issue[] = [];
  const paths = new Set(Object.keys(spec.layers ?? {}));
  for (const name of values.keys()) {
    const [, path = '', part = ''] = /^(.*)\.([^.]+)\.weight$/.exec(name) ?? [];
    if (adaptationOf(spec, path, adaptable) === undefined || !partNames[spec.kind].includes(part)) {
      issues.push({ field: name, message: `unknown tensor in a ${peftTypes[spec.kind]} adapter` });
    } else paths.add(path);
  }
  for (const path of paths) {
    const { rank } = adaptationOf(spec, path, adaptable) ?? spec;
    issues.push(...layerProblems(spec.kind, { rank, experts: spec.experts }, values, path));
  }
  return issues;
}

function shapesOf({ layers }: SortedTensors): Shapes {
  return new Map(
    [...layers].flatMap(([path, { parts }]) =>
      [...parts].map(([part, { shape }]) => [`${path}.${part}.weight`, { shape }] as const),
    ),
  );
}

function differences(found: Shapes, expected: ExpectedTensors): Issue[] {
  const issues: Issue[] = [];
  for (const field of found.keys()) {
    if (!expected.has(field))
      issues.push({ field, message: 'unknown tensor: the model has none of this name' });
  }
  for (const [field, { shape }] of expected) {
    const other = found.get(field)?.shape;
    if (other === undefined) issues.push({ field, message: 'tensor is missing' });
    else if (other.join() !== shape.join()) issues.push({ field, message: misshapen(shape, other) });
  }
  return issues;
}

function misshapen(wanted: readonly (number | string)[], found: readonly number[]): string {
  return `expected shape [${wanted.join(', ')}], found [${found.join(', ')}]`;
}

/** Throws the first few issues, with the file's path. */
function refuse({ path }: Pick<TensorFile, 'path'>, issues: readonly Issue[]): void {
  const shownIssues = 8;
  if (issues.length === 0) return;
  const rest = issues.length - shownIssues;
  throw new UserError([
    ...issues.slice(0, shownIssues).map((issue) => ({ ...issue, file: path })),
    ...(rest > 0 ? [{ file: path, message: `and ${rest} more` }] : []),
  ]);
}

function tensorBytes(values: TensorValues): Uint8Array {
  const tensors = [...values].map(([name, { dtype, shape, data }]) => {
    if (dtype !== 'float32') throw new Error(`adapter: ${name}: expected float32, found ${dtype}`);
    return [name, { dtype: 'F32', shape, data: data as Float32Array }] as const;
  });
  // transformers and PEFT look for this word.
  return serializeSafetensors(Object.fromEntries(tensors), { format: 'pt' });
}

// Adapter folders as PEFT writes them (LoRA), our extension of that layout (MoELoRA), and the projector trained along.
// Gives bytes and reads folders; it writes no file. The layout is described in docs/adapters.md.
import { join } from 'node:path';
import { type Issue, present, UserError } from '../errors.ts';
import { readJsonObject } from '../formats/json.ts';
import {
  openSafetensors,
  readFloat32,
  type SafetensorsFile,
  serializeSafetensors,
} from '../formats/safetensors.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { type AdapterKind, type AdapterSpec, targetPattern } from './adapter.ts';

export const CONFIG_FILE = 'adapter_config.json';
export const WEIGHTS_FILE = 'adapter_model.safetensors';
export const PROJECTOR_FILE = 'non_lora_trainables.safetensors';

/** What PEFT puts before a module's path. */
const PREFIX = 'base_model.model.';

/** Restricted to the language model: a list of names would also fit the vision tower's q_proj, k_proj and v_proj. */
const TARGET_MODULES = String.raw`.*language_model.*\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)`;

const peftTypes: { readonly [K in AdapterKind]: string } = { lora: 'LORA', moelora: 'MOELORA' };

/** The tensors that every adapted layer has. */
const parts: { readonly [K in AdapterKind]: readonly string[] } = {
  lora: ['lora_A', 'lora_B'],
  moelora: ['lora_A', 'lora_B', 'lora_router'],
};

/** Tensors by canonical name, such as "model.language_model.layers.0.self_attn.q_proj.lora_A.weight". */
export type TensorValues = ReadonlyMap<string, HostTensor>;

/** The names and shapes that a traced model has; `Adapter.parameters` is one. */
export type ExpectedTensors = ReadonlyMap<string, { readonly shape: readonly number[] }>;

export interface StoredAdapter {
  readonly spec: AdapterSpec;
  readonly values: TensorValues;
}

/**
 * The files of an adapter folder. `baseModel`: name or path of the model it adapts, for the reader's information.
 * Throws when the tensors do not make up an adapter of this specification (a bug of the caller).
 */
export function serializeAdapter({
  spec,
  values,
  baseModel,
}: StoredAdapter & { readonly baseModel?: string }): {
  readonly [CONFIG_FILE]: string;
  readonly [WEIGHTS_FILE]: Uint8Array;
} {
  const [problem] = adapterProblems(spec, values);
  if (problem !== undefined) throw new Error(`adapter: ${problem.field}: ${problem.message}`);
  const prefixed = new Map([...values].map(([name, tensor]) => [PREFIX + name, tensor]));
  return {
    [CONFIG_FILE]: `${JSON.stringify(configOf(spec, baseModel), undefined, 2)}\n`,
    [WEIGHTS_FILE]: tensorBytes(prefixed),
  };
}

/**
 * Reads an adapter folder. With `expected` (the parameters of the traced adapter) the tensors must be exactly those;
 * without, they must be a complete adapter of some model.
 * @throws UserError naming every setting that is not supported and every tensor that is missing, unknown or misshapen.
 */
export function readAdapter(
  folder: string,
  { expected }: { readonly expected?: ExpectedTensors } = {},
): StoredAdapter {
  const spec = readAdapterSpec(folder);
  const file = openSafetensors(join(folder, WEIGHTS_FILE));
  const shapes = new Map<string, { readonly shape: readonly number[] }>();
  const issues: Issue[] = [];
  for (const { name, shape } of file.tensors.values()) {
    if (name.startsWith(PREFIX)) shapes.set(name.slice(PREFIX.length), { shape });
    else issues.push({ field: name, message: `unknown tensor: names begin with "${PREFIX}"` });
  }
  if (expected !== undefined) issues.push(...differences(shapes, expected));
  refuse(file, issues.length > 0 ? issues : adapterProblems(spec, shapes));
  return { spec, values: valuesOf(file, [...shapes.keys()], PREFIX) };
}

/** Reads `adapter_config.json` alone. Throws UserError naming every setting that is not supported. */
export function readAdapterSpec(folder: string): AdapterSpec {
  const file = join(folder, CONFIG_FILE);
  const config = readJsonObject(file, { hint: 'name a folder that holds an adapter as PEFT saves it' });
  const issues: Issue[] = [];
  const type = config.peft_type;
  const kind = (Object.keys(peftTypes) as AdapterKind[]).find((known) => peftTypes[known] === type);
  if (kind === undefined) {
    const known = Object.values(peftTypes).join(', ');
    throw new UserError({
      file,
      field: 'peft_type',
      message: `${shown(type)} is not supported; known are ${known}`,
    });
  }
  for (const [field, value] of Object.entries(config)) {
    const known = Object.hasOwn(settings, field) && (field !== 'expert_num' || kind === 'moelora');
    const check = known ? present(settings[field], field) : isOff;
    if (!check(value)) {
      issues.push({ file, field, message: `${shown(value)} is not supported` });
    }
  }
  for (const field of ['r', 'lora_alpha', ...(kind === 'moelora' ? ['expert_num'] : [])]) {
    if (!(field in config)) issues.push({ file, field, message: 'is missing' });
  }
  const spec: AdapterSpec = {
    kind,
    rank: config.r as number,
    alpha: config.lora_alpha as number,
    dropout: (config.lora_dropout as number | undefined) ?? 0,
    ...(kind === 'moelora' ? { experts: config.expert_num as number } : {}),
  };
  if (issues.length === 0 && spec.experts !== undefined && spec.rank % spec.experts !== 0) {
    issues.push({ file, field: 'expert_num', message: `${spec.experts} does not divide r = ${spec.rank}` });
  }
  if (issues.length > 0) throw new UserError(issues);
  return spec;
}

/** The bytes of `non_lora_trainables.safetensors`: the projector's tensors under their canonical names. */
export function serializeProjector(values: TensorValues): Uint8Array {
  return tensorBytes(values);
}

/**
 * Reads the projector beside an adapter. The tensors must be exactly those expected.
 * @throws UserError naming every tensor that is missing, unknown or misshapen.
 */
export function readProjector(folder: string, expected: ExpectedTensors): TensorValues {
  const file = openSafetensors(join(folder, PROJECTOR_FILE));
  refuse(file, differences(file.tensors, expected));
  return valuesOf(file, [...expected.keys()]);
}

type Setting = (value: unknown) => boolean;
const isCount: Setting = (value) => Number.isSafeInteger(value) && (value as number) > 0;
const anything: Setting = () => true;

/** Neutral, as PEFT writes a setting that is not used. */
const isOff: Setting = (value) =>
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value as object).length === 0);

/** What a setting may be. One that is not listed, of this or a later PEFT, must be off. */
const settings: Readonly<Record<string, Setting>> = {
  peft_type: anything,
  r: isCount,
  lora_alpha: (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
  lora_dropout: (value) => typeof value === 'number' && value >= 0 && value < 1,
  expert_num: isCount,
  bias: (value) => value === 'none',
  // Others ("pissa", "olora", …) change the base weights too.
  init_lora_weights: (value) => typeof value === 'boolean' || value === null || value === 'gaussian',
  // The tensors say which layers are adapted.
  target_modules: anything,
  exclude_modules: anything,
  // Of no effect on a linear layer's result, or only beside a setting that must be off.
  auto_mapping: anything,
  base_model_name_or_path: anything,
  ensure_weight_tying: anything,
  inference_mode: anything,
  megatron_core: anything,
  peft_version: anything,
  qalora_group_size: anything,
  revision: anything,
  runtime_config: anything,
  task_type: anything,
};

function configOf(spec: AdapterSpec, baseModel: string | undefined): Record<string, unknown> {
  return {
    base_model_name_or_path: baseModel ?? null,
    bias: 'none',
    ...(spec.experts === undefined ? {} : { expert_num: spec.experts }),
    fan_in_fan_out: false,
    inference_mode: true,
    lora_alpha: spec.alpha,
    lora_dropout: spec.dropout,
    modules_to_save: null,
    peft_type: peftTypes[spec.kind],
    r: spec.rank,
    target_modules: TARGET_MODULES,
    task_type: null,
    use_dora: false,
    use_rslora: false,
  };
}

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** What keeps tensors from being a complete adapter: every decoder layer adapts the same modules, each with all parts. */
function adapterProblems(spec: AdapterSpec, tensors: Shapes): Issue[] {
  const issues: Issue[] = [];
  const modules = new Set<string>();
  let layers = 0;
  for (const name of tensors.keys()) {
    const [, path = '', part = ''] = /^(.*)\.([^.]+)\.weight$/.exec(name) ?? [];
    const [, layer, module] = /\.layers\.(\d+)\.(.*)$/.exec(path) ?? [];
    if (!targetPattern.test(path) || !parts[spec.kind].includes(part) || module === undefined) {
      issues.push({ field: name, message: `unknown tensor in a ${peftTypes[spec.kind]} adapter` });
      continue;
    }
    modules.add(module);
    layers = Math.max(layers, Number(layer) + 1);
  }
  // A damaged name must not make us list a million layers.
  if (layers > tensors.size) {
    return [
      ...issues,
      { field: `layers.${layers - 1}`, message: `a layer of this number among ${tensors.size} tensors` },
    ];
  }
  if (modules.size === 0) issues.push({ field: 'lora_A', message: 'the file holds no adapted layer' });
  for (let layer = 0; layer < layers; layer++) {
    for (const module of modules) {
      issues.push(...layerProblems(spec, tensors, `model.language_model.layers.${layer}.${module}`));
    }
  }
  return issues;
}

function layerProblems(spec: AdapterSpec, tensors: Shapes, path: string): Issue[] {
  const issues: Issue[] = [];
  const inputs = tensors.get(`${path}.lora_A.weight`)?.shape[1];
  const outputs = tensors.get(`${path}.lora_B.weight`)?.shape[0];
  const shapes: Readonly<Record<string, readonly (number | undefined)[]>> = {
    lora_A: [spec.rank, inputs],
    lora_B: [outputs, spec.rank],
    lora_router: [spec.experts, inputs],
  };
  for (const part of parts[spec.kind]) {
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
function refuse({ path }: SafetensorsFile, issues: readonly Issue[]): void {
  const shownIssues = 8;
  if (issues.length === 0) return;
  const rest = issues.length - shownIssues;
  throw new UserError([
    ...issues.slice(0, shownIssues).map((issue) => ({ ...issue, file: path })),
    ...(rest > 0 ? [{ file: path, message: `and ${rest} more` }] : []),
  ]);
}

function valuesOf(file: SafetensorsFile, names: readonly string[], prefix = ''): TensorValues {
  return new Map(
    names.map((name) => {
      const { shape } = present(file.tensors.get(prefix + name), name);
      return [name, float32(readFloat32(file, prefix + name), shape)];
    }),
  );
}

function tensorBytes(values: TensorValues): Uint8Array {
  const tensors = [...values].map(([name, { dtype, shape, data }]) => {
    if (dtype !== 'float32') throw new Error(`adapter: ${name}: expected float32, found ${dtype}`);
    return [name, { dtype: 'F32', shape, data: data as Float32Array }] as const;
  });
  // transformers and PEFT look for this word.
  return serializeSafetensors(Object.fromEntries(tensors), { format: 'pt' });
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

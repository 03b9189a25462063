// The state of a stage as files: the adapter as PEFT lays it out where it is one adapter, the projector beside it, and
// what the method remembers besides in a file of its own. Gives bytes and reads folders; it writes no file.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterTargets } from '../../adapters/adapter.ts';
import {
  PROJECTOR_FILE,
  readAdapter,
  readProjector,
  serializeAdapter,
  serializeProjector,
} from '../../adapters/peft.ts';
import { DataError } from '../../base/errors.ts';
import { isObject, parseJson } from '../../formats/records/json.ts';
import { openSafetensors, serializeSafetensors } from '../../formats/weights/safetensors.ts';
import { readFloat32, readTensor, type TensorFile } from '../../formats/weights/tensor-file.ts';
import type { ModelShape } from '../../models/family.ts';
import { float32, type HostTensor, int32 } from '../../tensor/dtype.ts';
import type { Method } from '../define.ts';
import { MEMORY_VERSION, type OpenMethod, type StageState, type Values } from '../method.ts';

export const MEMORY_FILE = 'method_state.safetensors';

export interface StageFilesOptions {
  readonly method: Pick<Method, 'name'>;
  readonly open: Pick<OpenMethod, 'adapter' | 'merged'>;
  /** The model that was trained: what trains alongside it, and the layers that adapters change. */
  readonly model: StageModel;
}

export type StageModel = AdapterTargets & Pick<ModelShape, 'alongside'>;

/** The files of a stage, by name. `baseModel`: for the reader's information. */
export function serializeStage(
  state: StageState,
  { method, open, model, baseModel }: StageFilesOptions & { readonly baseModel?: string },
): Readonly<Record<string, string | Uint8Array>> {
  const { trained, memory } = state;
  const { alongside } = model;
  const of = (keep: (name: string) => boolean) =>
    new Map([...trained].filter(([name]) => !alongside.has(name) && keep(name)));
  const inAdapter = (name: string) => open.adapter !== undefined && ofAdapter.test(name);
  const rest = of((name) => !inAdapter(name));
  const files: Record<string, string | Uint8Array> = {};
  if (alongside.size > 0) {
    files[PROJECTOR_FILE] = serializeProjector(
      new Map([...alongside.keys()].map((name) => [name, requiredValue(trained, name)])),
    );
  }
  const merged = open.merged?.(state);
  const whole = open.adapter === undefined ? merged : { spec: open.adapter, values: of(inAdapter) };
  if (whole !== undefined) {
    Object.assign(files, serializeAdapter({ ...whole, targets: model, baseModel }));
  }
  if (rest.size > 0 || memory.tensors.size > 0 || Object.keys(memory.notes).length > 0) {
    files[MEMORY_FILE] = serializeMemory(method.name, rest, memory);
  }
  return files;
}

/**
 * Reads what `serializeStage` wrote. The projector must be there in full: the reference loses it between tasks without
 * a word (reference.md, Defects of its training).
 * @throws UserError or DataError when a file is missing, damaged, of another method or of a layout not known here.
 */
export function readStage(folder: string, { method, open, model }: StageFilesOptions): StageState {
  const adapter = open.adapter === undefined ? new Map() : readAdapter(folder, { targets: model }).values;
  const { trained, memory } = readMemory(join(folder, MEMORY_FILE), method.name);
  const alongside = model.alongside.size === 0 ? new Map() : readProjector(folder, model.alongside);
  return { trained: new Map([...adapter, ...trained, ...alongside]), memory };
}

/** Bytes of what the method remembers beyond the adapter and projector that go on: experts, Fisher, samples and so on. */
export function memoryBytes({ memory }: StageState): number {
  let bytes = memory.sampleBytes ?? 0;
  for (const { data } of memory.tensors.values()) bytes += data.byteLength;
  return bytes;
}

const ofAdapter = /\.lora_(A|B|router)\.weight$/;

function serializeMemory(
  method: string,
  trained: Values,
  { tensors, notes, sampleBytes }: StageState['memory'],
) {
  const all = [
    ...[...trained].map(([name, value]) => [`trained.${name}`, value] as const),
    ...[...tensors].map(([name, value]) => [`memory.${name}`, value] as const),
  ].map(([name, { dtype, shape, data }]) => {
    if (data instanceof Float32Array) return [name, { dtype: 'F32', shape, data }] as const;
    if (data instanceof Int32Array) return [name, { dtype: 'I32', shape, data }] as const;
    throw new Error(`method state: ${name}: expected float32 or int32, found ${dtype}`);
  });
  return serializeSafetensors(Object.fromEntries(all), {
    method,
    schema: String(MEMORY_VERSION),
    notes: JSON.stringify(notes),
    ...(sampleBytes === undefined ? {} : { sampleBytes: String(sampleBytes) }),
  });
}

function readMemory(path: string, method: string): { trained: Values; memory: StageState['memory'] } {
  if (!existsSync(path)) return { trained: new Map(), memory: { tensors: new Map(), notes: {} } };
  const file = openSafetensors(path);
  const { metadata } = file;
  const expected = { method, schema: String(MEMORY_VERSION) };
  for (const [field, value] of Object.entries(expected)) {
    if (metadata[field] === value) continue;
    throw new DataError({
      file: path,
      field,
      message: `expected ${value}, found ${metadata[field] ?? 'nothing'}`,
      hint: 'this state is of another method or version; train the stage again',
    });
  }
  const notes = parseJson(metadata.notes ?? '{}', path);
  if (!isObject(notes))
    throw new DataError({ file: path, field: 'notes', message: 'expected keys and values' });
  const part = (prefix: string): Map<string, HostTensor> =>
    new Map(
      [...file.tensors.keys()].flatMap((name) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), readValue(file, name)] as const] : [],
      ),
    );
  const { sampleBytes } = metadata;
  return {
    trained: part('trained.'),
    memory: {
      tensors: part('memory.'),
      notes,
      ...(sampleBytes === undefined ? {} : { sampleBytes: Number(sampleBytes) }),
    },
  };
}

/** Numbers as float32; whole ones, such as places in a matrix, as int32: float32 rounds those above 2²⁴. */
function readValue(file: TensorFile, name: string): HostTensor {
  const { dtype, shape = [] } = file.tensors.get(name) ?? {};
  if (dtype !== 'I32') return float32(readFloat32(file, name), shape);
  return int32(readTensor(file, name) as Int32Array, shape);
}

function requiredValue(values: Values, name: string): HostTensor {
  const value = values.get(name);
  if (value === undefined) throw new Error(`method state: the stage left no "${name}"`);
  return value;
}

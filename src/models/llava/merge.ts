// Writes a model with an adapter folded into its weights: W + scale·B·A, the same names and types in the same files, shard
// by shard. Files in PyTorch's format become safetensors files of the same tensors.
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { adaptationOf } from '../../adapters/adapter.ts';
import { DataError, present, UserError } from '../../base/errors.ts';
import { withByteSource } from '../../formats/files/file-bytes.ts';
import { publishFolder, writeJsonAtomic } from '../../formats/files/files.ts';
import { float32ToBfloat16, float32ToFloat16 } from '../../formats/weights/half.ts';
import { openSafetensorsWriter } from '../../formats/weights/safetensors-writer.ts';
import { readFloat32, type TensorEntry, type TensorFile } from '../../formats/weights/tensor-file.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import { add, input, matmul, mul } from '../../tensor/ops.ts';
import { floats, Program } from '../../tensor/program.ts';
import type { MergeOptions, MergeResult, OpenModel } from '../family.ts';
import { COMPOSITION_FILE } from '../folder.ts';
import { adaptsImages } from '../model-adapter.ts';
import { type Composition, findComposition } from './sources.ts';
import { HEAD, partOf } from './weights.ts';

/** The projector's file in a composition that has one for it. */
const PROJECTOR_NAME = 'mm_projector.safetensors';
const weightFile = /\.(safetensors|bin|pt|pth|gguf|h5|msgpack|onnx)$|\.index\.json$/;
const COPY_BYTES = 64 << 20;

/**
 * Writes the merged checkpoint.
 * @throws UserError for an adapter that cannot be merged and for a folder that exists.
 */
export async function mergeAdapter({ model, adapter, to, onFile }: MergeOptions): Promise<MergeResult> {
  const { spec, values, alongside } = adapter;
  if (spec.kind !== 'lora') {
    throw new UserError({
      message: `an adapter of type ${spec.kind} cannot be merged: its gates depend on the input, so that no weights give the same answers`,
      hint: 'use it beside the model: coin generate MODEL --adapter FOLDER',
    });
  }
  if (model.tied.has(`${HEAD}.weight`) && adaptationOf(spec, HEAD, model.shape.adaptable) !== undefined) {
    throw new UserError({
      message:
        'the adapter changes the head, whose weight is that of the embeddings, which would change along',
      hint: 'use it beside the model: coin generate MODEL --adapter FOLDER',
    });
  }
  if (existsSync(to)) throw new UserError({ file: to, message: 'exists already', hint: 'name a new folder' });
  const composition = findComposition(model.folder);
  const { decoder = model.folder, vision: visionFolder, projector: projectorFile } = composition ?? {};
  if (adaptsImages({ partOf }, adapter) && visionFolder !== undefined) {
    throw new UserError({
      file: visionFolder,
      message: 'the adapter changes the vision tower, which lies in a folder of its own',
      hint: 'merge it into a model in the layout of llava-hf, which is one folder',
    });
  }
  const canonical = new Map(
    [...model.weights.tensors].map(([name, { file, entry }]) => [`${file.path}\n${entry.name}`, name]),
  );
  const files = filesOf(model, visionFolder);
  const product = await openProduct();
  const aside = `${resolve(to)}.tmp-${process.pid}`;
  let layers = 0;
  try {
    mkdirSync(aside, { recursive: true });
    const index: Record<string, string> = {};
    for (const [number, file] of files.entries()) {
      const name = file.path === projectorFile ? PROJECTOR_NAME : nameOf(file.path);
      onFile?.(name, number + 1, files.length);
      for (const tensor of file.tensors.keys()) index[tensor] = name;
      await writeMerged(join(aside, name), file, async (entry) => {
        const layer = canonical.get(`${file.path}\n${entry.name}`) ?? '';
        const trained = alongside.get(layer);
        if (trained !== undefined) return trained.data as Float32Array;
        const path = layer.replace(/\.weight$/, '');
        const adaptation = layer.endsWith('.weight')
          ? adaptationOf(spec, path, model.shape.adaptable)
          : undefined;
        if (adaptation === undefined) return undefined;
        layers++;
        const part = (letter: string) =>
          present(values.get(`${path}.lora_${letter}.weight`), `${path}.lora_${letter}`);
        const w = float32(readFloat32(file, entry.name), entry.shape);
        return product.merge(w, part('A'), part('B'), adaptation.scale);
      });
    }
    const weightFiles = [...new Set(Object.values(index))];
    const shards = Object.entries(index).filter(([, name]) => name !== PROJECTOR_NAME);
    if (new Set(shards.map(([, name]) => name)).size > 1)
      writeIndex(aside, files, Object.fromEntries(shards));
    const otherFiles = copyOthers(decoder, aside);
    if (composition?.layout === 'composed') {
      writeFileSync(join(aside, COMPOSITION_FILE), compositionText(composition));
    }
    mkdirSync(dirname(resolve(to)), { recursive: true });
    publishFolder(aside, to);
    return {
      layers,
      alongside: alongside.size > 0,
      weightFiles,
      otherFiles,
      ...(visionFolder && { apart: { part: 'vision tower', folder: visionFolder } }),
    };
  } finally {
    await product.dispose();
    rmSync(aside, { recursive: true, force: true });
  }
}

/** The files that hold the model's weights, in the order of their names; those of a vision tower elsewhere stay there. */
function filesOf(
  { weights }: Pick<OpenModel, 'weights'>,
  visionFolder: string | undefined,
): readonly TensorFile[] {
  const files = new Map([...weights.tensors.values()].map(({ file }) => [file.path, file]));
  const kept = [...files.values()].filter(
    ({ path }) => visionFolder === undefined || dirname(path) !== visionFolder,
  );
  return kept.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function nameOf(path: string): string {
  return basename(path)
    .replace(/\.(bin|pt|pth)$/, '.safetensors')
    .replace(/^pytorch_model/, 'model');
}

/** Writes a file's tensors, each changed or copied. `change`: the new values of a tensor that changes. */
async function writeMerged(
  path: string,
  file: TensorFile,
  change: (entry: TensorEntry) => Promise<Float32Array | undefined>,
): Promise<void> {
  for (const [field, reason] of file.unusable)
    throw new DataError({ file: file.path, field, message: reason });
  const writer = openSafetensorsWriter(path, Object.fromEntries(file.tensors), {
    format: 'pt',
    ...file.metadata,
  });
  try {
    for (const { name } of writer.entries) {
      const entry = present(file.tensors.get(name), name);
      const values = await change(entry);
      if (values === undefined) copyTensor(file.path, entry, (bytes) => writer.write(bytes));
      else writer.write(encoded(values, file.path, entry));
    }
    writer.publish();
  } finally {
    writer.discard();
  }
}

function copyTensor(
  path: string,
  { name, offset, byteLength }: TensorEntry,
  write: (bytes: Uint8Array) => void,
) {
  withByteSource(path, 'weights', (source) => {
    for (let done = 0; done < byteLength; done += COPY_BYTES) {
      write(new Uint8Array(source.read(offset + done, Math.min(COPY_BYTES, byteLength - done), name)));
    }
  });
}

function encoded(values: Float32Array, file: string, { name, dtype }: TensorEntry): Uint8Array {
  const encoders = {
    F32: (data: Float32Array) => data,
    F16: float32ToFloat16,
    BF16: float32ToBfloat16,
  } as const;
  if (!Object.hasOwn(encoders, dtype)) {
    throw new DataError({ file, field: name, message: `a weight of ${dtype} cannot be merged into` });
  }
  const { buffer, byteOffset, byteLength } = encoders[dtype as keyof typeof encoders](values);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** W + scale·B·A, on the runtime: a layer of 7B's size takes a fraction of a second. */
async function openProduct() {
  const w = input('w', 'float32', ['outputs', 'inputs']);
  const a = input('a', 'float32', ['rank', 'inputs']);
  const b = input('b', 'float32', ['outputs', 'rank']);
  const scale = input('scale', 'float32', []);
  const program = await Program.compile({ merged: add(w, mul(matmul(b, a), scale)) });
  return {
    merge: async (w: HostTensor, a: HostTensor, b: HostTensor, scale: number): Promise<Float32Array> => {
      const { merged } = await program.run({ w, a, b, scale: float32([scale], []) });
      return floats(merged);
    },
    dispose: () => program.dispose(),
  };
}

function writeIndex(
  folder: string,
  files: readonly TensorFile[],
  weightMap: Readonly<Record<string, string>>,
): void {
  const sizes = files.flatMap(({ tensors }) => [...tensors.values()].map(({ byteLength }) => byteLength));
  writeJsonAtomic(join(folder, 'model.safetensors.index.json'), {
    metadata: { total_size: sizes.reduce((a, b) => a + b, 0) },
    weight_map: weightMap,
  });
}

/** Configuration, tokenizer and what else is no weights. */
function copyOthers(from: string, to: string): readonly string[] {
  const names = readdirSync(from, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !weightFile.test(entry.name) && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
  for (const name of names) copyFileSync(join(from, name), join(to, name));
  return names;
}

function compositionText({ decoder, vision, tokenizer, projector, features }: Composition): string {
  return stringify({
    decoder: '.',
    ...(projector === undefined ? {} : { projector: PROJECTOR_NAME }),
    vision: resolve(vision),
    ...(tokenizer === decoder ? {} : { tokenizer: resolve(tokenizer) }),
    ...(features === undefined ? {} : { features }),
  });
}

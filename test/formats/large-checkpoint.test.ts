// Checkpoints of LLaVA 1.5 7B's size, 14 GB of them: opened, checked and used by ranges, in the memory of what is used.
// The files are holes with a header, so they take no place on the disk.
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/formats/weights/checkpoint.ts';
import { type LlavaConfig, parseLlavaConfig } from '../../src/models/llava/config.ts';
import { checkWeights, expectedWeights } from '../../src/models/llava/inventory.ts';
import { LlavaWeights, publishedName } from '../../src/models/llava/weights.ts';
import { float32 } from '../../src/tensor/dtype.ts';
import { input, matmul } from '../../src/tensor/ops.ts';
import { floats, Program } from '../../src/tensor/program.ts';
import { op, sparseTorchArchive, tensor } from '../support/files/torch-pickle.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-large-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MEGABYTE = 1e6;
const SHARDS = 2;

/** LLaVA 1.5 7B as `llava-hf` publishes it. */
const config: LlavaConfig = parseLlavaConfig(
  {
    model_type: 'llava',
    image_token_index: 32000,
    text_config: { max_position_embeddings: 4096, rms_norm_eps: 1e-5, vocab_size: 32064 },
    vision_config: {
      hidden_size: 1024,
      image_size: 336,
      intermediate_size: 4096,
      num_attention_heads: 16,
      num_hidden_layers: 24,
      patch_size: 14,
    },
  },
  'config.json',
);

interface Shard {
  readonly file: string;
  readonly weights: readonly (readonly [name: string, shape: readonly number[], byteLength: number])[];
}

const all = [...expectedWeights(config)].map(
  ([name, shape]) => [publishedName(name), shape, 2 * shape.reduce((a, b) => a * b, 1)] as const,
);
const total = all.reduce((sum, [, , byteLength]) => sum + byteLength, 0);

function shardsOf(stem: string, extension: string): Shard[] {
  return Array.from({ length: SHARDS }, (_, i) => ({
    file: `${stem}-${i}.${extension}`,
    weights: all.slice((i * all.length) / SHARDS, ((i + 1) * all.length) / SHARDS),
  }));
}

/** A file of `size` bytes, zero but for the parts. */
function writeHoles(
  file: string,
  parts: readonly { readonly at: number; readonly content: Uint8Array }[],
  size: number,
): void {
  const descriptor = openSync(join(folder, file), 'w');
  ftruncateSync(descriptor, size);
  for (const { at, content } of parts) writeSync(descriptor, content, 0, content.length, at);
  closeSync(descriptor);
}

function writeIndex(whole: string, shards: readonly Shard[]): void {
  const map = shards.flatMap(({ file, weights }) => weights.map(([name]) => [name, file]));
  writeFileSync(join(folder, `${whole}.index.json`), JSON.stringify({ weight_map: Object.fromEntries(map) }));
}

function writeSafetensors(): void {
  const shards = shardsOf('model', 'safetensors');
  for (const { file, weights } of shards) {
    let end = 0;
    const header = weights.map(([name, shape, byteLength]) => {
      const entry = { dtype: 'F16', shape, data_offsets: [end, end + byteLength] };
      end += byteLength;
      return [name, entry];
    });
    const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    writeHoles(file, [{ at: 0, content: Buffer.concat([length, json]) }], 8 + json.length + end);
  }
  writeIndex('model.safetensors', shards);
}

function writeTorch(): void {
  const shards = shardsOf('pytorch_model', 'bin');
  for (const { file, weights } of shards) {
    const tensors = weights.map(([name, shape, byteLength], i) => {
      const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
      const options = { key: `${i}`, storage: 'HalfStorage', elements: byteLength / 2, shape, strides };
      return [name, tensor(options)] as const;
    });
    const storages = weights.map(([, , byteLength], i) => [`${i}`, byteLength] as const);
    const { parts, size } = sparseTorchArchive(
      op.dictionary(Object.fromEntries(tensors)),
      Object.fromEntries(storages),
    );
    writeHoles(file, parts, size);
  }
  writeIndex('pytorch_model.bin', shards);
}

/** Bytes that this process has read, page cache included; undefined where the system does not say. */
function bytesRead(): number | undefined {
  try {
    return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

it.each<[what: string, write: () => void, files: RegExp]>([
  ['safetensors', writeSafetensors, /safetensors/],
  ['PyTorch’s files beyond 4 GiB', writeTorch, /bin/],
])('14 GB of %s are opened and used by ranges', async (_, write, files) => {
  for (const name of ['model.safetensors.index.json', 'pytorch_model.bin.index.json'])
    rmSync(join(folder, name), { force: true });
  write();
  const [residentBefore, readBefore] = [process.memoryUsage().rss, bytesRead()];

  const checkpoint = openCheckpoint(folder);
  const weights = new LlavaWeights(checkpoint);
  checkWeights(config, weights);

  const paths = new Set([...checkpoint.tensors.values()].map(({ file }) => file.path));
  const sizes = [...paths].map((path) => statSync(path).size);
  expect([...paths].every((path) => files.test(path))).toBe(true);
  expect(total).toBeGreaterThan(14e9);
  expect(sizes.reduce((a, b) => a + b, 0)).toBeGreaterThan(total);
  expect(Math.max(...sizes)).toBeGreaterThan(2 ** 32);
  expect(process.memoryUsage().rss - residentBefore).toBeLessThan(150 * MEGABYTE);
  const read = bytesRead();
  if (read !== undefined && readBefore !== undefined) expect(read - readBefore).toBeLessThan(20 * MEGABYTE);

  // One matrix of the last layer, 34 MB at the far end of its file, mapped by the runtime.
  const name = 'model.language_model.layers.31.self_attn.q_proj.weight';
  const { hiddenSize } = config.text;
  const matrix = weights.provider()(name, [hiddenSize, hiddenSize]);
  const x = input('x', 'float32', ['rows', hiddenSize]);
  const program = await Program.compile({ y: matmul(x, matrix, { transposeB: true }) });
  const { y } = await program.run({ x: float32(new Float32Array(hiddenSize).fill(1), [1, hiddenSize]) });
  await program.dispose();
  expect(floats(y).every((value) => value === 0)).toBe(true);
  expect(process.memoryUsage().rss - residentBefore).toBeLessThan(600 * MEGABYTE);
});

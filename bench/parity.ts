// `npm run bench:parity -- FOLDER`: whether transformers computes the same logits from a model folder as we do. A check of
// the benchmark, and of folders with random weights; the engine's parity has fixtures of its own (test/parity).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serializeSafetensors, type TensorSource } from '../src/formats/weights/safetensors.ts';
import { openLlava } from '../src/models/llava/model.ts';
import { imageFeatures } from '../src/models/llava/network.ts';
import { mergedEmbeddings } from '../src/models/network.ts';
import { Scope } from '../src/nn/scope.ts';
import { float32, type HostTensor, int32 } from '../src/tensor/dtype.ts';
import { flatten, input } from '../src/tensor/ops.ts';
import { Program } from '../src/tensor/program.ts';
import { normalArray } from '../src/tensor/random.ts';
import { batchOptions, promptBatch } from '../src/training/batches.ts';

// From .cache/bench/bench.
const script = fileURLToPath(new URL('../../../bench/peers/parity.py', import.meta.url));
const [folder] = process.argv.slice(2);
const python = process.env.PEER_PYTHON;

if (folder === undefined || python === undefined) {
  console.error('usage: PEER_PYTHON=… npm run bench:parity -- FOLDER');
  process.exitCode = 2;
} else {
  process.exitCode = await compare(folder, python);
}

async function compare(model: string, command: string): Promise<number> {
  const work = mkdtempSync(join(tmpdir(), 'coin-parity-'));
  try {
    const tensors = await ourLogits(model);
    const file = join(work, 'logits.safetensors');
    writeFileSync(file, serializeSafetensors(tensors));
    const { status } = spawnSync(command, [script, model, file], { stdio: 'inherit' });
    return status ?? 1;
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Two questions about images of noise, of different lengths: ids, lengths, pixels, and the logits of every position. */
async function ourLogits(model: string): Promise<Record<string, TensorSource>> {
  const opened = openLlava(model);
  const { config, network, prompts: asked, weights } = opened;
  const { imageSize } = config.vision;
  const questions = ['What is in the image?', 'Is it red, or is it blue? Answer with one word.'];
  const prompts = questions.map((question) => ({
    ...asked.ask(question, { image: { rows: config.imageTokens } }),
    features: new Float32Array(config.imageTokens * config.vision.hiddenSize),
  }));
  const { ids, positions, imageRows } = promptBatch(prompts, batchOptions(opened));
  const lengths = int32(
    prompts.map(({ inputIds }) => inputIds.length),
    [prompts.length],
  );
  const shape = [prompts.length, 3, imageSize, imageSize];
  const noise = normalArray(prompts.length * 3 * imageSize ** 2, { seed: 0, purpose: 'parity pixels' });
  const pixels = float32(noise, shape);

  const root = new Scope(weights.provider());
  const features = imageFeatures(
    root,
    config,
    input('pixels', 'float32', ['images', 3, imageSize, imageSize]),
  );
  const embeddings = mergedEmbeddings(network, root, {
    ids: input('ids', 'int32', ['batch', 'tokens']),
    images: network.images(root, flatten(features, 2)),
    imageRows: input('imageRows', 'int32', ['batch', 'tokens']),
  });
  const places = input('positions', 'int32', [1, 'batch', 'tokens']);
  const program = await Program.compile({
    logits: network.logits(root, network.decode(root, embeddings, { positions: places })),
  });
  const { logits } = await program.runOnHost({ pixels, ids, positions, imageRows });
  await program.dispose();
  const source = ({ data, shape: sizes }: HostTensor): TensorSource => ({
    dtype: data instanceof Float32Array ? 'F32' : 'I32',
    shape: sizes,
    data,
  });
  return {
    ids: source(ids),
    lengths: source(lengths),
    pixels: source(pixels),
    logits: source(logits as HostTensor),
  };
}

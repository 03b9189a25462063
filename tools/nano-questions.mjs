// How well the embedded model answers what it was pretrained on: questions about unseen images, asked one by one,
// right only when the whole sentence is the expected one (a different true caption counts as wrong).
// Usage: npm run build && node tools/nano-questions.mjs [questions]
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pretrainingSample } from '../dist/nano/world/pretraining.js';
import { loadWorld } from '../dist/nano/world/world.js';
import { Generator } from '../dist/evaluation/generation/generator.js';
import { imageFeatures } from '../dist/models/llava/network.js';
import { openLlava } from '../dist/models/llava/model.js';
import { Scope } from '../dist/nn/scope.js';
import { float32 } from '../dist/tensor/dtype.js';
import { input } from '../dist/tensor/ops.js';
import { floats, Program } from '../dist/tensor/program.js';
import { NANO_IMAGE, normalisePixels } from '../dist/nano/pretraining/nano-config.js';

const SLOTS = 32;
const questions = Number(process.argv[2] ?? 192);
const world = await loadWorld();
const model = openLlava(resolve(fileURLToPath(import.meta.url), '../../assets/nano'));
const { config, weights, tokenizer, prompts: asking } = model;
const { size } = NANO_IMAGE;
const features = imageFeatures(new Scope(weights.provider()), config, input('pixels', 'float32', ['images', 3, size, size]));
const tower = await Program.compile({ features });
const generator = await Generator.compile({ model, weights: weights.provider(), slots: SLOTS });

let right = 0;
const byKind = new Map();
for (let start = 0; start < questions; start += SLOTS) {
  const asked = Array.from({ length: Math.min(SLOTS, questions - start) }, (_, i) => {
    const sample = pretrainingSample(world, { seed: 99, index: start + i });
    return { sample, turn: sample.turns[(start / SLOTS + i) % sample.turns.length] };
  });
  const prompts = [];
  for (const { sample, turn } of asked) {
    const hasImage = sample.pixels !== undefined;
    const image = hasImage ? { rows: config.imageTokens } : undefined;
    const prompt = { ...asking.ask(turn.question, { image }) };
    if (hasImage) {
      const pixels = new Float32Array(3 * size * size);
      normalisePixels(sample.pixels, pixels, 0);
      prompt.features = floats((await tower.run({ pixels: float32(pixels, [1, 3, size, size]) })).features);
    }
    prompts.push(prompt);
  }
  const answers = await generator.generate(prompts, {}, 40);
  asked.forEach(({ sample, turn }, i) => {
    const hit = tokenizer.decode(answers[i]).trim() === turn.answer;
    const [hits, all] = byKind.get(sample.kind) ?? [0, 0];
    byKind.set(sample.kind, [hits + Number(hit), all + 1]);
    right += Number(hit);
  });
}
for (const [kind, [hits, all]] of byKind) console.log(`${kind.padEnd(10)} ${hits}/${all}`);
console.log(`${right} of ${questions} right`);

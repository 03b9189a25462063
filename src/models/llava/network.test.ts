// Logits, gradients and generation are compared with transformers in test/parity; here are the network's own laws.
import { describe, expect, it } from 'vitest';
import {
  batchFeeds,
  config,
  fixture,
  imageRowsOf,
  traceLlava,
  weights,
} from '../../../test/support/llava-tiny.ts';
import { relativeDifference } from '../../../test/support/parity.ts';
import { evaluate } from '../../../test/support/plain.ts';
import { Scope } from '../../nn/scope.ts';
import { float32, type HostTensor, int32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { input } from '../../tensor/ops.ts';
import { floats, Program } from '../../tensor/program.ts';
import { decodeNext, type KeyValue, mergedEmbeddings, vocabularyLogits } from './network.ts';

const ids = fixture.inputs.get('input_ids');
const [, tokens] = ids.shape as [number, number];
const { vocabularySize, kvHeads, headSize, layers, hiddenSize } = config.text;
const root = new Scope(weights.provider());

describe('decodeNext', () => {
  /** A step's graph: logits of the next token and the grown caches, from caches fed by name. */
  function stepGraph(): Record<string, Tensor> {
    const cache = (part: string, layer: number): KeyValue => {
      const shape = ['batch', kvHeads, `${part} tokens`, headSize];
      return {
        k: input(`${part} k${layer}`, 'float32', shape),
        v: input(`${part} v${layer}`, 'float32', shape),
      };
    };
    const caches = Array.from({ length: layers }, (_, layer) => ({
      prompt: cache('prompt', layer),
      generated: cache('generated', layer),
    }));
    const [next, positions, promptLength] = ['next', 'positions', 'lengths'].map((name) =>
      input(name, 'int32', ['batch']),
    ) as [Tensor, Tensor, Tensor];
    const { hidden, generated } = decodeNext(root, config, { ids: next, positions, promptLength }, caches);
    const grown = generated.flatMap(({ k, v }, layer) => [
      [`grown k${layer}`, k] as const,
      [`grown v${layer}`, v] as const,
    ]);
    return { logits: vocabularyLogits(root, config, hidden), ...Object.fromEntries(grown) };
  }

  it('with caches of prompts of different lengths ≡ the whole sequence at once', async () => {
    const { logits: whole, caches } = traceLlava();
    const prefill = await Program.compile({
      logits: whole,
      ...Object.fromEntries(
        caches.flatMap(({ k, v }, layer) => [
          [`prompt k${layer}`, k] as const,
          [`prompt v${layer}`, v] as const,
        ]),
      ),
    });
    const { logits, ...cached } = await prefill.runOnHost(batchFeeds());
    await prefill.dispose();

    // The first tokens of each row are its prompt; behind them the cache holds what must not be seen.
    const lengths = [23, 20];
    const steps = 4;
    const expected = floats(logits);
    const decode = await Program.compile(stepGraph());
    let generated: Record<string, HostTensor> = Object.fromEntries(
      ['k', 'v'].flatMap((part) =>
        Array.from({ length: layers }, (_, layer) => [
          `generated ${part}${layer}`,
          float32(new Float32Array(0), [2, kvHeads, 0, headSize]),
        ]),
      ),
    );
    for (let step = 0; step < steps; step++) {
      const places = lengths.map((length) => length + step);
      const next = places.map((place, row) => ids.data[row * tokens + place] as number);
      const { logits: ours, ...grown } = await decode.runOnHost({
        ...cached,
        ...generated,
        next: int32(next, [2]),
        positions: int32(places, [2]),
        lengths: int32(lengths, [2]),
      });
      const wanted = places.flatMap((place, row) => {
        const start = (row * tokens + place) * vocabularySize;
        return [...expected.subarray(start, start + vocabularySize)];
      });
      expect(relativeDifference(floats(ours), wanted), `step ${step}`).toBeLessThan(1e-5);
      generated = Object.fromEntries(
        Object.entries(grown).map(([name, value]) => [name.replace('grown', 'generated'), value]),
      );
    }
    expect(generated['generated k0']?.shape).toEqual([2, kvHeads, steps, headSize]);
    await decode.dispose();
  });
});

describe('the decoder', () => {
  it('reads a row the same alone and in a batch', async () => {
    const { logits } = traceLlava();
    const program = await Program.compile({ logits });
    const both = floats((await program.run(batchFeeds())).logits);
    for (const row of [0, 1]) {
      const alone = floats((await program.run(batchFeeds(row, row + 1))).logits);
      const part = both.subarray(row * alone.length, (row + 1) * alone.length);
      expect(relativeDifference(alone, part)).toBeLessThan(1e-6);
    }
    await program.dispose();
  });
});

describe('mergedEmbeddings', () => {
  it('puts each image’s rows at its placeholders and words elsewhere', async () => {
    const y = mergedEmbeddings(
      root,
      config,
      input('ids', 'int32', ['batch', 'tokens']),
      input('projected', 'float32', ['images', config.imageTokens, hiddenSize]),
      input('image_rows', 'int32', ['batch', 'tokens']),
    );
    const rows = imageRowsOf(ids.data);
    const projected = Float32Array.from({ length: 2 * config.imageTokens * hiddenSize }, (_, i) => i + 1);
    const result = await evaluate(
      { y },
      {
        ids,
        projected: float32(projected, [2, config.imageTokens, hiddenSize]),
        image_rows: int32(rows, ids.shape),
      },
    );
    const words = weights.values('model.language_model.embed_tokens.weight').data;
    const expected = [...ids.data].flatMap((id, place) => {
      const row = rows[place] as number;
      const [table, start] = row < 0 ? [words, id * hiddenSize] : [projected, row * hiddenSize];
      return [...table.subarray(start, start + hiddenSize)];
    });
    expect([...floats(result.y)]).toEqual(expected);
  });
});

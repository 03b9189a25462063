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
import { float32, int32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { gather, input } from '../../tensor/ops.ts';
import { floats, Program } from '../../tensor/program.ts';
import { type KeyValue, mergedEmbeddings } from '../network.ts';
import { embeddingTable, extendSequences, llavaNetwork, vocabularyLogits } from './network.ts';

const ids = fixture.inputs.get('input_ids');
const [, tokens] = ids.shape as [number, number];
const { vocabularySize, kvHeads, headSize, layers, hiddenSize } = config.text;
const root = new Scope(weights.provider());

describe('extendSequences', () => {
  it.each([1, 4])(
    'reads %s tokens after caches of different lengths ≡ the whole sequence at once',
    async (count) => {
      const { logits: whole, caches } = traceLlava();
      const named = caches.flatMap(({ k, v }, layer) => [
        [`k${layer}`, k] as const,
        [`v${layer}`, v] as const,
      ]);
      const prefill = await Program.compile({ logits: whole, ...Object.fromEntries(named) });
      const { logits, ...cached } = await prefill.runOnHost(batchFeeds());
      await prefill.dispose();

      // Behind the first tokens of each row the cache holds what must not be seen.
      const lengths = [23, 20];
      const cache = (name: string) => input(name, 'float32', ['batch', kvHeads, 'past', headSize]);
      const words = gather(embeddingTable(root, config), input('ids', 'int32', ['batch', 'tokens']));
      const { hidden, added } = extendSequences(root, config, words, {
        begun: {
          lengths: input('lengths', 'int32', ['batch']),
          caches: Array.from(
            { length: layers },
            (_, layer): KeyValue => ({ k: cache(`k${layer}`), v: cache(`v${layer}`) }),
          ),
        },
        positions: input('positions', 'int32', [1, 'batch', 'tokens']),
        rows: input('rows', 'int32', ['rows']),
      });
      const extend = await Program.compile({
        logits: vocabularyLogits(root, config, hidden),
        k: added[0]?.k as Tensor,
      });
      const places = lengths.flatMap((length, row) =>
        Array.from({ length: count }, (_, i) => row * tokens + length + i),
      );
      const results = await extend.run({
        ...cached,
        ids: int32(
          places.map((place) => ids.data[place] as number),
          [2, count],
        ),
        lengths: int32(lengths, [2]),
        positions: int32(
          lengths.flatMap((length) => Array.from({ length: count }, (_, i) => length + i)),
          [1, 2, count],
        ),
        rows: int32(
          places.map((_, i) => i),
          [2 * count],
        ),
      });
      await extend.dispose();
      const wanted = places.flatMap((place) => [
        ...floats(logits).subarray(place * vocabularySize, (place + 1) * vocabularySize),
      ]);
      expect(relativeDifference(floats(results.logits), wanted)).toBeLessThan(1e-5);
      expect(results.k?.shape).toEqual([2, kvHeads, count, headSize]);
    },
  );
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
    const y = mergedEmbeddings(llavaNetwork(config), root, {
      ids: input('ids', 'int32', ['batch', 'tokens']),
      images: input('projected', 'float32', ['rows', hiddenSize]),
      imageRows: input('image_rows', 'int32', ['batch', 'tokens']),
    });
    const rows = imageRowsOf(ids.data);
    const projected = Float32Array.from({ length: 2 * config.imageTokens * hiddenSize }, (_, i) => i + 1);
    const result = await evaluate(
      { y },
      {
        ids,
        projected: float32(projected, [2 * config.imageTokens, hiddenSize]),
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

import { describe, expect, it } from 'vitest';
import { config, model, weights } from '../../test/support/llava-tiny.ts';
import { sequenceOf } from '../../test/support/models/sequences.ts';
import { relativeDifference } from '../../test/support/parity.ts';
import { Scope } from '../nn/scope.ts';
import { int32 } from '../tensor/dtype.ts';
import { topologicalOrder } from '../tensor/graph.ts';
import { flatten, gather, input } from '../tensor/ops.ts';
import { floats, Program } from '../tensor/program.ts';
import { normalArray } from '../tensor/random.ts';
import { batchOptions, countAnswers, type TokenizedSample, trainingBatch } from './batches.ts';
import { instructionLoss, sequenceInputs } from './loss.ts';
import { packedSegments, packTurns } from './packing.ts';

const root = new Scope(weights.provider());
const image = Array.from({ length: config.imageTokens }, () => config.imageTokenId);
const features = normalArray(config.imageTokens * config.vision.hiddenSize, { seed: 3, purpose: 'features' });

function turn(question: readonly number[], answer: readonly number[]): TokenizedSample {
  const inputIds = Int32Array.from([1, ...image, ...question, ...answer]);
  const start = 1 + image.length + question.length;
  return {
    ...sequenceOf(inputIds, config.imageTokenId),
    trained: Uint8Array.from(inputIds, (_, i) => Number(i >= start)),
    features,
  };
}

const turns = [turn([5, 6, 7], [8, 2]), turn([5, 9], [10, 11, 12, 2]), turn([13], [14, 2])];
const options = { ...batchOptions(model), totalAnswers: countAnswers(turns) };

describe('packTurns', () => {
  it('keeps the image once, and each turn at the positions it would have alone', () => {
    const packed = packTurns(turns);
    expect(packed.inputIds).toHaveLength(1 + image.length + 5 + 6 + 3);
    expect(countAnswers([packed])).toBe(countAnswers(turns));
    const second = [...packed.segments].indexOf(2);
    expect(packed.positions[second]).toBe(1 + image.length);
  });

  it('gives the loss of the turns asked one by one', async () => {
    const packed = { ...packTurns(turns), features };
    const plainProgram = await Program.compile({ loss: instructionLoss(root, model) });
    const packedProgram = await Program.compile({ loss: instructionLoss(root, model, { packed: true }) });
    let apart = 0;
    for (const sample of turns) {
      const { loss } = await plainProgram.run({ ...trainingBatch([sample], options) });
      apart += floats(loss)[0] as number;
    }
    const batch = trainingBatch([packed, { ...packed }], {
      ...options,
      totalAnswers: 2 * options.totalAnswers,
    });
    const layout = packedSegments([packed, packed], batch.ids.shape[1] as number);
    // Which sample an answer belongs to only matters to methods that ask.
    const { answerSamples: _, ...read } = batch;
    expect([...packedProgram.inputNames].sort()).toEqual([...Object.keys(read), 'segments'].sort());
    const { loss } = await packedProgram.run({ ...batch, ...layout });
    expect(Math.abs((floats(loss)[0] as number) - apart)).toBeLessThan(1e-5 * apart);
    await plainProgram.dispose();
    await packedProgram.dispose();
  });
});

describe('decodeSequence with rows', () => {
  it('≡ the same states of the whole sequence, through fewer tokens in the last layer', async () => {
    const { embeddings, positions } = sequenceInputs(root, model);
    const rows = input('answerRows', 'int32', ['answers']);
    const fast = model.network.decode(root, embeddings, { positions, rows });
    const plain = gather(flatten(model.network.decode(root, embeddings, { positions }), 2), rows);
    // The fast path ran: its last MLP sees the chosen rows only.
    const products = (outputs: typeof fast) =>
      topologicalOrder([outputs]).filter(
        ({ primitive, shape }) => primitive === 'matmul' && shape[0] === 'answers',
      ).length;
    expect(products(fast)).toBe(4);
    expect(products(plain)).toBe(0);
    const program = await Program.compile({ fast, plain });
    const batch = trainingBatch(turns, options);
    const results = await program.run({
      ...batch,
      ids: int32(batch.ids.data as Int32Array, batch.ids.shape),
    });
    expect(relativeDifference(floats(results.fast), floats(results.plain))).toBeLessThan(1e-5);
    await program.dispose();
  });
});

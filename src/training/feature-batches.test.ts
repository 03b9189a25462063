import { describe, expect, it } from 'vitest';
import { sequenceOf } from '../../test/support/models/sequences.ts';
import type { Example } from '../methods/method.ts';
import { withFeatures } from './feature-batches.ts';

function example(id: number, image: string | undefined): Example {
  return {
    sample: { id: String(id), turns: [], image },
    task: 'GQA',
    ...sequenceOf([id]),
    trained: new Uint8Array([1]),
  };
}

/** Features that say which image they are of, and how they were asked for. */
function recorded() {
  const asked: string[][] = [];
  const fetch = async (images: readonly string[]) => {
    asked.push([...images]);
    return images.map((image) => new Float32Array([Number(image)]));
  };
  return { asked, fetch };
}

describe('batches with features', () => {
  it('come in order, each example with its own image', async () => {
    const { asked, fetch } = recorded();
    const batches = [
      [example(1, '10'), example(2, undefined)],
      [example(3, '30')],
      [example(4, '10'), example(5, '50')],
    ];
    const found: unknown[] = [];
    for await (const batch of withFeatures(batches, fetch, { together: 3 })) {
      found.push(batch.map(({ sample, features }) => [sample.id, features && [...features]]));
    }
    expect(found).toEqual([
      [
        ['1', [10]],
        ['2', undefined],
      ],
      [['3', [30]]],
      [
        ['4', [10]],
        ['5', [50]],
      ],
    ]);
    expect(asked).toEqual([
      ['10', '30'],
      ['10', '50'],
    ]);
  });

  it('are fetched when they are asked for, not before', async () => {
    const { asked, fetch } = recorded();
    const batches = Array.from({ length: 5 }, (_, i) => [example(i, String(i))]);
    const source = withFeatures(batches, fetch, { together: 2 });
    await source.next();
    await source.next();
    expect(asked).toEqual([['0', '1']]);
    await source.next();
    expect(asked).toHaveLength(2);
  });

  it('may be larger than what is fetched together, and may have no image', async () => {
    const { asked, fetch } = recorded();
    const batches = [[example(0, '0'), example(1, '1'), example(2, '2')], [example(3, undefined)]];
    for await (const _ of withFeatures(batches, fetch, { together: 2 }));
    expect(asked).toEqual([['0', '1', '2']]);
  });

  it('are not fetched again for examples that come out of a batch', async () => {
    const { asked, fetch } = recorded();
    for await (const batch of withFeatures([[example(7, '7')]], fetch)) {
      for await (const again of withFeatures([batch], fetch)) {
        expect(again[0]?.features).toBe(batch[0]?.features);
      }
    }
    expect(asked).toEqual([['7']]);
  });
});

// What Merge, then new claims of its mechanism, and how it is found out.
import type { HostTensor } from '../../tensor/dtype.ts';
import type { Claims, ExperimentStage } from '../claim.ts';
import { layerSizes } from '../shared/experts.ts';
import { largestAbsolute, largestDifference, product } from '../shared/matrices.ts';

export const mergeThenNewClaims: Claims = (method) => [
  {
    statement: 'the merged weights change by exactly (α/r)·B·A of the adapter that was trained',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first, second] = stages as [ExperimentStage, ExperimentStage];
      const [layer = ''] = layerSizes(second.trained).keys();
      const before = merged(first, layer);
      const change = merged(second, layer).map((value, i) => value - (before[i] as number));
      const [b, a] = ['lora_B', 'lora_A'].map((part) => second.trained.get(`${layer}.${part}.weight`));
      // The toy's α/r is 2.
      const wanted = product(b as HostTensor, a as HostTensor, 2);
      const off = largestDifference(change, wanted);
      return {
        found: `largest change ${largestAbsolute(change).toPrecision(3)}, off by ${off.toPrecision(2)}`,
        holds: largestAbsolute(change) > 0 && off < 1e-6,
      };
    },
  },
  {
    statement: 'merging changes no answer, and the next task begins there',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first, second] = stages as [ExperimentStage, ExperimentStage];
      const batch = second.examples.slice(0, 6);
      const trained = await first.trainingLogits(batch, first.trained);
      const merged = await first.inferenceLogits(batch);
      const next = await second.trainingLogits(batch, second.initial);
      const off = Math.max(largestDifference(trained, merged), largestDifference(merged, next));
      return { found: `logits differ by at most ${off.toPrecision(2)}`, holds: off < 1e-4 };
    },
  },
];

/** What the kept factors add to a layer's weight. */
function merged({ inference }: ExperimentStage, layer: string): Float64Array {
  const [b, a] = ['kept_B', 'kept_A'].map((part) => inference.parameters.get(`${layer}.${part}`));
  return product(b as HostTensor, a as HostTensor);
}

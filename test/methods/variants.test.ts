// The named variants of methods go through the toy stream, and differ from the default in what they say they change.
import { afterAll, describe, expect, it } from 'vitest';
import { type BuiltInMethod, type Method, methods } from '../../src/methods/index.ts';
import { valuesDifference } from '../../src/methods/shared/matrices.ts';
import { ToyLaboratory } from '../../src/verification/laboratory.ts';

const laboratory = new ToyLaboratory();
afterAll(() => laboratory.dispose());

const variants: readonly (readonly [BuiltInMethod, Readonly<Record<string, unknown>>])[] = [
  ['ewc', { space: 'weights' }],
  ['ewc', { online: true, gamma: 0.5 }],
  ['ewc', { estimator: 'batch' }],
  ['lwf', { topK: 3 }],
  ['olora', { normalise: true, lambda1: 50, lambda2: 0.01 }],
  ['hide', { fusion: 'mean' }],
  ['modalprompt', { top: 2 }],
  ['clmoe', { roles: 'code', top: 1 }],
];

describe('variants', () => {
  it.each(variants)('%s %j', async (name, own) => {
    const method: Method = methods[name];
    const { last, tasks } = await laboratory.run(method, { own, tasks: 3 });
    const { last: usual } = await laboratory.run(method, { own: {}, tasks: 3 });
    expect(tasks).toHaveLength(3);
    const { crossEntropy, extra } = await last.losses(last.trainedOn, last.trained);
    expect(Number.isFinite(crossEntropy) && Number.isFinite(extra)).toBe(true);
    const logits = async (stage: typeof last) => stage.inferenceLogits(stage.examples.slice(0, 6));
    const [found, before] = [await logits(last), await logits(usual)];
    const changed = found.length !== before.length || found.some((value, i) => value !== before[i]);
    expect(changed).toBe(true);
    expect(found.every(Number.isFinite)).toBe(true);
  });

  it('EWC in the space of weights has a Fisher for every adapted layer and none for factors', async () => {
    const { stages } = await laboratory.run(methods.ewc, { own: { space: 'weights' }, tasks: 3 });
    const names = [...(stages[0]?.state.memory.tensors.keys() ?? [])].filter((name) =>
      name.startsWith('fisher/'),
    );
    expect(names.filter((name) => name.endsWith('_proj'))).toHaveLength(14);
    expect(names.filter((name) => name.includes('lora_'))).toEqual([]);
    expect(names.filter((name) => name.includes('multi_modal_projector'))).toHaveLength(4);
  });

  it('online EWC remembers no more after three tasks than after one', async () => {
    const { stages } = await laboratory.run(methods.ewc, { own: { online: true, gamma: 0.5 }, tasks: 3 });
    const sizes = stages.map(({ state }) => state.memory.tensors.size);
    expect(new Set(sizes).size).toBe(1);
    expect(
      valuesDifference(stages[0]!.state.memory.tensors, stages[2]!.state.memory.tensors),
    ).toBeGreaterThan(0);
  });
});

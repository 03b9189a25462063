// A configuration that asks for what a method cannot do is refused before anything runs, with the reason.
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import { loadConfig } from '../../src/config/load.ts';

function issueOf(settings: Readonly<Record<string, unknown>>) {
  try {
    loadConfig('nano', {
      overrides: Object.entries(settings).map(([path, value]) => ({
        path: path.split('.'),
        value,
        label: path,
      })),
    });
  } catch (error) {
    if (error instanceof UserError) return error.issues[0];
    throw error;
  }
  return undefined;
}

describe('is refused', () => {
  it.each([
    [
      'merging MoELoRA',
      { methods: ['moelora'], 'methodSettings.moelora.merge': true },
      'gates depend on the input',
      'merge-then-new',
    ],
    [
      'replay of 0 samples',
      { methods: ['replay'], 'methodSettings.replay.samplesPerTask': 0 },
      'at least 1 sample to replay, found 0',
      'put lora into methods',
    ],
    [
      'a rank that the experts do not divide',
      { methods: ['moelora'], 'adapter.experts': 3 },
      'multiple of the number of experts (3), found 16',
      '15 or 18',
    ],
    [
      'that of CL-MoE',
      { methods: ['clmoe'], 'adapter.experts': 3 },
      'multiple of the number of experts (3)',
      'leave clmoe out',
    ],
    [
      'an odd number of experts in two halves',
      { methods: ['smolora'], 'adapter.rank': 15, 'adapter.experts': 3 },
      'even number of experts, found 3',
      'as many experts for images as for instructions',
    ],
    [
      'more experts in use than there are',
      { methods: ['clmoe'], 'methodSettings.clmoe.top': 5 },
      'at most the number of experts (4), found 5',
      'top',
    ],
    [
      'orthogonality without weight',
      { methods: ['olora'], 'methodSettings.olora.lambda1': 0 },
      'a weight above 0, found 0',
      'merge-then-new',
    ],
    [
      'a setting out of its range',
      { methods: ['lwf'], 'methodSettings.lwf.temperature': 0 },
      'a number above 0, found number 0',
      undefined,
    ],
    [
      'a setting that the method has not',
      { methods: ['ewc'], 'methodSettings.ewc.lamda': 1 },
      'unknown key',
      'did you mean lambda or gamma?',
    ],
    [
      'settings of a method that has none',
      { methods: ['lora'], 'methodSettings.lora.merge': true },
      'unknown key',
      undefined,
    ],
  ] as const)('%s', (_, settings, message, hint) => {
    const issue = issueOf(settings);
    expect(issue?.message).toContain(message);
    if (hint !== undefined) expect(issue?.hint).toContain(hint);
  });

  it('only where the method takes part', () => {
    expect(
      issueOf({ methods: ['lora'], 'adapter.experts': 3, 'methodSettings.replay.samplesPerTask': 0 }),
    ).toBeUndefined();
  });
});

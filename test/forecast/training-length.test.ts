// The sentence about runs that cannot learn: said of the runs that newcomers set up by accident, and not of those that come along.
import { describe, expect, it } from 'vitest';
import { builtIn } from '../../src/config/catalogue.ts';
import { loadConfig } from '../../src/config/load.ts';
import { planRun } from '../../src/config/plan.ts';
import { shortTraining } from '../../src/forecast/training-length.ts';

function said(name: string, samples: number, ...settings: readonly (readonly [string, unknown])[]) {
  const overrides = settings.map(([key, value]) => ({ path: key.split('.'), value, label: '--set' }));
  const config = loadConfig(name, { overrides });
  const steps = planRun(config, builtIn).map((step) => ({
    step,
    samples: step.kind === 'train' ? samples * config.training.epochs * step.tasks.length : samples,
  }));
  return shortTraining(config, steps);
}

describe('a run that cannot learn', () => {
  it('is told of: 48 samples in the batches and steps of a 7B', () => {
    const of7b = [
      ['training.batchSize', 16],
      ['training.learningRate', 2e-4],
    ] as const;
    expect(said('nano', 48, ...of7b)).toMatch(
      /^This will hardly learn anything: 3 optimiser steps on \w+ at a learning rate of 0.0002\. /,
    );
    expect(said('nano', 16, ...of7b)).toContain(': 1 optimiser step on ');
    // Accumulation makes one step of several batches; epochs make more.
    expect(said('nano', 400, ['training.accumulation', 50])).toContain(': 1 optimiser step on ');
    expect(said('nano', 400, ['training.accumulation', 50], ['training.epochs', 5])).toBeUndefined();
  });

  it('is told of where many steps lead nowhere', () => {
    expect(said('nano', 400, ['training.learningRate', 1e-6])).toContain(': 50 optimiser steps on ');
  });

  it('nothing is said of nano as it comes, nor of a run that trains nothing', () => {
    expect(said('nano', 400)).toBeUndefined();
    expect(said('nano', 8, ['methods', ['zero-shot']])).toBeUndefined();
  });
});

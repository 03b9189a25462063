// One table says what depends on a key; what is not in it counts everywhere.
import { expect, it } from 'vitest';
import { builtIn } from './catalogue.ts';
import { binds, dependsOn } from './key-effects.ts';
import { loadConfig } from './load.ts';
import { configSchema } from './schema.ts';

const config = loadConfig('nano');
const keysOf = (what: 'compared' | 'training' | 'answers') => new Set(Object.keys(dependsOn(config, what)));

it('knows every key that a run has', () => {
  const keys = Object.keys(configSchema(builtIn).shape).filter((key) => key !== 'base');
  expect(keys.filter((key) => binds(key))).not.toContain('output');
  // A key without a row binds, and counts everywhere.
  const more = { ...config, unheardOf: 1 };
  expect(binds('unheardOf')).toBe(true);
  expect(dependsOn(more, 'training')).toHaveProperty('unheardOf', 1);
});

it('tells training from answering, and both from places', () => {
  const [training, answers, compared] = [keysOf('training'), keysOf('answers'), keysOf('compared')];
  for (const key of ['output', 'name', 'cache']) {
    for (const keys of [training, answers, compared]) expect(keys).not.toContain(key);
  }
  expect(training).toContain('seed');
  expect(answers).not.toContain('seed');
  expect(compared).not.toContain('seed');
  expect(answers).toContain('testSeed');
  expect(training).not.toContain('testSeed');
  expect(training).toContain('provider');
  expect(compared).not.toContain('provider');
});

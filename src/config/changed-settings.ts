// Which settings of a configuration are not the defaults of its model and its stream: what a reader wants to see first.
import { valueDifferences } from '../formats/records/differences.ts';
import type { Catalogue } from './catalogue.ts';
import { crossCheck } from './cross-check.ts';
import { merged } from './layers.ts';
import { settingsFor } from './presets.ts';
import { configSchema, type RunConfig } from './schema.ts';

/** Where a run lies and what it is called; and what is worked out from other settings. */
const notChosen = new Set(['name', 'output', 'cache', 'model', 'benchmark', 'plugins', 'adapter.budget']);

/** Dotted keys of the configuration, in its own order, whose values were chosen otherwise than by default. */
export function changedSettings(config: RunConfig, catalogue: Catalogue): readonly string[] {
  const { model, benchmark, methods } = config;
  const defaults = configSchema(catalogue).safeParse(
    merged(settingsFor({ model, benchmark }), { model, benchmark, methods }),
  );
  if (!defaults.success) return [];
  const { tasks } = crossCheck(defaults.data, catalogue);
  return valueDifferences({ ...defaults.data, tasks }, config)
    .map(({ path }) => path)
    .filter((path) => !notChosen.has(path[0] ?? '') && !notChosen.has(path.join('.')))
    .map((path) => path.join('.'));
}

// The configuration of a toy run: another model with the settings of the embedded one, for which they are small enough.
import type { Catalogue } from '../../src/config/catalogue.ts';
import { loadConfig, type RunConfig } from '../../src/config/load.ts';
import { settingsFor } from '../../src/config/presets.ts';

/** @param values settings by their dotted path. */
export function toyConfig(values: Readonly<Record<string, unknown>>, catalogue?: Catalogue): RunConfig {
  const small = Object.entries(settingsFor({ model: 'nano' }));
  return loadConfig('nano', {
    catalogue,
    overrides: [...small, ...Object.entries(values)].map(([path, value]) => ({
      path: path.split('.'),
      value,
      label: path,
    })),
  });
}

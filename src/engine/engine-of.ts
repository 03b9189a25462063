// The engine of a configuration, in this thread. The runtime is loaded with the first one: a command that finds nothing to
// do needs none. Not how many engines a run has: that is `runs/start.ts`.
import type { Catalogue } from '../config/catalogue.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { locateModel } from '../models/index.ts';
import type { ObservingEngine } from './contract.ts';
import type { EngineOptions } from './engine.ts';

/** @throws UserError when the model's folder is not there or cannot be read. */
export async function engineOf(
  { config, catalogue = catalogueOf(config) }: { readonly config: RunConfig; readonly catalogue?: Catalogue },
  options: Pick<EngineOptions, 'onClose'> = {},
): Promise<ObservingEngine> {
  const modelFolder = locateModel(config.model, catalogue.families);
  const { openEngine } = await import('./engine.ts');
  return openEngine({ config, catalogue, modelFolder, ...options });
}

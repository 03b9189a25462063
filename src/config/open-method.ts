// A method with a run's settings for it: the one place where a configuration opens a method.
// How the settings were checked is the schema's and the cross-checks' matter; which methods there are, the catalogue's.
import type { Method, MethodSettings, OpenMethod } from '../methods/index.ts';
import type { RunConfig } from './schema.ts';

/** The keys of a configuration that a method's settings come from. */
export type MethodConfig = Pick<RunConfig, 'adapter' | 'methodSettings'>;

/** The method, ready to train and to answer under the run's settings. */
export function openMethod(config: MethodConfig, method: Method): OpenMethod {
  return method.open(methodSettingsOf(config, method));
}

/** What a method of the run is opened with; one that is no mixture is not told of experts. */
export function methodSettingsOf(
  { adapter, methodSettings }: MethodConfig,
  { name, mixture = false }: Method,
): MethodSettings {
  const { rank, alpha, dropout, experts, methods: own } = adapter;
  const settings = { rank, alpha, dropout, experts, ...own[name] };
  return {
    adapter: mixture ? settings : { ...settings, experts: 1 },
    own: methodSettings[name] ?? {},
  };
}

// A method of a run with the run's settings for it: the one place where a configuration opens a method.
// How the settings were checked is the schema's and the cross-checks' matter.
import {
  type Method,
  type MethodName,
  type MethodSettings,
  methods,
  type OpenMethod,
} from '../methods/index.ts';
import type { RunConfig } from './schema.ts';

/** The keys of a configuration that a method's settings come from. */
export type MethodConfig = Pick<RunConfig, 'adapter' | 'methodSettings'>;

/** The method, ready to train and to answer under the run's settings. */
export function openMethod(config: MethodConfig, method: MethodName): OpenMethod {
  return methods[method].open(methodSettingsOf(config, method));
}

/** What a method of the run is opened with; one that is no mixture is not told of experts. */
export function methodSettingsOf(
  { adapter, methodSettings }: MethodConfig,
  method: MethodName,
): MethodSettings {
  const { rank, alpha, dropout, experts, methods: own } = adapter;
  const { mixture = false }: Method = methods[method];
  const settings = { rank, alpha, dropout, experts, ...own[method] };
  return {
    adapter: mixture ? settings : { ...settings, experts: 1 },
    own: methodSettings[method] ?? {},
  };
}

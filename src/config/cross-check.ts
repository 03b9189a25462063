// What no single key of a configuration can say: problems between keys, and the order of tasks.
// Runs after the schema, on a configuration whose keys are right one by one.
import { UserError } from '../base/errors.ts';
import { resolveTaskOrder } from '../streams/coin/order.ts';
import { publishedRow } from '../streams/coin/published.ts';
import type { TaskName } from '../tasks/index.ts';
import type { Catalogue } from './catalogue.ts';
import { methodSettingsOf } from './open-method.ts';
import type { ConfigProblem } from './problems.ts';
import { type ParsedConfig, providersOf } from './schema.ts';
/** The tasks in training order, and every problem between keys. */
export function crossCheck(
  config: ParsedConfig,
  catalogue: Catalogue,
): {
  readonly tasks: readonly TaskName[];
  readonly problems: readonly ConfigProblem[];
} {
  const problems: ConfigProblem[] = [];
  for (const name of config.methods) {
    const given: Readonly<Record<string, unknown>> = config.adapter.methods[name] ?? {};
    const method = catalogue.methods.get(name);
    for (const { path, ...problem } of method.problems(methodSettingsOf(config, method))) {
      const [section, key = ''] = path;
      const own = section === 'adapter' && given[key] !== undefined;
      problems.push({ path: own ? ['adapter', 'methods', name, key] : path, ...problem });
    }
  }
  if (config.adapter.match === 'none' && config.adapter.budget !== undefined) {
    problems.push({
      path: ['adapter', 'budget'],
      message: 'a budget is what methods are matched to, but match is none',
      hint: 'set adapter.match to parameters, or leave the budget out',
    });
  }
  const places = providersOf[config.baseWeights];
  if (!places.includes(config.provider)) {
    problems.push({
      path: ['baseWeights'],
      message: `${config.baseWeights} does not run on provider ${config.provider}`,
      hint: `use int4 or float32, or provider ${places.join(' or ')}`,
    });
  }
  if (config.zeroShotGate !== 'none') {
    try {
      publishedRow(config.zeroShotGate);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(...error.issues.map(({ message, hint }) => ({ path: ['zeroShotGate'], message, hint })));
    }
  }
  if (config.zeroShotGate !== 'none' && !config.evaluation.zeroShot) {
    problems.push({
      path: ['zeroShotGate'],
      message: 'the gate needs the zero-shot scores, but zeroShot is false',
      hint: 'set evaluation.zeroShot to true, or zeroShotGate to none',
    });
  }
  config.methods.forEach((method, index) => {
    if (config.methods.indexOf(method) !== index) {
      problems.push({ path: ['methods', index], message: `${method} occurs twice` });
    }
  });
  try {
    return { tasks: resolveTaskOrder(config.tasks, config.seed, catalogue.tasks.names), problems };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    problems.push(...error.issues.map(({ message, hint }) => ({ path: ['tasks'], message, hint })));
    return { tasks: [], problems };
  }
}
